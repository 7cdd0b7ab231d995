// app.sluice.explain: each verdict with its reason, and nothing that runs for it.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { type Edge, type EdgeSetup, startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'
import { arrivals, until } from '../support/waiting'

/** Fails the test when explain runs it. */
const never = (): never => assert.fail('a function of the user was called')

async function scene(t: TestContext, routes: readonly object[], more: object = {}, setup: EdgeSetup = {}) {
  const origin = await startOrigin((_, response) => {
    response.setHeader('cache-control', 'max-age=60')
    response.end('hello')
  })
  t.after(origin.close)
  const options = {
    upstreams: { app: origin.url, auth: 'http://127.0.0.1:9' },
    caches: { pages: { memory: '1m' } },
    routes,
    ...more
  }
  const edge = await startEdge(t, options, setup)
  const asked = (url: string, rest: object = {}) => edge.app.sluice.explain({ url, ...rest })
  return { edge, origin, asked }
}

test('which route, and why', async (t) => {
  const { asked } = await scene(
    t,
    [
      { prefix: '/api', upstream: 'app', hosts: ['a.example', '*.b.example'], methods: ['GET'] },
      { path: '/api/one', upstream: 'app' }
    ],
    {},
    { after: (app) => app.get('/api/own', async () => 'own') }
  )
  const { route, answeredBy } = await asked('https://x.b.example/api/users?q')
  assert.equal(answeredBy, 'route')
  assert.deepEqual(route, {
    route: '/api',
    option: 'routes[0]',
    pattern: '/api/*',
    why: 'the longest prefix; the host x.b.example is one of a.example, *.b.example; methods GET'
  })
  assert.equal((await asked('/api/one')).route?.why, 'the exact path')
  const others: [string, string, string][] = [
    ['/api/own', 'app', 'a route of the app answers'],
    ['/api/two', 'nobody', '404: no route'],
    ['/api/%ff', 'router', '400: escapes that are not UTF-8']
  ]
  for (const [url, by, verdict] of others) {
    const said = await asked(url)
    assert.deepEqual([said.answeredBy, said.verdict, said.route], [by, verdict, undefined])
  }
  await assert.rejects(asked('api'), { code: 'SLUICE_OPTIONS', message: /^explain\.url: "api" is neither/ })
})

test('what is refused says why, in the words of the log', async (t) => {
  const { edge, asked } = await scene(t, [
    { prefix: '/', upstream: 'app', methods: ['GET', 'POST'] },
    { prefix: '/admin', upstream: 'app' }
  ])
  const cases: [string, object, number, string][] = [
    ['/a/../b', {}, 400, 'dot segment'],
    ['/%2e%2e/b', {}, 400, 'dot segment'],
    ['//admin/x', {}, 400, 'reads as another route when // is merged or %2F decoded'],
    ['/x', { method: 'DELETE' }, 405, 'Method not allowed'],
    ['/x', { headers: { Expect: 'tea' } }, 417, 'Expectation failed'],
    ['/x', { headers: { 'transfer-encoding': 'gzip' } }, 400, 'Transfer-Encoding'],
    ['/x', { headers: { Host: 'a b' } }, 400, 'Host']
  ]
  for (const [url, rest, status, reason] of cases) {
    const said = await asked(url, rest)
    assert.deepEqual([said.refused?.status, said.refused?.reason], [status, reason], url)
    assert.equal(said.verdict, `${status}: ${reason}`)
    assert.equal(said.upstream, undefined)
  }
  assert.equal((await get(`${edge.url}/x`, { method: 'DELETE' })).status, 405)
})

test('the request as the upstream gets it', async (t) => {
  const { edge, origin, asked } = await scene(t, [
    {
      prefix: '/api',
      upstream: 'app',
      rewritePrefix: '/v1',
      headers: { request: { 'x-set': 'yes', 'x-gone': null } }
    }
  ])
  const headers = {
    'X-Gone': 'a',
    'X-Kept': 'b',
    'X-Forwarded-For': '6.6.6.6',
    Connection: 'x-hop',
    'X-Hop': 'c'
  }
  const host = edge.url.slice('http://'.length)
  await get(`${edge.url}/api/users?q=1`, { headers })
  const [received] = origin.requests
  const said = await asked(`${edge.url}/api/users?q=1`, { headers })
  assert.equal(said.forwarded?.path, received?.url)
  assert.equal(said.forwarded?.path, '/v1/users?q=1')
  const { 'x-request-id': id, ...fields } = said.forwarded?.fields ?? {}
  assert.equal(id, '(request.id)')
  assert.equal(fields.host, host)
  for (const [name, value] of Object.entries(fields)) assert.equal(received?.headers[name], value, name)
  for (const name of Object.keys(received?.headers ?? {})) {
    if (!['x-request-id', 'connection', 'accept-encoding', 'user-agent'].includes(name))
      assert.ok(name in fields, name)
  }
})

