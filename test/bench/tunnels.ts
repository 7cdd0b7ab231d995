// What WebSocket connections take: a message there and back, and one that nobody speaks on.
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Contestant } from './contestants'
import { besideOthers, cpuTimeMs, memoryBytes } from './cpu'
import type { Round, Sample } from './report'
import type { EchoScenario, IdleScenario } from './scenarios'
import type { Task } from './websocket-load'

const SETTLE_MS = 1000
const TALKING = 32

/** Connections that stand. */
interface Tunnels {
  /** Speaks on all of them for as long as was said. */
  talk(): Promise<Round>
}

/** The handshakes do not count: in a short round they would be most of it. */
export function echoRound(
  { bytes }: EchoScenario,
  contestant: Contestant,
  seconds: number
): Promise<Sample & Round> {
  return whileStanding(
    { url: `${contestant.url}/ws`, connections: TALKING, bytes, seconds },
    async ({ talk }) => {
      const before = cpuTimeMs(contestant.pid)
      const round = await talk()
      return { ...round, figure: ((cpuTimeMs(contestant.pid) - before) * 1000) / round.requests }
    }
  )
}

/** In KiB for each connection, beside some that stand already: what is made once for all is there. */
export async function idleMemory({ connections }: IdleScenario, contestant: Contestant): Promise<number> {
  const task = { url: `${contestant.url}/ws`, bytes: 64, seconds: 0 }
  return whileStanding({ ...task, connections: connections / 4 }, async () => {
    const before = await settledMemory(contestant)
    const standing = await whileStanding({ ...task, connections }, () => settledMemory(contestant))
    return (standing - before) / 1024 / connections
  })
}

async function whileStanding<T>(task: Task, run: (tunnels: Tunnels) => Promise<T>): Promise<T> {
  const program = join(__dirname, 'websocket-load.js')
  const env = { ...process.env, BENCH_LOAD: JSON.stringify(task) }
  const load = besideOthers(process.execPath, [program], env)
  const ended = once(load, 'exit')
  const broken = ended.then(([code]) => Promise.reject(new Error(`the connections broke: ${code}`)))
  const line = async () => String((await Promise.race([once(load.stdout, 'data'), broken]))[0])
  const talk = async () => {
    load.stdin.write('talk\n')
    return JSON.parse(await line()) as Round
  }
  try {
    await line()
    return await Promise.race([run({ talk }), broken])
  } finally {
    broken.catch(() => {})
    load.stdin.end()
    await ended
  }
}

/** Once what was under way is done. Garbage is no cost of a connection. */
async function settledMemory({ pid, collect }: Contestant): Promise<number> {
  await wait(SETTLE_MS)
  collect()
  await wait(SETTLE_MS)
  return memoryBytes(pid)
}
