// proxy_set_header Upgrade and Connection "upgrade": messages through the edge, what the upstream is told, and how tunnels end.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { certificates } from '../support/certificates'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { until, within } from '../support/waiting'
import { connected, echoed, ended, startEcho } from './socket'

test('websocket: text and a binary MiB come back as they went', async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(t, { prefix: '/ws', upstream: echo.url, websocket: true })
  const socket = await connected(t, `${edge.url}/ws/room?x=1`)
  assert.equal((await echoed(socket, 'hello')).toString(), 'hello')
  const binary = randomBytes(1024 * 1024)
  assert.ok((await echoed(socket, binary)).equals(binary))
  assert.equal(echo.handshakes[0]?.url, '/ws/room?x=1')
})

test('websocket: a message right behind the 101 is not lost', async (t) => {
  const echo = await startEcho(t, { greeting: 'welcome' })
  const edge = await startEdge(t, { prefix: '/', upstream: echo.url, websocket: true })
  for (let n = 0; n < 10; n++) {
    const socket = await new Promise<string>((resolve, reject) => {
      const one = new WebSocket(edge.url.replace('http', 'ws'))
      one.once('message', (data) => {
        resolve(String(data))
        one.terminate()
      })
      one.once('error', reject)
    })
    assert.equal(socket, 'welcome')
  }
})

test('websocket: the subprotocol is agreed end to end', async (t) => {
  const echo = await startEcho(t, { protocols: (offered) => (offered.has('b') ? 'b' : false) })
  const edge = await startEdge(t, { prefix: '/', upstream: echo.url, websocket: true })
  const socket = await connected(t, edge.url, { protocols: ['a', 'b'] })
  assert.equal(socket.protocol, 'b')
})

test('websocket: the upstream is told what it is told of any request', async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(t, {
    prefix: '/ws',
    rewritePrefix: '/',
    upstream: echo.url,
    websocket: true,
    headers: { request: { 'x-edge': 'yes', 'x-internal-auth': null } }
  })
  await connected(t, `${edge.url}/ws/room`, {
    headers: {
      cookie: 'session=1',
      'x-internal-auth': 'forged',
      'x-forwarded-for': '203.0.113.9',
      origin: 'https://page.example'
    }
  })
  const { url, headers } = echo.handshakes[0] as NonNullable<(typeof echo.handshakes)[0]>
  assert.equal(url, '/room')
  assert.equal(headers.host, edge.url.slice(7))
  assert.equal(headers.cookie, 'session=1')
  assert.equal(headers.origin, 'https://page.example')
  assert.equal(headers['x-edge'], 'yes')
  assert.equal(headers['x-internal-auth'], undefined)
  assert.equal(headers['x-forwarded-for'], '127.0.0.1')
  assert.equal(headers['x-real-ip'], '127.0.0.1')
  assert.equal(headers['x-forwarded-proto'], 'http')
  assert.match(String(headers.via), /sluice/)
})

test('websocket: the route serves ordinary requests as well', async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(t, { prefix: '/', upstream: echo.url, websocket: true })
  await connected(t, edge.url)
  assert.equal((await get(`${edge.url}/`)).text, 'plain')
})

test('websocket: over TLS, on a server that speaks HTTP/2 as well', async (t) => {
  const { good, ca } = certificates()
  const echo = await startEcho(t)
  for (const fastify of [{ https: good }, { http2: true, https: { ...good, allowHTTP1: true } }]) {
    const edge = await startEdge(t, { prefix: '/', upstream: echo.url, websocket: true }, { fastify })
    const socket = await connected(t, edge.url, { ca })
    assert.equal((await echoed(socket, 'secret')).toString(), 'secret')
    assert.equal(echo.handshakes.at(-1)?.headers['x-forwarded-proto'], 'https')
    const closed = ended(socket)
    socket.close(1000, 'done')
    assert.deepEqual(await closed, { code: 1000, reason: 'done' })
  }
})

test('websocket: close codes and reasons pass both ways', async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(t, { prefix: '/', upstream: echo.url, websocket: true })
  const one = await connected(t, edge.url)
  const atClient = ended(one)
  echo.sockets[0]?.close(4001, 'server says')
  assert.deepEqual(await atClient, { code: 4001, reason: 'server says' })
  const two = await connected(t, edge.url)
  await until('the second is there', () => echo.sockets.length === 2)
  const atServer = ended(echo.sockets[1] as NonNullable<(typeof echo.sockets)[1]>)
  two.close(4002, 'client says')
  assert.deepEqual(await atServer, { code: 4002, reason: 'client says' })
})