test('behind a proxy the client is the one that trustProxy verified', async (t) => {
  const rules = [{ deny: '192.0.2.0/24' }, { allow: 'all' }]
  const fastify = { trustProxy: ['10.0.0.1'] }
  const { asked } = await scene(t, [{ prefix: '/', upstream: 'app', access: rules }], {}, { fastify })
  const headers = {
    'x-forwarded-for': '192.0.2.7',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'public.example'
  }
  const trusted = await asked('http://inner/x', { ip: '10.0.0.1', headers })
  assert.deepEqual(trusted.request, { method: 'GET', url: 'https://public.example/x', address: '192.0.2.7' })
  assert.deepEqual(trusted.guards?.access, { verdict: 'deny', rule: { deny: '192.0.2.0/24' } })
  assert.equal(trusted.verdict, '403: access')
  const stranger = await asked('http://inner/x', { ip: '203.0.113.9', headers })
  assert.deepEqual(stranger.request, { method: 'GET', url: 'http://inner/x', address: '203.0.113.9' })
  assert.deepEqual(stranger.guards?.access, { verdict: 'allow', rule: { allow: 'all' } })
})

test('guards are shown and not asked, hooks are named and not run', async (t) => {
  const route = {
    prefix: '/',
    upstream: 'app',
    access: [{ deny: '192.0.2.1' }],
    rateLimit: { rate: '1r/m', burst: 3 },
    concurrency: { max: 1 },
    authRequest: { upstream: 'auth', path: '/check', copyHeaders: ['X-User'] },
    preHandler: never
  }
  const before: EdgeSetup['before'] = (app) => app.addHook('onRequest', async () => never())
  const { asked, origin } = await scene(t, [route], {}, { before })
  for (let again = 0; again < 3; again++) {
    const { guards, forwarded, verdict } = await asked('/x')
    assert.equal(verdict, 'asks app')
    assert.deepEqual(guards, {
      access: { verdict: 'allow', rule: null },
      rateLimit: [{ rate: '1r/m', burst: 3, delay: false, key: 'ip', status: 429 }],
      concurrency: { max: 1, key: 'ip', status: 503 },
      authRequest: { upstream: 'auth', path: '/check', copyHeaders: ['x-user'], timeout: '5s', onError: 503 },
      hooks: ['preHandler [function never]']
    })
    assert.equal(forwarded?.fields['x-user'], '(from authRequest)')
  }
  assert.equal(origin.requests.length, 0)
})

test('functions of the user decide, and are named instead of called', async (t) => {
  const { asked } = await scene(t, [
    { prefix: '/up', upstream: never, cache: { zone: 'pages' } },
    { prefix: '/key', upstream: 'app', cache: { zone: 'pages', key: never } },
    {
      prefix: '/tests',
      upstream: 'app',
      cache: { zone: 'pages', bypass: never, noStore: ['x-preview'] },
      headers: { host: never, request: { 'x-made': never } }
    }
  ])
  const up = await asked('/up')
  assert.deepEqual(up.upstream, { name: '[function never]', servers: [] })
  assert.deepEqual(up.cache, { zone: 'pages', functions: ['upstream'] })
  assert.equal(up.forwarded?.fields.host, '(as the upstream is)')
  assert.deepEqual((await asked('/key')).cache, { zone: 'pages', functions: ['key'] })
  const tests = await asked('/tests', { headers: { 'X-Preview': '1' } })
  assert.deepEqual(tests.cache?.functions, ['bypass'])
  assert.deepEqual([tests.cache?.word, tests.cache?.reason], ['MISS', 'no-store'])
  assert.equal(tests.forwarded?.fields.host, '[function never]')
  assert.equal(tests.forwarded?.fields['x-made'], '[function never]')
})

