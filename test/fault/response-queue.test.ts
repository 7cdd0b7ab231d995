// A server that answers twice, unasked, or more than it says, on a few connections that many clients share: each gets its own answer
// or a 502, and no connection is used again in doubt (RFC 9112 §6.3, §9.3). SLUICE_POISON_ROUNDS sets how many, without haste.
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Agent } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { connectRaw, type RawClient } from '../support/raw-client'
import { tempDir } from '../support/temp-dir'
import { type Peer, startTurns, type Turn } from './turn-server'

const ROUNDS = Number(process.env.SLUICE_POISON_ROUNDS ?? 3000)
const ENOUGH_MS = process.env.SLUICE_POISON_ROUNDS === undefined ? 10_000 : Number.POSITIVE_INFINITY
const CLIENTS = 3

/** A server's side of one request: what it says at once, and what it says once nobody has asked it anything. */
interface Say {
  (...bytes: string[]): void
  unasked(bytes: string): void
}

type Play = (id: string, say: Say) => void

const EVIL = 'HTTP/1.1 200 OK\r\nX-Id: evil\r\nContent-Length: 4\r\n\r\nevil'
const EARLY_HINTS = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n'
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'
const head = (id: string, fields: string, status = '200 OK') =>
  `HTTP/1.1 ${status}\r\nX-Id: ${id}\r\n${fields}\r\n`
const counted = (id: string) => `${head(id, `Content-Length: ${id.length}\r\n`)}${id}`
const chunked = (id: string) =>
  `${head(id, 'Transfer-Encoding: chunked\r\n')}${id.length.toString(16)}\r\n${id}\r\n0\r\n\r\n`

const TRUTHS: readonly Play[] = [
  (id, say) => say(counted(id)),
  (id, say) => say(chunked(id)),
  (id, say) => say(head(id, `Content-Length: ${id.length}\r\n`), id),
  (id, say) => say(EARLY_HINTS.repeat(5), CONTINUE, counted(id))
]

const LIES: readonly (readonly [name: string, play: Play])[] = [
  ['two answers at once', (id, say) => say(counted(id) + EVIL)],
  ['two answers, two writes', (id, say) => say(counted(id), EVIL)],
  ['two answers in chunks', (id, say) => say(chunked(id) + chunked('evil'))],
  ['an answer to nobody', (id, say) => void [say(counted(id)), say.unasked(EVIL)]],
  ['half an answer to nobody', (id, say) => void [say(counted(id)), say.unasked(EVIL.slice(0, 30))]],
  ['an interim answer to nobody', (id, say) => void [say(counted(id)), say.unasked(EARLY_HINTS)]],
  ['a byte to nobody', (id, say) => void [say(chunked(id)), say.unasked('\n')]],
  ['bytes behind counted content', (id, say) => say(`${counted(id)}\r\n\r\n`)],
  ['a length below the content', (id, say) => say(`${counted(id)}${'x'.repeat(50)}`)],
  ['a length of nothing', (id, say) => say(`${head(id, 'Content-Length: 0\r\n')}${EVIL}`)],
  ['a storm of interim answers', (id, say) => say(EARLY_HINTS.repeat(30), counted(id), EVIL)],
  ['more interim answers than are borne', (id, say) => say(CONTINUE.repeat(40), counted(id))],
  ['interim answers behind the answer', (id, say) => say(counted(id) + EARLY_HINTS.repeat(20))],
  ['content on 204', (id, say) => say(head(id, '', '204 No Content') + EVIL)],
  ['counted content on 204', (id, say) => say(`${head(id, 'Content-Length: 3\r\n', '204 No Content')}abc`)],
  ['content on 204, late', (id, say) => void [say(head(id, '', '204 No Content')), say.unasked(EVIL)]],
  ['content on 304', (id, say) => say(head(id, 'Content-Length: 56\r\n', '304 Not Modified') + EVIL)],
  ['content on 304, late', (id, say) => void [say(head(id, '', '304 Not Modified')), say.unasked(EVIL)]],
  ['a switch that nobody asked for', (id, say) => say(head(id, 'Upgrade: x\r\n', '101 X') + counted(id))],
  ['content on HEAD', (id, say) => say(head(id, 'Content-Length: 56\r\n') + EVIL)],
  ['content on HEAD, late', (id, say) => void [say(head(id, 'Content-Length: 56\r\n')), say.unasked(EVIL)]]
]

/** For each unix connection of this process, its client's socket: a server that lies must know what is on its way to it. */
function watchSockets(t: TestContext): (peer: Peer) => Socket | undefined {
  const dialled: Socket[] = []
  const onSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket }
    socket.once('connect', () => socket.remoteAddress === undefined && dialled.push(socket))
  }
  subscribe('net.client.socket', onSocket)
  t.after(() => unsubscribe('net.client.socket', onSocket))
  return ({ number }) => dialled[number]
}

