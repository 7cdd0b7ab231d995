// The method PURGE (proxy_cache_purge): by URL and by tag, from the addresses on its list only, never forwarded.
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { startEdge, startError } from '../support/edge'
import { connectH2 } from '../support/h2'
import { get } from '../support/http-client'
import { startAnswering, startCached } from './cached'

const fields = { 'cache-control': 'max-age=60' }
const ME = { access: [{ allow: '127.0.0.1' }, { deny: 'all' }] }
const PURGE = { method: 'PURGE' }

/** Host and method of a request. */
function from(host: string, method = 'GET') {
  return { method, headers: { host } }
}

test('PURGE takes the URL that it names from the zone, in all its variants, and goes no further', async (t) => {
  const { ask, word, origin } = await startCached(t, { fields: { ...fields, vary: 'x-kind' } }, { purge: ME })
  const a = { headers: { 'x-kind': 'a' } }
  for (const path of ['/page?x=1', '/page?x=2']) for (const kind of [a, {}]) await word(path, kind)
  const answer = await ask('/page?x=1', PURGE)
  assert.deepEqual([answer.status, JSON.parse(answer.text)], [200, { removed: 1, banned: 0 }])
  assert.equal(answer.headers['cache-control'], 'no-store')
  assert.deepEqual([await word('/page?x=1', a), await word('/page?x=1')], ['MISS', 'MISS'])
  assert.deepEqual([await word('/page?x=2', a), await word('/page?x=2')], ['HIT', 'HIT'])
  assert.deepEqual(JSON.parse((await ask('/never', PURGE)).text), { removed: 0, banned: 0 })
  assert.ok(origin.requests.every(({ method }) => method === 'GET'))
})

test('PURGE names a host as well', async (t) => {
  const { ask, word } = await startCached(t, { fields }, { purge: ME })
  for (const host of ['one.example', 'two.example']) await word('/', from(host))
  await ask('/', from('ONE.example:80', 'PURGE'))
  assert.deepEqual(
    [await word('/', from('one.example')), await word('/', from('two.example'))],
    ['MISS', 'HIT']
  )
})

for (const [name, value] of [
  ['surrogate-key', 'none news'],
  ['cache-tag', 'none, news']
] as const) {
  test(`PURGE with ${name} purges by tag`, async (t) => {
    const { ask, word } = await startCached(
      t,
      ({ url }) => ({ fields: { ...fields, 'cache-tag': url === '/news' ? 'news' : 'other' } }),
      { purge: ME }
    )
    for (const path of ['/news', '/other']) await word(path)
    const { text } = await ask('/', { method: 'PURGE', headers: { [name]: value } })
    assert.deepEqual(JSON.parse(text), { removed: 0, banned: 1 })
    assert.deepEqual([await word('/news'), await word('/other')], ['MISS', 'HIT'])
  })
}

test('PURGE over HTTP/2', async (t) => {
  const { edge } = await startCached(t, { fields }, { purge: ME }, { fastify: { http2: true } })
  const client = await connectH2(edge.url)
  t.after(() => client.close())
  const word = async () => (await client.get('/')).headers['x-cache-status']
  assert.deepEqual([await word(), await word()], ['MISS', 'HIT'])
  const answer = await client.get('/', { method: 'PURGE' })
  assert.deepEqual(JSON.parse(answer.text), { removed: 1, banned: 0 })
  assert.equal(await word(), 'MISS')
})

test('PURGE is off by default, also beside a route that takes it', async (t) => {
  const origin = await startAnswering(t, { fields })
  const edge = await startEdge(t, {
    upstreams: { app: origin.url },
    caches: { pages: {} },
    routes: [
      { prefix: '/on', upstream: 'app', cache: { zone: 'pages', purge: ME } },
      { prefix: '/listed', upstream: 'app', methods: ['GET'], cache: { zone: 'pages', purge: ME } },
      { prefix: '/off', upstream: 'app', cache: 'pages' },
      { prefix: '/plain', upstream: 'app' }
    ]
  })
  for (const [path, status] of [
    ['/on', 200],
    ['/listed', 200],
    ['/off', 405],
    ['/plain', 405]
  ] as const) {
    const answer = await get(edge.url + path, PURGE)
    assert.equal(answer.status, status, path)
    if (status === 405) assert.ok(!String(answer.headers.allow).includes('PURGE'), path)
  }
  assert.ok(String((await get(`${edge.url}/listed`, { method: 'POST' })).headers.allow).includes('PURGE'))
  assert.deepEqual(origin.requests, [])
})

