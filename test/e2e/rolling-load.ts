// The load on rolling edges, in a process of its own: `node rolling-load.js <url> <clients> <tunnels>`. Keep-alive clients whose every
// request has an id and a content that proves itself, and tunnels that talk, close, and come back when they are told to go.
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import { Readable } from 'node:stream'
import { WebSocket } from 'ws'
import { seededBody, seededVerifier } from '../support/self-verifying'

/** What the clients saw. */
export interface Account {
  /** The id of each request that was answered, its content verified. */
  readonly answered: readonly string[]
  readonly failed: readonly string[]
  /** Requests that met a connection which the edge had closed between two requests, and went on a new one, as from any client. */
  readonly resent: readonly string[]
  /** Tunnels that stood. */
  readonly tunnels: number
  /** Echoes that came back. */
  readonly echoes: number
  /** How many ended with which close code. */
  readonly codes: Readonly<Record<number, number>>
}

/** Requests per second, however many clients make them: the load is there all the time, and leaves the machine to the edges. */
const RATE = 300
/** Of the mean pause: some ask again at once, some are away for longer than the edge waits. */
const PACES = [0, 0.1, 0.5, 1, 3.4]
const KINDS = ['get', 'get', 'get', 'post', 'large', 'slow', 'post', 'upload'] as const

const [url = '', clients = '0', tunnels = '0'] = process.argv.slice(2)
const meanPauseMs = (Number(clients) / RATE) * 1000
const it = { answered: [] as string[], failed: [] as string[], resent: [] as string[], tunnels: 0, echoes: 0 }
const codes: Record<number, number> = {}
let done = false

/** Said at once as well: a long run need not be waited for. */
function fail(problem: string): void {
  it.failed.push(problem)
  console.error(problem)
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** One request, made from its id and number alone so that it can be made again. */
function send(id: string, n: number, agent: Agent): Promise<void> {
  const kind = KINDS[n % KINDS.length] as (typeof KINDS)[number]
  const size = kind === 'large' ? 150_000 : (n * 7919) % 3000
  const isUpload = kind === 'post' || kind === 'upload'
  const body = isUpload ? seededBody(id, size) : undefined
  const path = `${url}/${kind}/${id}/${size}/${(n * 131) % 900}`
  return new Promise((resolve, reject) => {
    const sent = request(path, { agent, method: isUpload ? 'POST' : 'GET' }, (response) => {
      verify(response, id).then(resolve, reject)
    })
    sent.once('error', (error: NodeJS.ErrnoException) => {
      const wasClosed = sent.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
      if (!wasClosed) return reject(error)
      it.resent.push(id)
      resolve(send(id, n, agent))
    })
    if (kind === 'upload' && body !== undefined) Readable.from(slowly(body)).pipe(sent)
    else sent.end(body)
  })
}

async function* slowly(body: Buffer): AsyncGenerator<Buffer> {
  const half = body.length >> 1
  yield body.subarray(0, half)
  await pause(half % 400)
  yield body.subarray(half)
}

async function verify(response: IncomingMessage, id: string): Promise<void> {
  const verifier = seededVerifier(id)
  for await (const chunk of response) verifier.write(chunk as Buffer)
  const verdict = verifier.verdict()
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
  if (!verdict.ok) throw new Error(verdict.problem)
}

async function client(number: number, started: () => void): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  await pause((meanPauseMs * number) / Number(clients))
  for (let n = 0; !done; n++) {
    const id = `c${number}-${n}`
    await send(id, n * 3 + number, agent).then(
      () => it.answered.push(id),
      (error: NodeJS.ErrnoException) => fail(`${id}: ${error.code ?? ''} ${error.message}`)
    )
    if (n === 0) started()
    await pause(meanPauseMs * (PACES[(n + number) % PACES.length] as number))
  }
  agent.destroy()
}

/** One tunnel until it ends. Every third closes by itself after a while. */
async function talk(name: string, echoesOfItsOwn: number, started: () => void): Promise<void> {
  const socket = new WebSocket(url.replace('http', 'ws'))
  const closed = once(socket, 'close') as Promise<[number]>
  // A failed handshake rejects both.
  closed.catch(() => {})
  await once(socket, 'open')
  started()
  it.tunnels++
  const isOpen = () => socket.readyState === WebSocket.OPEN
  for (let n = 0; isOpen(); n++) {
    if (done || n === echoesOfItsOwn) socket.close(1000)
    else {
      socket.send(`${name}:${n}`)
      const echo = await Promise.race([once(socket, 'message'), closed.then(() => undefined)])
      if (echo === undefined) break
      if (String(echo[0]) !== `${name}:${n}`) fail(`${name}:${n}: heard ${echo[0]}`)
      it.echoes++
      await Promise.race([pause(Number(tunnels) * 4), closed])
    }
  }
  const [code] = await closed
  codes[code] = (codes[code] ?? 0) + 1
}

async function tunnel(number: number, started: () => void): Promise<void> {
  const echoesOfItsOwn = number % 3 === 0 ? 1 + (number % 5) : Number.POSITIVE_INFINITY
  for (let n = 0; !done; n++) {
    const name = `t${number}-${n}`
    await talk(name, echoesOfItsOwn, started).catch(async (error: Error) => {
      fail(`${name}: ${error.message}`)
      await pause(100)
    })
  }
}

async function main(): Promise<void> {
  const each = (count: string, run: (number: number, started: () => void) => Promise<void>) =>
    Array.from({ length: Number(count) }, (_, number) => {
      let end: Promise<void> = Promise.resolve()
      const started = new Promise<void>((resolve) => {
        end = run(number, resolve)
      })
      return { started, end }
    })
  const all = [...each(clients, client), ...each(tunnels, tunnel)]
  const stop = once(process, 'message')
  await Promise.all(all.map(({ started }) => started))
  process.send?.('started')
  await stop
  done = true
  await Promise.all(all.map(({ end }) => end))
  process.send?.({ ...it, codes } satisfies Account)
}

process.once('disconnect', () => process.exit())
main().catch((error) => {
  console.error(error)
  process.exit(1)
})