/** Lies four times out of five; `unasked` goes by unix sockets, which deliver at once, between two polls of the network. */
async function startPoisoner(t: TestContext, unix: string) {
  const socketOf = watchSockets(t)
  const liars = new Set<Peer>()
  const it = { url: '', lies: new Map<string, number>(), reused: 0, kept: 0, onUnasked: () => {} }
  const lie = (peer: Peer, name: string): void => {
    liars.add(peer)
    it.lies.set(name, (it.lies.get(name) ?? 0) + 1)
  }
  function onTurn({ peer, method, path }: Turn): void {
    const n = Number(path.slice(1))
    if (liars.has(peer)) it.reused++
    if (peer.turns > 1) it.kept++
    const [name, play] = lieFor(n, method) ?? ['', TRUTHS[n % TRUTHS.length] as Play]
    let late = false
    const say = (...bytes: string[]): void => {
      for (const part of bytes)
        peer.socket.write(method === 'HEAD' && name === '' ? headOf(part) : part, 'latin1')
    }
    const unasked = (bytes: string): void => {
      late = true
      setTimeout(() => {
        const client = socketOf(peer)
        // What is on its way has been asked; whatever is said then is its answer.
        if (client === undefined || client.destroyed || client.bytesWritten !== peer.socket.bytesRead) return
        lie(peer, name)
        it.onUnasked()
        peer.socket.write(bytes, 'latin1')
      }, n % 7)
    }
    play(path.slice(1), Object.assign(say, { unasked }))
    if (name !== '' && !late) lie(peer, name)
  }
  it.url = (await startTurns(t, { onTurn }, { unix })).url
  return it
}

function lieFor(n: number, method: string): (typeof LIES)[number] | undefined {
  if (n % 5 === 0) return undefined
  const fit = LIES.filter(([name]) => name.includes('HEAD') === (method === 'HEAD'))
  return fit[Math.floor(n / 5) % fit.length]
}

function headOf(bytes: string): string {
  const end = bytes.lastIndexOf('HTTP/1.1 200')
  return end < 0 && !bytes.startsWith('HTTP') ? '' : bytes.slice(0, bytes.indexOf('\r\n\r\n', end) + 4)
}

/** A client whose request leaves in the very moment before the unasked answer does, so that both meet the edge in one turn. */
class Lurker {
  readonly mixed: string[] = []
  asked = 0
  #waiting: string | undefined
  readonly #client: RawClient

  constructor(client: RawClient) {
    this.#client = client
  }

  ask(): void {
    if (this.#waiting !== undefined) return
    // A number for which the truth is told.
    const id = String(1_000_000_000 + 5 * this.asked++)
    this.#waiting = id
    this.#client.socket.write(`GET /${id} HTTP/1.1\r\nHost: a\r\n\r\n`)
    this.#client.response().then(
      ({ status, body }) => this.#judge(id, status, body.toString()),
      (error: Error) => this.#judge(id, 0, error.message)
    )
  }

  #judge(id: string, status: number, text: string): void {
    this.#waiting = undefined
    if (status !== 502 && text !== id) this.mixed.push(`${id}: ${status} ${text}`)
  }
}

/** What is wrong with the answer to request `id`; undefined for its own, and for an error of ours. */
function mixUp(id: string, method: string, answer: Awaited<ReturnType<typeof get>>): string | undefined {
  const { status, headers, text } = answer
  if (status === 502) return method === 'HEAD' || text.includes('"SLUICE_') ? undefined : `502 ${text}`
  const content =
    method === 'HEAD' || status === 204 || status === 304 || headers['content-length'] === '0' ? '' : id
  return headers['x-id'] === id && text === content
    ? undefined
    : `${id}: ${status} ${headers['x-id']} ${text}`
}

test('surplus answers on shared connections reach nobody, and no connection is used again in doubt', async (t) => {
  const server = await startPoisoner(t, join(tempDir(t), 'app.sock'))
  const edge = await startEdge(
    t,
    {
      upstreams: { app: { servers: [server.url], client: 'http1', keepalive: 2 } },
      prefix: '/',
      upstream: 'app'
    },
    { logLevel: 'fatal' }
  )
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  t.after(() => agent.destroy())
  const lurker = new Lurker(await connectRaw(edge.url))
  server.onUnasked = () => lurker.ask()
  const { mixed } = lurker
  const statuses = new Map<number, number>()
  const deadline = Date.now() + ENOUGH_MS
  let rounds = 0
  async function client(): Promise<void> {
    while (rounds < ROUNDS && Date.now() < deadline) {
      const n = rounds++
      const method = n % 7 === 3 ? 'HEAD' : n % 7 === 5 ? 'POST' : 'GET'
      const answer = await get(`${edge.url}/${n}`, {
        method,
        agent,
        ...(method === 'POST' && { body: 'hello' })
      })
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      const problem = mixUp(String(n), method, answer)
      if (problem !== undefined) mixed.push(problem)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  const lies = [...server.lies.values()].reduce((sum, count) => sum + count, 0)
  const by = [...statuses].map(([status, count]) => `${status}: ${count}`).join(', ')
  console.error(
    `${rounds} rounds, ${lies} lies of ${server.lies.size} kinds, ${lurker.asked} requests beside an unasked answer, ${server.kept} on kept connections: ${mixed.length} mixed up, ${server.reused} connections used again in doubt (${by})`
  )
  assert.deepEqual(mixed.slice(0, 5), [])
  assert.equal(server.reused, 0)
  assert.ok(lies > rounds / 3 && server.kept > 0, 'it lied, and connections were kept')
  if (rounds >= 1000) assert.equal(server.lies.size, LIES.length, [...server.lies.keys()].join(', '))
})
