// Clients that leave while their requests are under way. Those of HTTP/2 do so in a process of their own: Node's client does not survive
// every reset of a stream (nodejs/node#38964), and what is on trial is the edge.
import { execFile } from 'node:child_process'
import { constants } from 'node:http2'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { connectH2, type H2Client } from '../support/h2'
import { connectRaw } from '../support/raw-client'

/** Where a request to this path spends its time. */
export const PHASES = ['queue', 'connect', 'upload', 'head', 'body', 'none'] as const
type Phase = (typeof PHASES)[number]

/** Who leaves, how often, and for how long. */
export interface Errand {
  readonly client: 'HTTP/1.1' | 'HTTP/2'
  readonly url: string
  readonly aborts: number
  /** After so long the fewest are enough; 0 = all. */
  readonly enoughMs: number
  readonly seed: number
}

const FEWEST = 90
const AT_ONCE = 8
/** How long a client stays at most: half of them by the clock, half by turns of the loop, which a slow machine has no fewer of. */
const LONGEST_MS = 60
const MOST_TURNS = 40
/** Far fewer than the resets for which Node's HTTP/2 server ends a connection. */
const STREAMS_PER_SESSION = 40
const UPLOAD_BYTES = 300_000

/** Numbers of a seed, so that a failure can be played again. */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return state / 0x80000000
  }
}

/** When, as a share of the longest time, and in which of two ways. */
interface How {
  readonly stay: number
  readonly reset: boolean
}

/** Requests that are broken off after a while. */
interface Leaving {
  leave(phase: Phase, how: How): Promise<void>
  end(): void
}

/** `share`: of the longest time. */
async function staying(share: number): Promise<void> {
  if (share < 0.5) return sleep(share * 2 * LONGEST_MS)
  for (let turns = Math.floor((share - 0.5) * 2 * MOST_TURNS); turns > 0; turns--) {
    await new Promise((resolve) => setImmediate(resolve))
  }
}

function leaveHttp1(url: string): Leaving {
  async function leave(phase: Phase, { stay, reset }: How): Promise<void> {
    const client = await connectRaw(url)
    const upload = phase === 'upload'
    const line = `${upload ? 'PUT' : 'GET'} /${phase} HTTP/1.1\r\nHost: a\r\n`
    const content = `Content-Length: ${UPLOAD_BYTES}\r\n\r\n${'u'.repeat(UPLOAD_BYTES)}`
    void client.send(line + (upload ? content : '\r\n'))
    await staying(stay)
    if (reset) client.reset()
    else client.destroy()
    await client.closed
  }
  return { leave, end: () => {} }
}

/** By turns the stream is cancelled and failed; now and then the whole connection goes, with all that is on it. */
function leaveHttp2(url: string): Leaving {
  const sessions = new Set<H2Client>()
  let current: Promise<H2Client> | undefined
  let streams = 0
  async function replace(): Promise<H2Client> {
    const last = await current
    last?.session.destroy()
    if (last !== undefined) sessions.delete(last)
    const client = await connectH2(url)
    sessions.add(client)
    return client
  }
  async function leave(phase: Phase, { stay, reset }: How): Promise<void> {
    if (streams++ % STREAMS_PER_SESSION === 0) current = replace()
    const client = await current
    if (client === undefined || client.session.destroyed) return
    const upload = phase === 'upload'
    const body = upload ? Buffer.alloc(UPLOAD_BYTES, 'u') : undefined
    const stream = client.open(`/${phase}`, { method: upload ? 'PUT' : 'GET', ...(body && { body }) })
    stream.on('error', () => {}).on('data', () => {})
    const closed = new Promise<void>((resolve) => stream.once('close', () => resolve()))
    // Node's client may die of a stream that is reset in the very turn in which it was opened.
    await new Promise((resolve) => setImmediate(resolve))
    // Turns of a loop that has nothing else to do are no time.
    await sleep(stay * LONGEST_MS)
    stream.close(reset ? constants.NGHTTP2_CANCEL : constants.NGHTTP2_INTERNAL_ERROR)
    await closed
  }
  const end = (): void => {
    for (const { session } of sessions) session.destroy()
  }
  return { leave, end }
}

/** Resolves with how many have left. */
export async function leaveAll({ client, url, aborts, enoughMs, seed }: Errand): Promise<number> {
  const { leave, end } = client === 'HTTP/1.1' ? leaveHttp1(url) : leaveHttp2(url)
  const random = dice(seed)
  const deadline = enoughMs === 0 ? Number.POSITIVE_INFINITY : Date.now() + enoughMs
  let begun = 0
  const worker = async () => {
    while (begun < aborts && (begun < FEWEST || Date.now() < deadline)) {
      const phase = PHASES[begun++ % PHASES.length] ?? 'none'
      await leave(phase, { stay: random(), reset: random() < 0.5 })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  end()
  return begun
}

/** The same in a process of its own. */
export async function leaveElsewhere(errand: Errand): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [__filename, JSON.stringify(errand)])
  return Number(stdout)
}

if (require.main === module) {
  void leaveAll(JSON.parse(process.argv[2] as string)).then((begun) => console.log(begun))
}