test('the cache: what is stored, the word and its reason, nothing counted', async (t) => {
  const { edge, asked } = await scene(t, [{ prefix: '/', upstream: 'app', cache: 'pages' }])
  const url = `${edge.url}/page`
  assert.deepEqual([(await asked(url)).cache?.word, (await asked(url)).cache?.stored], ['MISS', undefined])
  await get(url)
  const stats = JSON.stringify(edge.app.sluice.stats().caches)
  const said = await asked(url)
  assert.equal(said.verdict, 'HIT from pages')
  assert.equal(said.cache?.key, `${edge.url}/page of app`)
  assert.equal(said.cache?.stored?.freshBy, 'cache-control')
  const reload = await asked(url, { headers: { 'Cache-Control': 'no-cache' } })
  assert.deepEqual([reload.cache?.word, reload.cache?.reason], ['EXPIRED', 'request-no-cache'])
  const only = await asked(`${edge.url}/other`, { headers: { 'cache-control': 'only-if-cached' } })
  assert.match(only.verdict, /^504: only-if-cached/)
  assert.equal((await asked(url, { method: 'POST' })).cache?.reason, 'method')
  assert.equal((await asked(url, { method: 'OPTIONS' })).cache, undefined)
  assert.equal(JSON.stringify(edge.app.sluice.stats().caches), stats)
})

test('PURGE: who may, of which cache, and what', async (t) => {
  const access = [{ allow: '127.0.0.1' }, { deny: '192.0.2.0/24' }]
  const { edge, asked } = await scene(t, [
    { prefix: '/on', upstream: 'app', cache: { zone: 'pages', purge: { access } } },
    { prefix: '/off', upstream: 'app', cache: 'pages' },
    { prefix: '/sent', upstream: 'app', methods: ['GET', 'PURGE'], cache: 'pages' }
  ])
  const purge = { method: 'purge' }
  await get(`${edge.url}/on/x`)
  const { purge: may, verdict, upstream, cache } = await asked('/on/x?y', purge)
  assert.equal(may?.verdict, 'allow')
  assert.deepEqual([may?.rule, may?.reason, may?.zone], [access[0], undefined, 'pages'])
  assert.deepEqual([upstream, cache], [undefined, undefined])
  assert.match(verdict, /^purges http:\/\/[^/]+\/on\/x\?y from pages$/)
  const tagged = await asked('https://one.example/on', { ...purge, headers: { 'cache-tag': 'a, b' } })
  assert.deepEqual(
    [tagged.purge?.of, tagged.verdict],
    [{ tags: ['a', 'b'] }, 'purges the tags a, b from pages']
  )
  const named = await asked('https://ONE.example:443/on', purge)
  assert.deepEqual(named.purge?.of, { url: 'https://one.example/on' })
  for (const [ip, rule] of [
    ['192.0.2.1', access[1]],
    ['198.51.100.1', null]
  ] as const) {
    const { purge: mayNot, verdict: said } = await asked('/on', { ...purge, ip })
    assert.deepEqual([mayNot?.verdict, mayNot?.rule], ['deny', rule])
    assert.equal(said, `403: cache.purge.access: ${ip}`)
  }
  const behind = await asked('/on', { ...purge, headers: { 'x-forwarded-for': '127.0.0.1' } })
  assert.match(behind.verdict, /^403: .*trustProxy/)
  const off = await asked('/off', purge)
  assert.deepEqual(
    [off.purge, off.refused?.status, off.refused?.code],
    [undefined, 405, 'SLUICE_METHOD_NOT_ALLOWED']
  )
  const sent = await asked('/sent', purge)
  assert.deepEqual([sent.purge, sent.verdict], [undefined, 'asks app'])
  assert.match(String(await asked('/on', purge)), /\n {2}purge +allow: \{"allow":"127\.0\.0\.1"\}/)
  assert.equal((await asked(`${edge.url}/on/x`)).cache?.word, 'HIT')
})

test('files: which are tried, which is found', async (t) => {
  const root = tempDir(t)
  mkdirSync(join(root, 'docs'))
  writeFileSync(join(root, 'docs', 'index.html'), 'x')
  const { asked } = await scene(t, [
    { prefix: '/', static: { root, missing: 'next' }, upstream: 'app' },
    { prefix: '/only', static: { root } },
    { prefix: '/away', redirect: { to: 'https://example.com$path$query' } }
  ])
  const found = await asked('/docs/')
  assert.deepEqual(found.static?.tried, ['/docs/index.html'])
  assert.equal(found.verdict, `the file ${join(root, 'docs', 'index.html')}`)
  assert.equal(found.upstream, undefined)
  const next = await asked('/api')
  assert.deepEqual([next.static?.outcome, next.verdict], ['next', 'asks app'])
  assert.deepEqual(next.static?.tried, ['/api', '/api/index.html'])
  const hidden = await asked('/.env')
  assert.deepEqual([hidden.static?.outcome, hidden.static?.reason], ['missing', 'dotfile'])
  assert.equal(hidden.verdict, '404 of the app')
  assert.equal((await asked('/only/x', { method: 'POST' })).verdict, '405: a file is there for GET and HEAD')
  assert.deepEqual((await asked('/away/x?y')).redirect, {
    status: 308,
    location: 'https://example.com/away/x?y'
  })
})

