// One round of load over kept connections: wrk when it is installed, else autocannon.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findTool } from '../support/tools'
import { CPU } from './cpu'

const run = promisify(execFile)
const HERE = join(__dirname, '..', '..', '..', 'test', 'bench')

/** What is asked, all the time, on each connection. */
export interface Load {
  readonly url: string
  readonly seconds: number
  readonly connections: number
  readonly method?: 'GET' | 'POST'
  readonly fields?: Readonly<Record<string, string>>
  readonly bodyBytes?: number
  /** A directory for what the generator has to read. */
  readonly scratch: string
}

/** What came of it. */
export interface Round {
  readonly requests: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Broken connections, timeouts, and statuses of 400 and more. */
  readonly failed: number
}

/** Runs one round, on the CPU of the others. */
export function makeLoad(load: Load): Promise<Round> {
  const wrk = findTool('wrk')
  return wrk === undefined ? withAutocannon(load) : withWrk(wrk, load)
}

async function withWrk(wrk: string, load: Load): Promise<Round> {
  const { url, seconds, connections, method = 'GET', fields = {}, bodyBytes = 0, scratch } = load
  const script = join(scratch, 'request.lua')
  writeFileSync(script, `wrk.method = "${method}"\n${bodyBytes > 0 ? BODY(bodyBytes) : ''}${REPORT}`)
  const headers = Object.entries(fields).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, ...headers, url]
  const { stdout } = await onOthers(wrk, args)
  const [requests, us, p50, p99, failed] = (/^sluice (.*)$/m.exec(stdout)?.[1] ?? '').split(' ').map(Number)
  return round({
    requests,
    seconds: (us ?? 0) / 1e6,
    p50Ms: (p50 ?? 0) / 1000,
    p99Ms: (p99 ?? 0) / 1000,
    failed
  })
}

const BODY = (bytes: number) => `wrk.body = string.rep("x", ${bytes})\n`

/** One line that needs no units: requests, microseconds, percentiles in microseconds, failures. */
const REPORT = `done = function(s, l)
  local e = s.errors
  io.write(string.format("sluice %d %d %d %d %d\\n", s.requests, s.duration, l:percentile(50), l:percentile(99),
    e.connect + e.read + e.write + e.timeout + e.status))
end
`

async function withAutocannon(load: Load): Promise<Round> {
  const { url, seconds, connections, method = 'GET', fields = {}, bodyBytes = 0 } = load
  const program = createRequire(join(HERE, 'package.json')).resolve('autocannon/autocannon.js')
  const headers = Object.entries(fields).flatMap(([name, value]) => ['-H', `${name}=${value}`])
  const body = bodyBytes > 0 ? ['-b', 'x'.repeat(bodyBytes)] : []
  const args = [
    '-j',
    '-n',
    '-c',
    `${connections}`,
    '-d',
    `${seconds}`,
    '-m',
    method,
    ...headers,
    ...body,
    url
  ]
  const { stdout } = await onOthers(process.execPath, [program, ...args])
  const { requests, latency, duration, errors, non2xx } = JSON.parse(stdout)
  const failed = errors + non2xx
  return round({
    requests: requests.total,
    seconds: duration,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    failed
  })
}

function onOthers(program: string, args: readonly string[]): Promise<{ stdout: string }> {
  const taskset = findTool('taskset')
  if (taskset === undefined) return run(program, args)
  return run(taskset, ['-c', String(CPU.others), program, ...args])
}

interface Measured {
  readonly requests: number | undefined
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failed: number | undefined
}

function round({ requests = 0, seconds, p50Ms, p99Ms, failed = 0 }: Measured): Round {
  if (!(requests > 0)) throw new Error('the load generator got no answer')
  return { requests, perSecond: requests / seconds, p50Ms, p99Ms, failed }
}
