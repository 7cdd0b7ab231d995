// Handshakes that become no tunnel: hooks and guards, the upstream's no, the option, origins, limits, and upgrades that are none.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { listen } from '../support/address'
import { startEdge } from '../support/edge'
import { startOrigin } from '../support/origin'
import { connectRaw, rawTranscript } from '../support/raw-client'
import { until } from '../support/waiting'
import { connected, ended, refused, startEcho } from './socket'

/** A port that no server of a test is ever given. */
const NOBODY = 'http://127.0.0.1:1'

test('hooks of the app run before the dial: 401, and the upstream sees nothing', async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: echo.url, websocket: true },
    {
      before: (app) =>
        app.addHook('onRequest', async (request, reply) => {
          if (request.headers.cookie === 'session=good') return undefined
          return reply.code(401).header('www-authenticate', 'Cookie').send('sign in first')
        })
    }
  )
  const answer = await refused(t, edge.url)
  assert.deepEqual([answer.status, answer.text], [401, 'sign in first'])
  assert.equal(answer.headers['www-authenticate'], 'Cookie')
  await connected(t, edge.url, { headers: { cookie: 'session=good' } })
  assert.equal(echo.handshakes.length, 1)
})

test("the route's own preHandler runs as well", async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(t, {
    prefix: '/',
    upstream: echo.url,
    websocket: true,
    preHandler: async (request: { url: string }, reply: { code(n: number): { send(b: string): unknown } }) =>
      request.url === '/no' ? reply.code(403).send('no') : undefined
  })
  assert.equal((await refused(t, `${edge.url}/no`)).status, 403)
  await connected(t, edge.url)
  assert.equal(echo.handshakes.length, 1)
})

test("the upstream's refusal is relayed whole", async (t) => {
  const server = createServer()
  server.on('upgrade', (_request, socket) => {
    socket.end(
      'HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 7\r\nConnection: close\r\n\r\nnot you'
    )
  })
  const url = await listen(server)
  t.after(() => server.close())
  const edge = await startEdge(t, { prefix: '/', upstream: url, websocket: true, securityHeaders: true })
  const answer = await refused(t, edge.url)
  assert.deepEqual([answer.status, answer.text], [403, 'not you'])
  assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2'])
  assert.equal(answer.headers['content-type'], 'text/plain')
  assert.equal(answer.headers['x-content-type-options'], 'nosniff')
  await until('its record', () => edge.logged('GET / 403').length === 1)
})

test('a server that knows no WebSocket answers as it likes, and that is relayed', async (t) => {
  const origin = await startOrigin((_, response) => response.end('just a page'))
  t.after(origin.close)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url, websocket: true })
  const answer = await refused(t, edge.url)
  assert.deepEqual([answer.status, answer.text], [200, 'just a page'])
})

test('a 101 with a wrong Sec-WebSocket-Accept is 502', async (t) => {
  const server = createServer()
  server.on('upgrade', (_request, socket) => {
    socket.write(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n'
    )
    socket.on('error', () => {})
  })
  const url = await listen(server)
  t.after(() => server.close())
  const edge = await startEdge(t, { prefix: '/', upstream: url, websocket: true })
  assert.equal((await refused(t, edge.url)).status, 502)
})

test('an upstream that is not there is 502', async (t) => {
  const edge = await startEdge(t, { prefix: '/', upstream: NOBODY, websocket: true })
  assert.equal((await refused(t, edge.url)).status, 502)
})

test('websocket: false is 426, and one log line names the option', async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(t, { routes: [{ prefix: '/app', upstream: echo.url }] })
  for (let n = 0; n < 3; n++) assert.equal((await refused(t, `${edge.url}/app`)).status, 426)
  const lines = edge.logged('routes[0].websocket')
  assert.equal(lines.length, 1)
  assert.match(String(lines[0]?.msg), /set it to true/)
  assert.equal(echo.handshakes.length, 0)
})

test('websocket.allowedOrigins: other pages are 403, clients without a page pass', async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(t, {
    prefix: '/',
    upstream: echo.url,
    websocket: { allowedOrigins: ['https://page.example', 'same-host'] }
  })
  const evil = ['https://evil.example', 'http://page.example', 'https://page.example.evil.example', 'null']
  for (const origin of evil)
    assert.equal((await refused(t, edge.url, { headers: { origin } })).status, 403, origin)
  for (const origin of ['https://page.example', 'HTTPS://PAGE.example', edge.url]) {
    await connected(t, edge.url, { headers: { origin } })
  }
  await connected(t, edge.url)
  assert.equal(echo.handshakes.length, 4)
})

test('websocket.maxConnections: 503 with Retry-After beyond it, and a place is free again after a close', async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(t, { prefix: '/', upstream: echo.url, websocket: { maxConnections: 2 } })
  const [first] = [await connected(t, edge.url), await connected(t, edge.url)]
  const answer = await refused(t, edge.url)
  assert.equal(answer.status, 503)
  assert.ok(answer.headers['retry-after'])
  const closed = ended(first as NonNullable<typeof first>)
  first?.close()
  await closed
  await until('a place is free', () =>
    connected(t, edge.url).then(
      () => true,
      () => false
    )
  )
})

test('rateLimit and access hold for handshakes', async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(t, {
    upstreams: { chat: echo.url },
    routes: [
      { prefix: '/limited', upstream: 'chat', websocket: true, rateLimit: { rate: '1r/m' } },
      { prefix: '/denied', upstream: 'chat', websocket: true, access: [{ deny: 'all' }] }
    ]
  })
  await connected(t, `${edge.url}/limited`)
  assert.equal((await refused(t, `${edge.url}/limited`)).status, 429)
  assert.equal((await refused(t, `${edge.url}/denied`)).status, 403)
  assert.equal(echo.handshakes.length, 1)
})

const WRONG: readonly [name: string, lines: string, status: number][] = [
  ['no key', 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n', 400],
  [
    'another version',
    'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    426
  ],
  [
    'no Connection: Upgrade',
    'Upgrade: websocket\r\nConnection: close\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n',
    400
  ]
]

for (const [name, lines, status] of WRONG) {
  test(`a handshake with ${name} is ${status}`, async (t) => {
    const echo = await startEcho(t)
    const edge = await startEdge(t, { prefix: '/', upstream: echo.url, websocket: true })
    const { responses } = await rawTranscript(edge.url, `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`)
    assert.equal(responses[0]?.status, status)
    assert.equal(echo.handshakes.length, 0)
  })
}

for (const websocket of [true, false]) {
  test(`Upgrade: h2c is an ordinary request (websocket: ${websocket})`, async (t) => {
    const origin = await startOrigin()
    t.after(origin.close)
    const edge = await startEdge(t, { prefix: '/', upstream: origin.url, websocket })
    const client = await connectRaw(edge.url)
    t.after(() => client.destroy())
    const upgrade = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__'
    await client.send(`POST /path HTTP/1.1\r\nHost: a\r\n${upgrade}\r\nContent-Length: 4\r\n\r\nbody`)
    assert.equal((await client.response('POST')).status, 200)
    await client.send('GET /next HTTP/1.1\r\nHost: a\r\n\r\n')
    assert.equal((await client.response()).status, 200)
    const [post, next] = origin.requests
    assert.deepEqual([post?.method, post?.url, post?.body.buffer.toString()], ['POST', '/path', 'body'])
    assert.equal(post?.headers.upgrade, undefined)
    assert.equal(next?.url, '/next')
  })
}
