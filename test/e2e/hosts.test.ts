// nginx: server_name, limit_except. Which route a host and a method lead to.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { certificates } from '../support/certificates'
import { startEdge, startError } from '../support/edge'
import { h2get } from '../support/h2'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { rawExchange } from '../support/raw-client'

const name = (text: string) => ({ headers: { request: { 'x-route': text } } })

async function edgeFor(t: Parameters<typeof startEdge>[0], routes: readonly object[]) {
  const origin = await startOrigin()
  t.after(origin.close)
  const edge = await startEdge(t, { defaults: { upstream: origin.url }, routes })
  return async (host: string, path = '/', method = 'GET'): Promise<string> => {
    const { status, text } = await get(edge.url + path, { method, headers: { Host: host } })
    return status === 200 ? JSON.parse(text).headers['x-route'] : String(status)
  }
}

for (const order of ['as written', 'reversed'] as const) {
  test(`exact names, then the longest wildcard, then the route for every host (${order})`, async (t) => {
    const routes = [
      { prefix: '/', ...name('any') },
      { prefix: '/', hosts: ['*.example.com'], ...name('wild') },
      { prefix: '/', hosts: ['*.b.example.com'], ...name('longer') },
      { prefix: '/', hosts: ['www.example.com', 'example.com'], ...name('exact') }
    ]
    const ask = await edgeFor(t, order === 'reversed' ? routes.reverse() : routes)
    assert.equal(await ask('example.com'), 'exact')
    assert.equal(await ask('WWW.Example.Com:8080'), 'exact')
    assert.equal(await ask('www.example.com.'), 'exact')
    assert.equal(await ask('a.example.com'), 'wild')
    assert.equal(await ask('a.c.example.com'), 'wild')
    assert.equal(await ask('a.b.example.com'), 'longer')
    assert.equal(await ask('b.example.com'), 'wild')
    assert.equal(await ask('notexample.com'), 'any')
    assert.equal(await ask('example.com.evil.test'), 'any')
    assert.equal(await ask('127.0.0.1'), 'any')
  })
}

test('a host that no route names is the app’s 404', async (t) => {
  const ask = await edgeFor(t, [{ prefix: '/', hosts: ['a.example'], ...name('a') }])
  assert.equal(await ask('a.example'), 'a')
  assert.equal(await ask('b.example'), '404')
})

test('one host, two versions: each has its route', async (t) => {
  const hosts = ['a.example']
  const origin = await startOrigin()
  t.after(origin.close)
  const routes = ['1.0.0', '2.0.0'].map((version) => ({
    prefix: '/',
    hosts,
    constraints: { version },
    ...name(version)
  }))
  const { url, app } = await startEdge(t, { defaults: { upstream: origin.url }, routes })
  for (const version of ['1.0.0', '2.0.0', '1.x', '2.0.x']) {
    const headers = { Host: 'a.example', 'Accept-Version': version }
    const { text } = await get(`${url}/`, { headers })
    const answered = JSON.parse(text).headers['x-route']
    assert.equal(answered[0], version[0])
    const { forwarded } = await app.sluice.explain({ url: '/', headers })
    assert.equal(forwarded?.fields['x-route'], answered, 'explain names the same route')
  }
  const other = await get(`${url}/`, { headers: { Host: 'b.example', 'Accept-Version': '1.x' } })
  assert.equal(other.status, 404)
})

test('forty hosts, each a route of its own or all of one route', async (t) => {
  const hosts = Array.from({ length: 100 }, (_, index) => `h${index}.example`)
  const one = await edgeFor(t, [{ prefix: '/', hosts, ...name('all') }])
  assert.equal(await one('h99.example'), 'all')
  const many = await edgeFor(
    t,
    hosts.slice(0, 30).map((host) => ({ prefix: '/', hosts: [host], ...name(host) }))
  )
  assert.equal(await many('h29.example'), 'h29.example')
})

test('the prefix decides before the host, as a longer one is another place', async (t) => {
  const ask = await edgeFor(t, [
    { prefix: '/api', ...name('api') },
    { prefix: '/', hosts: ['a.example'], ...name('a') },
    { prefix: '/', ...name('any') }
  ])
  assert.equal(await ask('a.example', '/api/x'), 'api')
  assert.equal(await ask('a.example', '/x'), 'a')
  assert.equal(await ask('b.example', '/x'), 'any')
})

test('an exact path goes before the prefix', async (t) => {
  const ask = await edgeFor(t, [
    { prefix: '/', ...name('prefix') },
    { path: '/one', ...name('exact') },
    { prefix: '/one', ...name('longer') }
  ])
  assert.equal(await ask('a', '/one'), 'exact')
  assert.equal(await ask('a', '/one/'), 'longer')
  assert.equal(await ask('a', '/one/two'), 'longer')
  assert.equal(await ask('a', '/two'), 'prefix')
})

