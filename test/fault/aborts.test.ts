// Clients that leave: at any moment, by thousands, and nothing of them stays: no exchange, no connection, no descriptor, no tunnel.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { connect as connectSession } from 'node:http2'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { idle, startScene, watchProcess } from '../security/scene'
import { get } from '../support/http-client'
import { connectRaw } from '../support/raw-client'
import { startScript } from '../support/script-server'
import { until, within } from '../support/waiting'

const descriptors = () => readdirSync('/proc/self/fd').length

/** Numbers of a seed, so that a failure can be played again. */
function dice(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return state / 2_147_483_648
  }
}

const UPLOAD = 'POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n'
const REQUESTS = [
  'GET /now HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /big HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /cached/slow HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /cached/big HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /files/a.txt HTTP/1.1\r\nHost: a\r\n\r\n',
  'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  `${UPLOAD}${'x'.repeat(20_000)}`,
  `${UPLOAD}${'x'.repeat(50_000)}`,
  'POST /up HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
  'POST /up HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n',
  'GET /now HTTP/1.1\r\nHost: a\r\n\r\nGET /slow HTTP/1.1\r\nHost: a\r\n\r\n'
]

async function answerSlowly(request: { url?: string }, response: import('node:http').ServerResponse) {
  response.setHeader('cache-control', 'max-age=60')
  if (request.url?.endsWith('slow')) await sleep(5)
  if (!request.url?.endsWith('big')) {
    response.end('ok')
    return
  }
  response.write(Buffer.alloc(100_000))
  await sleep(2)
  response.end(Buffer.alloc(100_000))
}

test('2000 clients that leave at any moment leave nothing behind', async (t) => {
  const caught = watchProcess(t)
  const scene = await startScene(t, { handler: answerSlowly as never })
  for (const path of ['/now', '/cached/x']) await get(`${scene.url}${path}`)
  await idle(scene)
  const before = descriptors()
  const random = dice(20_261_123)
  const one = async () => {
    const bytes = REQUESTS[Math.floor(random() * REQUESTS.length)] as string
    const cut = random() < 0.3 ? Math.ceil(random() * bytes.length) : bytes.length
    const wait = random() < 0.5 ? 0 : random() * 12
    const client = await connectRaw(scene.url)
    const sent = client.send(bytes.slice(0, cut))
    if (wait > 0) await sleep(wait)
    else if (random() < 0.5) await sent
    if (random() < 0.7) client.reset()
    else client.destroy()
    await client.closed
  }
  for (let round = 0; round < 40; round++) await Promise.all(Array.from({ length: 50 }, one))
  await idle(scene)
  scene.origin.reset()
  await until('the descriptors are back', () => descriptors() <= before + 2)
  assert.equal((await get(`${scene.url}/now`)).status, 200)
  assert.equal((await get(`${scene.url}/cached/big`)).body.length, 200_000)
  assert.deepEqual(caught, [])
  for (const record of scene.edge.log) assert.notEqual(record.level, 60)
})

test('each request that was begun is one line in the log, the aborted ones 499', async (t) => {
  const scene = await startScene(t, { handler: answerSlowly as never })
  const count = 100
  for (let index = 0; index < count; index++) {
    const client = await connectRaw(scene.url)
    await client.send(`GET /slow HTTP/1.1\r\nHost: a\r\nX-Id: ${index}\r\n\r\n`)
    if (index % 2 === 0) client.reset()
    else await client.response()
    client.destroy()
  }
  await idle(scene)
  const lines = () => scene.edge.log.filter(({ url }) => url === '/slow')
  await until('every line', () => lines().length >= scene.origin.requests.length)
  for (const { status } of lines()) assert.ok(status === 200 || status === 499)
  assert.ok(lines().filter(({ status }) => status === 200).length >= count / 2)
})

