// What WebSocket connections take that nobody speaks on.
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Contestant } from './contestants'
import { besideOthers, memoryBytes } from './cpu'
import type { IdleScenario } from './scenarios'

const SETTLE_MS = 1000

/** In KiB for each connection: the second time, so that what is made once for all is there already. */
export async function idleMemory({ connections }: IdleScenario, contestant: Contestant): Promise<number> {
  await whileIdle(contestant.url, connections / 10, async () => {})
  const before = await settledMemory(contestant)
  const standing = await whileIdle(contestant.url, connections, () => settledMemory(contestant))
  return (standing - before) / 1024 / connections
}

/** With so many connections open. */
async function whileIdle<T>(url: string, connections: number, run: () => Promise<T>): Promise<T> {
  const task = JSON.stringify({ url: `${url}/ws`, connections, hold: true, bytes: 64, seconds: 0 })
  const program = join(__dirname, 'websocket-load.js')
  const holder = besideOthers(process.execPath, [program], { ...process.env, BENCH_LOAD: task })
  const ended = once(holder, 'exit')
  const standing = once(holder.stdout, 'data')
  const early = ended.then(([code]) => Promise.reject(new Error(`the connections broke: ${code}`)))
  try {
    await Promise.race([standing, early])
    return await Promise.race([run(), early])
  } finally {
    early.catch(() => {})
    holder.stdin.end()
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
