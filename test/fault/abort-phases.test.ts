// Clients that leave in every phase of a request, by HTTP/1.1 and HTTP/2, to servers with and without TLS: no exchange, connection or
// descriptor stays, and no connection with a half of anything on it is used again. SLUICE_ABORTS sets how many leave each way.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { watchProcess } from '../security/scene'
import { certificates } from '../support/certificates'
import { startEdge } from '../support/edge'
import { connectH2 } from '../support/h2'
import { get } from '../support/http-client'
import { until } from '../support/waiting'
import { leaveAll, leaveElsewhere, PHASES } from './leaving'
import { type Peer, startTurns, type Turn } from './turn-server'

const ABORTS = Number(process.env.SLUICE_ABORTS ?? 300)
const ENOUGH_MS = process.env.SLUICE_ABORTS === undefined ? 2500 : 0
const HANG_MS = 60_000
const SEED = Number(process.env.SLUICE_SEED ?? 20_261_123)

const CLIENTS = ['HTTP/1.1', 'HTTP/2'] as const
const SERVERS = ['plain', 'TLS'] as const

const BIG = Buffer.alloc(400_000, 'b')

const descriptors = (): number => readdirSync('/proc/self/fd').length

/** Takes its time for each phase, and notes who asks on a connection that still owes, or was sent, something. */
async function startServer(t: TestContext, secure: boolean) {
  const owing = new Set<Peer>()
  const it = { url: '', misused: 0, asked: 0, owing: () => owing.size }
  function answer({ peer, path, body }: Turn): void {
    owing.delete(peer)
    const text = body.length > 0 ? `${path} ${body.length}` : path
    if (!path.startsWith('/body'))
      peer.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${text.length}\r\n\r\n${text}`)
    else
      peer.socket.write(
        Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${BIG.length}\r\n\r\n`), BIG])
      )
  }
  const server = await startTurns(
    t,
    {
      onPeer: (peer) => peer.socket.once('close', () => owing.delete(peer)),
      onFirstByte: (peer) => {
        it.asked++
        if (owing.has(peer)) it.misused++
        owing.add(peer)
      },
      onHead: ({ socket }, { path }) => {
        if (!path.startsWith('/upload')) return
        socket.pause()
        setTimeout(() => socket.resume(), 4)
      },
      onTurn: (turn) => {
        if (/^\/(?:head|queue)/.test(turn.path)) setTimeout(answer, 8, turn)
        else answer(turn)
      }
    },
    secure ? { tls: certificates().good } : {}
  )
  it.url = server.url
  return it
}

/** Takes connections and says nothing, so that a TLS handshake hangs; in the clear the request hangs there. */
async function startSilent(t: TestContext): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
    socket.resume()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

interface Scene {
  readonly url: string
  active(): number
  /** Requests of which the log says that the client left, by path. */
  left(): ReadonlyMap<string, number>
}

async function startScene(
  t: TestContext,
  client: string,
  server: { readonly url: string; readonly silent: string }
): Promise<Scene> {
  const group = (url: string, more = {}) => ({
    servers: [url],
    client: 'http1',
    keepaliveTimeout: '200ms',
    keepalive: 8,
    ...(server.url.startsWith('https:') && { tls: { ca: certificates().ca } }),
    ...more
  })
  const edge = await startEdge(
    t,
    {
      upstreams: {
        app: group(server.url),
        few: group(server.url, { maxConnections: 2 }),
        silent: group(server.silent)
      },
      routes: [
        { prefix: '/queue', upstream: 'few' },
        { prefix: '/connect', upstream: 'silent' },
        { prefix: '/', upstream: 'app' }
      ]
    },
    { fastify: { http2: client === 'HTTP/2' } }
  )
  const servers = () => Object.values(edge.app.sluice.stats().upstreams).flat()
  return {
    url: edge.url,
    active: () => servers().reduce((sum, { active }) => sum + active, 0),
    left: () => {
      const left = new Map<string, number>()
      for (const { status, url } of edge.log as readonly { status?: number; url?: string }[]) {
        const phase = /^\/(\w+)/.exec(url ?? '')?.[1]
        if (status === 499 && phase !== undefined) left.set(phase, (left.get(phase) ?? 0) + 1)
      }
      return left
    }
  }
}

for (const client of CLIENTS) {
  for (const kind of SERVERS) {
    test(`clients of ${client} that leave in every phase, to a ${kind} server: nothing of them stays`, async (t) => {
      const caught = watchProcess(t)
      const server = await startServer(t, kind === 'TLS')
      const silent = `${kind === 'TLS' ? 'https' : 'http'}://127.0.0.1:${await startSilent(t)}`
      const scene = await startScene(t, client, { url: server.url, silent })
      const ask = async (path: string): Promise<string> => {
        if (client === 'HTTP/1.1') return (await get(scene.url + path)).text
        const h2 = await connectH2(scene.url)
        const { text } = await h2.get(path)
        h2.session.destroy()
        return text
      }
      await ask('/none')
      const atRest = () => scene.active() === 0 && server.owing() === 0
      await until('the first request to end', atRest)
      await sleep(300)
      const before = descriptors()
      const errand = { client, url: scene.url, aborts: ABORTS, enoughMs: ENOUGH_MS, seed: SEED }
      const begun = client === 'HTTP/1.1' ? await leaveAll(errand) : await leaveElsewhere(errand)
      await until('no exchange is active and the server owes nothing', atRest, HANG_MS)
      for (const phase of PHASES.filter((name) => name !== 'connect' && name !== 'body')) {
        assert.equal(await ask(`/${phase}/${client}`), `/${phase}/${client}`)
      }
      const left = scene.left()
      console.error(
        `${client} to ${kind}: ${begun} requests, left in ${[...left].map(([phase, count]) => `${phase} ${count}`).join(', ')}; ${server.asked} reached the server; ${server.misused} connections misused`
      )
      assert.equal(server.misused, 0, 'a connection with something under way was used again')
      for (const phase of PHASES)
        assert.ok((left.get(phase) ?? 0) > 0 || phase === 'none', `nobody left in ${phase}`)
      await until('the descriptors are back', () => descriptors() <= before + 2, HANG_MS)
      assert.deepEqual(caught, [])
    })
  }
}