test('websocket: a dead upstream ends its tunnels', async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(t, { prefix: '/', upstream: echo.url, websocket: true })
  const sockets = await Promise.all(Array.from({ length: 20 }, () => connected(t, edge.url)))
  const ends = sockets.map((socket) => ended(socket))
  await echo.close()
  for (const { code } of await within('all tunnels have ended', Promise.all(ends))) assert.equal(code, 1006)
})

test('websocket: a client that vanishes ends its upstream connection', async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(t, { prefix: '/', upstream: echo.url, websocket: true })
  const socket = await connected(t, edge.url)
  const atServer = ended(echo.sockets[0] as NonNullable<(typeof echo.sockets)[0]>)
  socket.terminate()
  assert.equal((await within('the upstream side has closed', atServer)).code, 1006)
})

test('websocket.idleTimeout: a silent tunnel is closed, one that talks is not', async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(t, { prefix: '/', upstream: echo.url, websocket: { idleTimeout: '300ms' } })
  const silent = await connected(t, edge.url)
  const talking = await connected(t, edge.url)
  let over = false
  const closed = ended(silent).then(() => {
    over = true
  })
  while (!over) {
    await echoed(talking, 'x')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await closed
  assert.equal(talking.readyState, talking.OPEN)
})

test('upstream balance: tunnels are spread over the servers', async (t) => {
  const echoes = [await startEcho(t), await startEcho(t)]
  const edge = await startEdge(t, {
    upstreams: { chat: { servers: echoes.map(({ url }) => url) } },
    routes: [{ prefix: '/', upstream: 'chat', websocket: true }]
  })
  for (let n = 0; n < 4; n++) await connected(t, edge.url)
  assert.deepEqual(
    echoes.map(({ handshakes }) => handshakes.length),
    [2, 2]
  )
})

test('proxy_next_upstream: a handshake goes on to the next server when one is dead', async (t) => {
  const alive = await startEcho(t)
  const edge = await startEdge(t, {
    upstreams: { chat: { servers: ['http://127.0.0.1:1', alive.url] } },
    routes: [{ prefix: '/', upstream: 'chat', websocket: true }]
  })
  for (let n = 0; n < 3; n++) await connected(t, edge.url)
  assert.equal(alive.handshakes.length, 3)
})

test('access_log: one record per tunnel, at its end, with both counts', async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(t, { prefix: '/ws', upstream: echo.url, websocket: true })
  const socket = await connected(t, `${edge.url}/ws/a`)
  await echoed(socket, 'x'.repeat(1000))
  assert.equal(edge.logged('GET /ws/a').length, 0)
  const closed = ended(socket)
  socket.close()
  await closed
  await until('the record', () => edge.logged('GET /ws/a').length > 0)
  const [record, ...more] = edge.logged('GET /ws/a')
  assert.deepEqual(more, [])
  assert.deepEqual([record?.status, record?.route, record?.upstream], [101, '/ws', echo.url])
  assert.ok(Number(record?.bytesIn) > 1000 && Number(record?.bytesIn) < 1100, `in ${record?.bytesIn}`)
  assert.ok(Number(record?.bytesOut) > 1000 && Number(record?.bytesOut) < 1100, `out ${record?.bytesOut}`)
  assert.equal(record?.error, undefined)
})

test('worker_shutdown_timeout: closing the app tells tunnels 1001 and cuts those that stay', async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(t, { prefix: '/', upstream: echo.url, websocket: { closeGrace: '100ms' } })
  const polite = await connected(t, edge.url)
  const stubborn = await connected(t, edge.url)
  // Without a reader it never sees the Close, nor the end of the connection.
  ;(stubborn as unknown as { _socket: { pause(): void } })._socket.pause()
  const told = ended(polite)
  await within('the app has closed', edge.close())
  assert.equal((await told).code, 1001)
  await until('the upstream sides are closed', () =>
    echo.sockets.every((socket) => socket.readyState === socket.CLOSED)
  )
})
