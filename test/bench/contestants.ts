// Those who are measured, each a process of its own on one CPU: started when a scenario first asks for them.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { certificates } from '../support/certificates'
import { startProgram } from '../support/program'
import { CPU, pin } from './cpu'
import { DAEMONS, type RunningDaemon } from './daemons'
import { FLOORS } from './floors'
import { startOrigins } from './origins'
import { SLUICE } from './report'
import type { Scope } from './scope'
import type { Protocol, Surroundings } from './surroundings'

/** A contestant that answers. */
export interface Contestant {
  readonly name: string
  readonly url: string
  readonly pid: number
  readonly protocol: Protocol
  /** Collects the garbage of a Node. */
  collect(): void
}

/** Starts contestants; undefined for one that is not installed. */
export interface Crew {
  /** Once for all scenarios. */
  get(name: string, protocol: Protocol): Promise<Contestant | undefined>
  /** For as long as a scope of its own. */
  start(scope: Scope, name: string, protocol: Protocol): Promise<Contestant | undefined>
}

/** The origins first; `many` is how many ports the first of them needs beside its own. */
export async function assemble(scope: Scope, scratch: string, many: number): Promise<Crew> {
  const { key, cert } = certificates().good
  const pem = join(scratch, 'certificate.pem')
  writeFileSync(pem, key + cert)
  const around = { ...(await startOrigins(scope, scratch, many)), pem }
  const started = new Map<string, Promise<Contestant | undefined>>()

  let count = 0

  async function start(own: Scope, name: string, protocol: Protocol): Promise<Contestant | undefined> {
    // A model is asked in plain HTTP: what it answers is the same in every protocol.
    const model = name in FLOORS ? ((await get(SLUICE, 'http')) as Contestant).url : ''
    const disk = join(scratch, `disk-${count++}`)
    const at = { ...around, disk, protocol, model }
    const running = await (DAEMONS[name]?.(own, at, scratch) ?? startNode(own, name, at))
    if (running === undefined) return undefined
    const { url, pid } = running
    pin(pid, CPU.measured)
    const collect = () => {
      if (!(name in DAEMONS)) process.kill(pid, 'SIGUSR2')
    }
    return { name, protocol, url, pid, collect }
  }

  function get(name: string, protocol: Protocol): Promise<Contestant | undefined> {
    const id = `${name} ${protocol}`
    const contestant = started.get(id) ?? start(scope, name, protocol)
    started.set(id, contestant)
    return contestant
  }

  return { get, start }
}

async function startNode(scope: Scope, name: string, at: Surroundings): Promise<RunningDaemon> {
  const env = { BENCH: JSON.stringify({ ...at, name }), NODE_ENV: 'production' }
  const { urls, pid } = await startProgram(scope, 'test/bench/server.js', env)
  return { url: urls[0] as string, pid }
}
