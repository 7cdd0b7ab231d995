// Servers that join, drain and leave a group under load, without any retry: every request is done once, and none by a server that has left.
// SLUICE_CHURN_TURNS makes it longer.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse
} from 'node:http2'
import type { AddressInfo, Server, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import type { UpstreamControl } from '../../src/setup/control'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { seededBody, verifySeeded } from '../support/self-verifying'
import { until, within } from '../support/waiting'

const TURNS = Number(process.env.SLUICE_CHURN_TURNS ?? 40)
/** On a machine that is busy with other things fewer have to do. */
const ENOUGH_MS = process.env.SLUICE_CHURN_TURNS === undefined ? 15_000 : Number.POSITIVE_INFINITY
const CLIENTS = 16

type Protocol = 'http/1.1' | 'h2c'

/** A server and what it was asked for, in order. */
interface Member {
  readonly url: string
  readonly ids: string[]
  readonly sockets: Set<Socket>
}

async function startMember(t: TestContext, protocol: Protocol): Promise<Member> {
  const ids: string[] = []
  const answer = async (
    request: IncomingMessage | Http2ServerRequest,
    response: ServerResponse | Http2ServerResponse
  ): Promise<void> => {
    const [, id = '', size = '0', pause = '0'] = (request.url ?? '').split('/')
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const isWhole = request.method === 'GET' || verifySeeded(Buffer.concat(chunks), id).ok
    ids.push(id)
    const body = seededBody(id, Number(size))
    // Node's two responses have the same methods, of types that do not meet.
    const plain = response as ServerResponse
    plain.writeHead(isWhole ? 200 : 400, { 'content-length': body.length })
    plain.write(body.subarray(0, body.length >> 1))
    if (pause !== '0') await new Promise((resolve) => setTimeout(resolve, Number(pause)))
    plain.end(body.subarray(body.length >> 1))
  }
  const server: Server = protocol === 'h2c' ? createHttp2Server(answer) : createServer(answer)
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ids, sockets }
}

/** Clients that ask one request after the other until `stop`. */
function load(t: TestContext, url: string) {
  const it = { answered: [] as string[], failures: [] as string[] }
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  let next = 0
  let stopped = false
  async function ask(): Promise<void> {
    const n = next++
    const id = `r${n}`
    const size = (n * 7919) % (n % 10 === 0 ? 200_000 : 4000)
    const upload = n % 3 === 0 ? { method: 'POST', body: seededBody(id, (n * 31) % 3000) } : {}
    const path = `${url}/${id}/${size}/${n % 7 === 0 ? 20 : 0}`
    const { status, body, text } = await get(path, { agent, ...upload })
    const verdict = status === 200 ? verifySeeded(body, id) : { ok: false as const, problem: text }
    if (verdict.ok) it.answered.push(id)
    else it.failures.push(`${id}: ${status} ${verdict.problem}`)
  }
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!stopped) await ask().catch((error) => it.failures.push(String(error)))
  })
  return Object.assign(it, {
    asked: () => next,
    stop: async () => {
      stopped = true
      await within('the clients to end', Promise.all(clients), 60_000)
    }
  })
}

/** One joins, one drains and leaves; whoever has left has no connection and is asked no more. */
async function turn(app: UpstreamControl, joins: Member, leaves: Member): Promise<void> {
  app.add(joins.url)
  app.drain(leaves.url)
  await within('the removal', app.remove(leaves.url), 60_000)
  await until('its connections to close', () => leaves.sockets.size === 0, 60_000)
}

for (const protocol of ['http/1.1', 'h2c'] as const) {
  test(`${protocol}: servers join, drain and leave under load: no request fails, none is done twice`, async (t) => {
    const all = await Promise.all(Array.from({ length: 4 }, () => startMember(t, protocol)))
    const [first, second] = all as [Member, Member]
    const servers = [first.url, second.url]
    const upstreams = { app: { servers, ...(protocol === 'h2c' && { protocol }) } }
    const edge = await startEdge(
      t,
      { upstreams, prefix: '/', upstream: 'app', retry: false },
      { logLevel: 'error' }
    )
    const app = edge.app.sluice.upstream('app')
    const clients = load(t, edge.url)
    const deadline = Date.now() + ENOUGH_MS
    let turns = 0
    for (; turns < TURNS && (turns < 2 || Date.now() < deadline); turns++) {
      const [joins, leaves] = [all[(turns + 2) % 4] as Member, all[turns % 4] as Member]
      const asked = clients.asked()
      await turn(app, joins, leaves)
      const seen = leaves.ids.length
      await until('more requests', () => clients.asked() > asked + 2 * CLIENTS, 60_000)
      assert.equal(leaves.ids.length, seen, 'who has left is asked no more')
    }
    await clients.stop()
    assert.deepEqual(clients.failures, [])
    assert.equal(clients.answered.length, clients.asked())
    assert.deepEqual(all.flatMap(({ ids }) => ids).sort(), clients.answered.sort(), 'each is done once')
    console.error(
      `${protocol}: ${turns} servers left, ${clients.answered.length} requests, 0 failed, 0 twice`
    )
  })
}
