// nginx: sticky cookie. Clients with a cookie jar, servers that say who they are, all over real sockets.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { certificates } from '../support/certificates'
import { type EdgeSetup, startEdge } from '../support/edge'
import { type Answer, type GetOptions, get } from '../support/http-client'
import { type Origin, type OriginHandler, startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'
import { client, connected, startEcho } from './socket'

const SECRET = 'a secret of thirty-two characters'
const STICKY = { cookie: 'route', secret: SECRET }
/** Made once, as options of `reply.sluice` are. */
const KEPT = { cache: 'pages' }

const named =
  (name: string, fields: Record<string, string> = {}): OriginHandler =>
  (_, response) =>
    response.writeHead(200, fields).end(name)

async function two(t: TestContext, fields: Record<string, string> = {}): Promise<[Origin, Origin]> {
  const dir = tempDir(t)
  // Once closed, nobody else can take the address of a unix socket.
  const start = (name: string) => startOrigin(named(name, fields), { unix: `${dir}/${name}.sock` })
  const origins = await Promise.all([start('a'), start('b')])
  for (const origin of origins) t.after(origin.close)
  return origins as [Origin, Origin]
}

/** A client that keeps the cookie; `cookies` is what it was given, in order. */
function browser(url: string) {
  const cookies: string[] = []
  const ask = async (path = '/', options: GetOptions = {}): Promise<Answer> => {
    const cookie = cookies.at(-1)
    const headers = { ...(options.headers as Record<string, string>), ...(cookie && { cookie }) }
    const answer = await get(url + path, { ...options, headers })
    for (const line of answer.headers['set-cookie'] ?? [])
      if (line.startsWith('route=')) cookies.push(line.split(';')[0] as string)
    return answer
  }
  return { ask, cookies }
}

async function start(t: TestContext, options: object = {}, setup: EdgeSetup = {}) {
  const [a, b] = await two(t)
  const servers = [
    { url: a.url, maxFails: 1, failTimeout: '1h' },
    { url: b.url, maxFails: 1, failTimeout: '1h' }
  ]
  const edge = await startEdge(
    t,
    { upstreams: { app: { servers, sticky: STICKY, ...options } }, prefix: '/', upstream: 'app' },
    setup
  )
  return { a, b, edge }
}

test('each client stays with its server, and gets one cookie', async (t) => {
  const { edge } = await start(t)
  const clients = [browser(edge.url), browser(edge.url)]
  for (const [index, { ask, cookies }] of clients.entries()) {
    let seen = ''
    for (let n = 0; n < 4; n++) seen += (await ask()).text
    assert.equal(seen, 'ab'[index]?.repeat(4))
    assert.equal(cookies.length, 1)
  }
})

test('the server never sees the cookie; the client’s other cookies it does', async (t) => {
  const { a, edge } = await start(t)
  const { ask, cookies } = browser(edge.url)
  await ask()
  await ask()
  await get(edge.url, { headers: { cookie: `x=1; ${cookies[0]}; y=2` } })
  assert.deepEqual(
    a.requests.map(({ headers }) => headers.cookie),
    [undefined, undefined, 'x=1; y=2']
  )
})

test('a cookie that was tampered with, or is of another secret, counts as none', async (t) => {
  const { edge } = await start(t)
  const { ask, cookies } = browser(edge.url)
  await ask()
  const good = String(cookies[0])
  for (const bad of [`${good}x`, good.slice(0, -1), 'route=', 'route=unix:/b.sock']) {
    const answer = await get(edge.url, { headers: { cookie: bad } })
    assert.equal(answer.status, 200)
    assert.equal(answer.headers['set-cookie']?.length, 1, bad)
  }
  assert.equal((await get(edge.url, { headers: { cookie: good } })).headers['set-cookie'], undefined)
})

test('a server that has gone: another one answers the same request, with a new cookie', async (t) => {
  const { a, edge } = await start(t)
  const { ask, cookies } = browser(edge.url)
  assert.equal((await ask()).text, 'a')
  await a.close()
  assert.equal((await ask()).text, 'b')
  assert.equal((await ask()).text, 'b')
  assert.equal(cookies.length, 2)
})

test('a server that was restarted has its clients back', async (t) => {
  const dir = tempDir(t)
  const start = (name: string) => startOrigin(named(name), { unix: `${dir}/${name}.sock` })
  const [a, b] = [await start('a'), await start('b')]
  t.after(b.close)
  const upstreams = { app: { servers: [a.url, b.url], sticky: STICKY } }
  const edge = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  const { ask, cookies } = browser(edge.url)
  assert.equal((await ask()).text, 'a')
  await a.close()
  const again = await start('a')
  t.after(again.close)
  assert.equal((await ask()).text, 'a')
  assert.equal(cookies.length, 1)
})

test('cookies outlive a restart of the edge', async (t) => {
  const [a, b] = await two(t)
  const options = {
    upstreams: { app: { servers: [a.url, b.url], sticky: STICKY } },
    prefix: '/',
    upstream: 'app'
  }
  const before = await startEdge(t, options)
  await get(before.url)
  const { ask, cookies } = browser(before.url)
  assert.equal((await ask()).text, 'b')
  await before.close()
  const after = await startEdge(t, options)
  const answer = await get(after.url, { headers: { cookie: String(cookies[0]) } })
  assert.deepEqual([answer.text, answer.headers['set-cookie']], ['b', undefined])
})

test('with ttl every answer renews the cookie', async (t) => {
  const { edge } = await start(t, { sticky: { ...STICKY, ttl: '1h' } })
  const { ask, cookies } = browser(edge.url)
  await ask()
  const answer = await ask()
  assert.equal(cookies.length, 2)
  assert.match(String(answer.headers['set-cookie']), /; Max-Age=3600;/)
})

test('over TLS the cookie is Secure; beside it stand the server’s own cookies', async (t) => {
  const origin = await startOrigin(named('a', { 'set-cookie': 'session=1' }))
  t.after(origin.close)
  const { good } = certificates()
  const upstreams = { app: { servers: [origin.url], sticky: STICKY } }
  const edge = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' }, { fastify: { https: good } })
  const lines = (await get(edge.url)).headers['set-cookie'] ?? []
  assert.deepEqual([lines[0], lines.length], ['session=1', 2])
  assert.match(lines[1] ?? '', /^route=[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Secure$/)
})

test('an answer of the edge has no cookie', async (t) => {
  const { a, b, edge } = await start(t)
  await Promise.all([a.close(), b.close()])
  const answer = await get(edge.url)
  assert.deepEqual([answer.status, answer.headers['set-cookie']], [502, undefined])
})

test('an answer that the cache keeps, and every hit, has no cookie; one that it does not keep has', async (t) => {
  const origin = await startOrigin((request, response) => {
    const control = request.url === '/page' ? 'max-age=60' : 'private'
    response.writeHead(200, { 'cache-control': control }).end('x')
  })
  t.after(origin.close)
  const edge = await startEdge(t, {
    upstreams: { app: { servers: [origin.url], sticky: STICKY } },
    caches: { pages: {} },
    routes: [{ prefix: '/', upstream: 'app', cache: { zone: 'pages' } }]
  })
  const seen = async (path: string) => {
    const { headers } = await get(edge.url + path)
    return [headers['x-cache-status'], headers['set-cookie'] !== undefined]
  }
  assert.deepEqual(await seen('/page'), ['MISS', false])
  assert.deepEqual(await seen('/page'), ['HIT', false])
  assert.deepEqual(await seen('/own'), ['MISS', true])
})

test('the cookie does not keep a client out of the cache, as a cookie of the app would', async (t) => {
  const [a, b] = await two(t)
  const edge = await startEdge(t, {
    upstreams: { app: { servers: [a.url, b.url], sticky: STICKY } },
    caches: { pages: {} },
    routes: [{ prefix: '/', upstream: 'app', cache: { zone: 'pages', valid: '60s' } }]
  })
  const first = await get(`${edge.url}/x`, { method: 'POST' })
  const cookie = String(first.headers['set-cookie']).split(';')[0] as string
  const words: unknown[] = []
  for (const value of [cookie, cookie, `${cookie}; session=1`])
    words.push((await get(edge.url, { headers: { cookie: value } })).headers['x-cache-status'])
  assert.deepEqual(words, ['MISS', 'HIT', 'BYPASS'])
})

test('the cookie of one group is as little seen by another, and keeps nobody out of its cache', async (t) => {
  const [a, b] = await two(t)
  const edge = await startEdge(t, {
    upstreams: { app: { servers: [a.url], sticky: STICKY }, pages: b.url },
    caches: { pages: {} },
    routes: [
      { prefix: '/', upstream: 'app' },
      { prefix: '/pages', upstream: 'pages', cache: { zone: 'pages', valid: '60s' } },
      { prefix: '/plain', upstream: 'pages' }
    ]
  })
  const { ask, cookies } = browser(edge.url)
  await ask()
  assert.equal(cookies.length, 1)
  const words = [await ask('/pages'), await ask('/pages')].map(({ headers }) => headers['x-cache-status'])
  assert.deepEqual(words, ['MISS', 'HIT'])
  await ask('/plain')
  await get(`${edge.url}/plain`, { headers: { cookie: `x=1; ${cookies[0]}` } })
  assert.deepEqual(
    b.requests.map(({ headers }) => headers.cookie),
    [undefined, undefined, 'x=1']
  )
})

test('a request counts as personal exactly when a server saw a cookie of it, whatever it sends', async (t) => {
  const [a, b] = await two(t)
  const edge = await startEdge(t, {
    upstreams: { app: { servers: [a.url], sticky: STICKY }, pages: b.url },
    caches: { pages: {} },
    routes: [
      { prefix: '/', upstream: 'app' },
      { prefix: '/pages', upstream: 'pages', cache: { zone: 'pages', valid: '60s' } }
    ]
  })
  const pair = fc.constantFrom(
    'route=x',
    'route=',
    'route',
    'Route=x',
    ' route =x',
    'xroute=x',
    's=route=x',
    '=route',
    ''
  )
  const separator = fc.constantFrom('; ', ';', ' ;')
  let n = 0
  await fc.assert(
    fc.asyncProperty(fc.array(pair, { minLength: 1, maxLength: 4 }), separator, async (pairs, between) => {
      const before = b.requests.length
      const { headers } = await get(`${edge.url}/pages/${n++}`, { headers: { cookie: pairs.join(between) } })
      const seen = b.requests.slice(before).map((request) => request.headers.cookie ?? '')
      assert.equal(seen.length, 1)
      assert.equal(headers['x-cache-status'], seen[0]?.trim() ? 'BYPASS' : 'MISS')
      assert.doesNotMatch(seen[0] ?? '', /(?:^|;) *route *=/)
    }),
    { numRuns: 40 }
  )
})

test('an answer for caches in front has no cookie either: all their clients would get it', async (t) => {
  const handler: OriginHandler = (request, response) =>
    response.writeHead(200, { 'cache-control': String(request.headers['x-say']) }).end()
  const origin = await startOrigin(handler)
  t.after(origin.close)
  const upstreams = { app: { servers: [origin.url], sticky: STICKY } }
  const edge = await startEdge(t, { upstreams, prefix: '/', upstream: 'app' })
  const hasCookie = async (say: string) =>
    (await get(edge.url, { headers: { 'x-say': say } })).headers['set-cookie'] !== undefined
  const said = ['public, max-age=60', 's-maxage=60', 'private', 'max-age=60', 'no-store']
  assert.deepEqual(await Promise.all(said.map(hasCookie)), [false, false, true, true, true])
})

test('the onSend hooks of the app see the cookie as any other field', async (t) => {
  let seen: unknown
  const { edge } = await start(
    t,
    {},
    {
      before: (app) => {
        app.addHook('onSend', async (_request, reply) => {
          seen = reply.getHeader('set-cookie')
        })
      }
    }
  )
  await get(edge.url)
  assert.match(String(seen), /^route=/)
})

test('WebSocket: the 101 brings the cookie, and the next connection goes to the same server', async (t) => {
  const echoes = [await startEcho(t, { greeting: 'a' }), await startEcho(t, { greeting: 'b' })]
  const edge = await startEdge(t, {
    upstreams: { app: { servers: echoes.map(({ url }) => url), sticky: STICKY } },
    prefix: '/',
    upstream: 'app',
    websocket: true
  })
  const first = client(t, edge.url)
  const [{ headers }] = (await once(first, 'upgrade')) as [IncomingMessage]
  const line = String(headers['set-cookie'])
  assert.match(line, /^route=[\w-]{43}; Path=\//)
  const cookie = line.split(';')[0] as string
  for (let n = 0; n < 3; n++) await connected(t, edge.url, { headers: { cookie } })
  assert.deepEqual(
    echoes.map(({ handshakes }) => handshakes.length),
    [4, 0]
  )
  assert.ok(echoes[0]?.handshakes.every(({ headers }) => headers.cookie === undefined))
})

test('reply.sluice: the client stays with its server, which never sees the cookie, and cached answers have none', async (t) => {
  const [a, b] = await two(t, { 'cache-control': 'max-age=60' })
  const edge = await startEdge(
    t,
    { upstreams: { app: { servers: [a.url, b.url], sticky: STICKY } }, caches: { pages: {} } },
    {
      after: (app) => {
        app.all('/own', (_, reply) => reply.sluice('app'))
        app.get('/kept', (_, reply) => reply.sluice('app', KEPT))
      }
    }
  )
  const { ask, cookies } = browser(edge.url)
  const headers = { 'content-type': 'application/json' }
  let seen = ''
  for (let n = 0; n < 2; n++) seen += (await ask('/own')).text
  seen += (await ask('/own', { method: 'POST', headers, body: '{"n":1}' })).text
  assert.deepEqual([seen, cookies.length], ['aaa', 1])
  assert.ok(a.requests.every((request) => request.headers.cookie === undefined))
  const words: unknown[] = []
  for (let n = 0; n < 2; n++) {
    const answer = await get(`${edge.url}/kept`)
    words.push(answer.headers['x-cache-status'], answer.headers['set-cookie'])
  }
  assert.deepEqual(words, ['MISS', undefined, 'HIT', undefined])
})