test('PURGE without the option anywhere reaches nobody', async (t) => {
  const { ask, origin } = await startCached(t, { fields })
  assert.ok([404, 405].includes((await ask('/', PURGE)).status))
  assert.deepEqual(origin.requests, [])
})

const REFUSED: readonly (readonly [name: string, access: object[]])[] = [
  ['an address that is denied', [{ deny: '127.0.0.0/8' }, { allow: 'all' }]],
  ['an address in no rule', [{ allow: '192.0.2.1' }]],
  ['an address in no rule but denials', [{ deny: '192.0.2.1' }]]
]

for (const [name, access] of REFUSED) {
  test(`PURGE from ${name} is 403 and purges nothing`, async (t) => {
    const { ask, word } = await startCached(t, { fields }, { purge: { access } as never })
    await word('/')
    assert.equal((await ask('/', PURGE)).status, 403)
    assert.equal(await word('/'), 'HIT')
  })
}

test('PURGE: the address is the one that trustProxy verified', async (t) => {
  const setup = { fastify: { trustProxy: '127.0.0.1' } }
  const { ask } = await startCached(t, { fields }, { purge: { access: [{ allow: '192.0.2.7' }] } }, setup)
  const status = async (address: string) =>
    (await ask('/', { method: 'PURGE', headers: { 'x-forwarded-for': address } })).status
  assert.deepEqual(
    [await status('192.0.2.7'), await status('192.0.2.8'), await status('192.0.2.7, 192.0.2.8')],
    [200, 403, 403]
  )
  assert.equal((await ask('/', PURGE)).status, 403)
})

test('PURGE through a proxy that nobody told us of is 403: its address is everybody’s', async (t) => {
  const { ask, edge } = await startCached(t, { fields }, { purge: ME })
  for (const [name, value] of [
    ['x-forwarded-for', '203.0.113.9'],
    ['forwarded', 'for=203.0.113.9']
  ] as const) {
    assert.equal((await ask('/', { method: 'PURGE', headers: { [name]: value } })).status, 403, name)
  }
  assert.ok(JSON.stringify(edge.log).includes('trustProxy'))
})

test('PURGE pays the guards of its route, and the app’s hooks', async (t) => {
  const hooked: string[] = []
  const route = {
    access: [{ deny: 'all' }],
    onRequest: async ({ method }: { method: string }) => void hooked.push(method)
  }
  const closed = await startCached(t, { fields }, { purge: ME }, { route })
  assert.equal((await closed.ask('/', PURGE)).status, 403)
  const open = await startCached(t, { fields }, { purge: ME }, { route: { onRequest: route.onRequest } })
  assert.equal((await open.ask('/', PURGE)).status, 200)
  assert.deepEqual(hooked, ['PURGE'])
})

test('PURGE with content is answered, and the connection goes on', async (t) => {
  const { ask, word } = await startCached(t, { fields }, { purge: ME })
  await word('/')
  assert.equal((await ask('/', { ...PURGE, body: 'x'.repeat(100_000) })).status, 200)
  assert.equal(await word('/'), 'MISS')
})

test('a purge list that could let nobody or anything in is an error at start', async (t: TestContext) => {
  const origin = await startAnswering(t, { fields })
  for (const [purge, message] of [
    [true, /cache/],
    [{}, /access/],
    [{ access: [] }, /access/],
    [{ access: [{ allow: 'localhost' }] }, /cache\.purge\.access\[0\]\.allow: "localhost" is no IP address/],
    [{ access: [{ allow: 'all' }, { deny: '192.0.2.1' }] }, /cache\.purge\.access\[1\]: is never reached/]
  ] as const) {
    const cache = { zone: 'pages', purge }
    const { message: told } = await startError({
      caches: { pages: {} },
      prefix: '/',
      upstream: origin.url,
      cache
    })
    assert.match(told, message)
  }
})

test('a handler of the app has no PURGE: the option is refused', async () => {
  const after = (app: { sluice: { cached: (...parts: unknown[]) => unknown } }) =>
    app.sluice.cached({ zone: 'pages', purge: ME }, () => 'x')
  const { message } = await startError({ caches: { pages: {} } }, { after: after as never })
  assert.match(message, /cached\(…\)\.purge/)
})