test('servers: which may be asked, and why others may not', async (t) => {
  const group = {
    servers: [
      'http://127.0.0.1:1',
      { url: 'http://127.0.0.1:2', down: true },
      { url: 'http://127.0.0.1:3', backup: true }
    ]
  }
  const { asked } = await scene(t, [{ prefix: '/', upstream: 'group' }], {
    upstreams: { group, down: { servers: [{ url: 'http://127.0.0.1:4', down: true }] } },
    routes: [
      { prefix: '/', upstream: 'group' },
      { prefix: '/down', upstream: 'down' }
    ]
  })
  const { upstream } = await asked('/')
  assert.deepEqual(
    upstream?.servers.map(({ url, why }) => [url, why]),
    [
      ['http://127.0.0.1:1', undefined],
      ['http://127.0.0.1:2', 'down'],
      ['http://127.0.0.1:3', 'backup']
    ]
  )
  assert.equal((await asked('/down')).verdict, '502: no server of down may be asked')
})

test('upstream: a group that is full and has a queue makes the request wait, until that is full', async (t) => {
  const held = arrivals<ServerResponse>()
  const slow = await startOrigin((_, response) => held.add(response))
  t.after(slow.close)
  const servers = [{ url: slow.url, maxConns: 1 }]
  const { asked, edge } = await scene(t, [{ prefix: '/', upstream: 'group' }], {
    upstreams: { group: { servers, queue: { size: 1 } } }
  })
  const { sluice } = edge.app
  assert.equal((await asked('/')).verdict, 'asks group')
  const first = get(edge.url)
  await held.nth(1)
  const said = await asked('/')
  assert.equal(said.verdict, 'waits for a server of group with room, behind 0 others')
  assert.match(String(said), /upstream +group: \S+ \(not now: full\), 0 of 1 in the queue/)
  const second = get(edge.url)
  await until('the queue', () => sluice.upstream('group').queue()?.waiting === 1)
  assert.equal((await asked('/')).verdict, '503: 1 requests wait for group already')
  assert.deepEqual(sluice.stats().queues, { group: { waiting: 1, size: 1 } })
  for (const n of [1, 2]) (await held.nth(n)).end()
  assert.deepEqual([(await first).status, (await second).status], [200, 200])
})

test('websocket: whether the route relays it, and what the request is', async (t) => {
  const { asked } = await scene(t, [
    { prefix: '/ws', upstream: 'app', websocket: { allowedOrigins: ['https://a.example'] } },
    { prefix: '/plain', upstream: 'app' }
  ])
  const headers = {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    Origin: 'https://b.example'
  }
  const said = await asked('/ws', { headers })
  assert.deepEqual(said.websocket, { enabled: true, handshake: 'tunnel', originAllowed: false })
  assert.deepEqual((await asked('/plain')).websocket, {
    enabled: false,
    handshake: undefined,
    originAllowed: true
  })
})

async function textOf(edge: Edge, asked: object): Promise<string> {
  return String(await edge.app.sluice.explain(asked as never))
}

test('as text: one verdict per line; as JSON: the data', async (t) => {
  const { edge, origin, asked } = await scene(t, [
    {
      prefix: '/api',
      upstream: 'app',
      rewritePrefix: '/',
      cache: { zone: 'pages', valid: '5s' },
      access: [{ deny: '192.0.2.1' }],
      rateLimit: { rate: '5r/s' },
      forwarded: false
    }
  ])
  const text = await textOf(edge, { url: 'http://a.example/api/x', headers: { Cookie: 'a=b' } })
  assert.deepEqual(text.split('\n'), [
    'GET http://a.example/api/x from 127.0.0.1',
    '→ asks app',
    '  route      /api (routes[0]): the longest prefix',
    '  access     allow: no rule matches',
    '  rateLimit  [{"rate":"5r/s","burst":0,"delay":false,"key":"ip","status":429}], not counted',
    `  upstream   app: ${origin.url}`,
    '  sends      GET /x',
    '             host: a.example',
    '             cookie: a=b',
    '  cache      pages: MISS (absent)',
    '  key        http://a.example/api/x of app',
    '  admits     an answer that says nothing: no (cookie); max-age: yes; public, max-age: yes',
    '  websocket  no'
  ])
  const said = await asked('http://a.example/api/x')
  assert.equal(inspect(said), String(said))
  assert.equal(JSON.parse(JSON.stringify(said)).cache.word, 'MISS')
})