test('a rapid reset over HTTP/2 is bounded at the origin and ends', async (t) => {
  const caught = watchProcess(t)
  let most = 0
  let now = 0
  const scene = await startScene(t, {
    fastify: { http2: true },
    handler: async (request, response) => {
      most = Math.max(most, ++now)
      request.socket.once('close', () => now--)
      await sleep(20)
      response.end('ok')
    }
  })
  const session = connectSession(scene.url)
  session.on('error', () => undefined)
  for (let index = 0; index < 2000 && !session.closed && !session.destroyed; index++) {
    const stream = session.request({ ':path': '/x', ':authority': 'a' })
    stream.on('error', () => undefined)
    stream.end()
    setImmediate(() => stream.close(8))
    if (index % 20 === 19) await new Promise((resolve) => setImmediate(resolve))
  }
  session.destroy()
  await idle(scene)
  assert.ok(most <= 400, `${most} at one time`)
  assert.ok(scene.origin.requests.length <= 2000)
  assert.deepEqual(caught, [])
  const again = connectSession(scene.url)
  t.after(() => again.destroy())
  const stream = again.request({ ':path': '/x', ':authority': 'a' })
  stream.resume()
  await within('the next answer', new Promise((resolve) => stream.once('response', resolve)))
})

test('200 tunnels that are reset at once, from either side, leave nothing', async (t) => {
  const caught = watchProcess(t)
  const server = await startScript(async (peer) => {
    await peer.head()
    await peer.send(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'
    )
    await peer.send(Buffer.alloc(1000))
  })
  t.after(server.close)
  const scene = await startScene(t, {
    routes: () => [{ prefix: '/ws', upstream: server.url, websocket: true }]
  })
  const before = descriptors()
  for (const side of ['client', 'server'] as const) {
    const seen = server.connections.length
    const clients = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const client = await connectRaw(scene.url)
        await client.send(REQUESTS[6] as string)
        await client.take('101', (bytes) => (bytes.includes('\r\n\r\n') ? bytes.length : undefined))
        return client
      })
    )
    if (side === 'client') for (const client of clients) client.reset()
    else for (const peer of server.connections.slice(seen)) peer.reset()
    await within('the end of every client', Promise.all(clients.map(({ ended }) => ended)))
    for (const client of clients) client.destroy()
    await Promise.all(server.connections.slice(seen).map(({ ended }) => within('the end of a tunnel', ended)))
    for (const peer of server.connections.slice(seen)) peer.destroy()
  }
  await until('the descriptors are back', () => descriptors() <= before + 2)
  await idle(scene, server.url)
  assert.deepEqual(caught, [])
})

/** Handshakes that are none, and what a server says to them. */
const HANDSHAKES: [string, string, string, number[]][] = [
  [
    'another version',
    'GET /ws',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    [426, 400]
  ],
  ['no key', 'GET /ws', 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n', [400]],
  [
    'a short key',
    'GET /ws',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: abc\r\n',
    [400]
  ],
  [
    'two keys',
    'GET /ws',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    [400]
  ],
  [
    'POST',
    'POST /ws',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    [405, 400]
  ],
  [
    'with content',
    'GET /ws',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    [400]
  ],
  [
    'a route without websocket',
    'GET /x',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    [426]
  ],
  [
    'a denied route',
    'GET /admin',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    [403]
  ],
  [
    'a file',
    'GET /files/a.txt',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    [200, 400, 404, 426]
  ],
  [
    'HTTP/1.0',
    'GET /ws',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    [200, 400, 426]
  ]
]

for (const [name, line, fields, allowed] of HANDSHAKES) {
  test(`a WebSocket handshake (${name}) is answered as plain HTTP and opens nothing`, async (t) => {
    const scene = await startScene(t)
    const client = await connectRaw(scene.url)
    await client.send(`${line} HTTP/${name === 'HTTP/1.0' ? '1.0' : '1.1'}\r\nHost: a\r\n${fields}\r\nhello`)
    const { status } = await within('an answer', client.response())
    client.destroy()
    assert.ok(allowed.includes(status), String(status))
  })
}