test('an exact path of one host leaves the prefix to the others', async (t) => {
  const ask = await edgeFor(t, [
    { path: '/one', hosts: ['a.example'], ...name('exact') },
    { prefix: '/one', ...name('prefix') }
  ])
  assert.equal(await ask('a.example', '/one'), 'exact')
  assert.equal(await ask('b.example', '/one'), 'prefix')
  assert.equal(await ask('a.example', '/one/x'), 'prefix')
})

test('methods of one prefix are shared between routes, and what none takes is 405 with all of them', async (t) => {
  const ask = await edgeFor(t, [
    { prefix: '/x', methods: ['GET', 'head'], ...name('read') },
    { prefix: '/x', methods: ['POST'], ...name('write') }
  ])
  assert.equal(await ask('a', '/x'), 'read')
  assert.equal(await ask('a', '/x', 'POST'), 'write')
  assert.equal(await ask('a', '/x', 'DELETE'), '405')
})

test('405 names what is allowed', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, {
    defaults: { upstream: origin.url },
    routes: [
      { prefix: '/x', methods: ['GET', 'HEAD'] },
      { prefix: '/x', methods: ['POST'] },
      { prefix: '/open' }
    ]
  })
  const refused = await get(`${url}/x/y`, { method: 'DELETE' })
  assert.equal(refused.status, 405)
  assert.equal(refused.headers.allow, 'GET, HEAD, POST')
  const trace = await rawExchange(
    url,
    'TRACE /open HTTP/1.1\r\nHost: a\r\nCookie: secret\r\nConnection: close\r\n\r\n'
  )
  assert.equal(trace.status, 405)
  assert.ok(!trace.body.includes('secret'))
  assert.equal(origin.requests.length, 0)
})

test('a route without methods takes what its brother leaves', async (t) => {
  const ask = await edgeFor(t, [
    { prefix: '/x', methods: ['POST'], ...name('write') },
    { prefix: '/x', ...name('rest') }
  ])
  assert.equal(await ask('a', '/x', 'POST'), 'write')
  assert.equal(await ask('a', '/x', 'GET'), 'rest')
  assert.equal(await ask('a', '/x', 'DELETE'), 'rest')
})

test('over HTTP/2 the authority is the host', async (t) => {
  const { good } = certificates()
  const origin = await startOrigin()
  t.after(origin.close)
  const routes = [
    { prefix: '/', hosts: ['a.example'], ...name('a') },
    { prefix: '/', ...name('any') }
  ]
  const edge = await startEdge(
    t,
    { defaults: { upstream: origin.url }, routes },
    { fastify: { http2: true, https: { ...good, allowHTTP1: true } } }
  )
  const ask = async (authority: string) =>
    (await h2get(edge.url, { headers: { ':authority': authority } })).json<{
      headers: Record<string, string>
    }>().headers['x-route']
  assert.equal(await ask('A.example:443'), 'a')
  assert.equal(await ask('b.example'), 'any')
})

const REFUSED: readonly [string, readonly object[], RegExp][] = [
  [
    'a port',
    [{ prefix: '/', hosts: ['a.example:80'] }],
    /^routes\[0\]\.hosts\[0\]: "a\.example:80" is no host/
  ],
  ['a star within', [{ prefix: '/', hosts: ['a', 'a.*.b'] }], /^routes\[0\]\.hosts\[1\]: /],
  [
    'hosts that two routes share in part',
    [
      { prefix: '/', hosts: ['a.example', 'b.example'] },
      { prefix: '/', hosts: ['B.example'] }
    ],
    /^routes\[1\]\.hosts: "b\.example" .* routes\[0\]/
  ],
  ['the same route twice', [{ prefix: '/x' }, { prefix: '/x/' }], /^routes\[1\]: \/x is already routes\[0\]/],
  [
    'the same method twice',
    [
      { prefix: '/x', methods: ['GET'] },
      { prefix: '/x', methods: ['get'] }
    ],
    /^routes\[1\]: \/x is already routes\[0\] for GET/
  ],
  ['CONNECT', [{ prefix: '/x', methods: ['CONNECT'] }], /^routes\[0\]\.methods\[0\]: "CONNECT" is no method/],
  ['an invented method', [{ prefix: '/x', methods: ['GET', 'FETCH'] }], /^routes\[0\]\.methods\[1\]: "FETCH"/]
]

for (const [what, routes, message] of REFUSED) {
  test(`refused at start: ${what}`, async () => {
    const options = { defaults: { upstream: 'http://127.0.0.1:1' }, routes }
    assert.match((await startError(options)).message, message)
  })
}
