// Three servers that are killed and come back under load: while one is up no idempotent request fails, and no byte is wrong.
// SLUICE_KILL_SECONDS makes it longer.
import assert from 'node:assert/strict'
import { Agent, createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { seededBody, verifySeeded } from '../support/self-verifying'
import { until, within } from '../support/waiting'

const SECONDS = Number(process.env.SLUICE_KILL_SECONDS ?? 8)
const CLIENTS = 12
/** Longer than a server where nobody was there stays unasked. */
const KNOWN_MS = 400

/** An address of this process alone: nobody takes the port of a server that is dead. */
const HOST = `127.${1 + (process.pid % 250)}.${1 + ((process.pid >> 8) % 250)}.1`

/** A server with a port of its own that can be killed and revived. */
class Mortal {
  readonly served: string[] = []
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  port = 0
  #deaths = 0

  get url(): string {
    return `http://${HOST}:${this.port}`
  }

  async revive(): Promise<void> {
    const server = createServer((request, response) => {
      const [, id = '', size = '0'] = (request.url ?? '').split('/')
      const body = seededBody(id, Number(size))
      // Half of the answers take long enough to be under way when the server dies.
      const answer = () => {
        response.writeHead(200, { 'content-length': body.length })
        response.write(body.subarray(0, body.length >> 1))
        response.end(body.subarray(body.length >> 1), () => this.served.push(id))
      }
      if (Number(size) % 2 === 0) answer()
      else setTimeout(answer, 3)
    })
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.once('close', () => this.#sockets.delete(socket))
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(this.port, HOST, resolve)
    })
    this.port = (server.address() as AddressInfo).port
    this.#server = server
  }

  /** Nobody listens any more, and what was under way is cut, by turns with a FIN and with a reset. */
  async kill(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const closed = new Promise((resolve) => server.close(resolve))
    const isReset = this.#deaths++ % 2 === 1
    for (const socket of this.#sockets) {
      if (isReset) socket.resetAndDestroy()
      else socket.destroy()
    }
    await closed
  }
}

/** Clients that ask one request after the other; `began` and `ended` count them all. */
function load(url: string, t: Parameters<typeof startEdge>[0]) {
  const it = { began: 0, failures: [] as string[], answered: [] as string[], stopped: false }
  const underWay = new Set<number>()
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS })
  t.after(() => agent.destroy())
  async function ask(): Promise<void> {
    const n = it.began++
    underWay.add(n)
    const id = `r${n}`
    try {
      const size = (n * 7919) % 60_000
      const method = n % 10 === 0 ? 'DELETE' : 'GET'
      const { status, body, text } = await get(`${url}/${id}/${size}`, { agent, method })
      const verdict = status === 200 ? verifySeeded(body, id) : { ok: false, problem: `${status} ${text}` }
      if (verdict.ok) it.answered.push(id)
      else it.failures.push(`${id}: ${'problem' in verdict ? verdict.problem : ''}`)
    } catch (error) {
      it.failures.push(`${id}: ${error}`)
    } finally {
      underWay.delete(n)
    }
  }
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!it.stopped) await ask()
  })
  return Object.assign(it, {
    /** Resolves when every request that has begun so far has ended: none sees two changes. */
    settled: () => {
      const last = it.began
      return until('requests to end', () => [...underWay].every((n) => n >= last), 60_000)
    },
    stop: async () => {
      it.stopped = true
      await within('the clients to end', Promise.all(clients), 60_000)
    }
  })
}

test('servers are killed and revived in a loop: no idempotent request fails', async (t) => {
  const servers = [new Mortal(), new Mortal(), new Mortal()]
  for (const server of servers) {
    await server.revive()
    t.after(() => server.kill())
  }
  const edge = await startEdge(
    t,
    {
      upstreams: { app: { servers: servers.map(({ url }) => ({ url, failTimeout: '1s' })) } },
      prefix: '/',
      upstream: 'app',
      retry: { tries: 3 }
    },
    { logLevel: 'error' }
  )
  const clients = load(edge.url, t)
  const deadline = Date.now() + SECONDS * 1000
  let kills = 0
  for (let round = 0; round === 0 || Date.now() < deadline; round++) {
    // One dies, then another; the third is up all the while.
    const [first, second] = [servers[round % 3], servers[(round + 1) % 3]] as [Mortal, Mortal]
    for (const change of [
      () => first.kill(),
      () => second.kill(),
      () => first.revive(),
      () => second.revive()
    ]) {
      await change()
      await new Promise((resolve) => setTimeout(resolve, KNOWN_MS))
      await clients.settled()
    }
    kills += 2
  }
  await clients.stop()
  assert.deepEqual(clients.failures, [])
  assert.equal(clients.answered.length, clients.began)
  const served = new Set(servers.flatMap((server) => server.served))
  assert.deepEqual(
    clients.answered.filter((id) => !served.has(id)),
    [],
    'every answer is in a server’s log'
  )
  assert.ok(kills >= 2 && clients.answered.length > 50, `${kills} kills, ${clients.answered.length} answers`)
  console.error(`${kills} kills, ${clients.answered.length} requests, 0 failed`)
})
