// Taking things out: app.sluice.purge by URL, prefix, host and zone (proxy_cache_purge), and what unsafe methods invalidate (RFC 9111 §4.4).
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'
import { startAnswering, startCached, wordOf } from './cached'

type Purge = (what: object) => Promise<{ removed: number; banned: number }>

function purgeOf(app: FastifyInstance): Purge {
  const { sluice } = app as unknown as { sluice: { purge: Purge } }
  return (what) => sluice.purge(what)
}

const fields = { 'cache-control': 'max-age=60' }
const NAME = { headers: { host: 'one.example' } }

test('purge by URL: that one, with all its variants, at once', async (t) => {
  const { word, edge } = await startCached(t, { fields: { ...fields, vary: 'X-Kind' } })
  const a = { headers: { host: 'one.example', 'x-kind': 'a' } }
  const b = { headers: { host: 'one.example', 'x-kind': 'b' } }
  for (const path of ['/page?x=1', '/page?x=2']) for (const kind of [a, b]) await word(path, kind)
  const result = await purgeOf(edge.app)({ url: 'http://one.example/page?x=1' })
  assert.equal(result.removed, 1)
  assert.deepEqual([await word('/page?x=1', a), await word('/page?x=1', b)], ['MISS', 'MISS'])
  assert.deepEqual([await word('/page?x=2', a), await word('/page?x=2', b)], ['HIT', 'HIT'])
  assert.deepEqual(await purgeOf(edge.app)({ url: 'http://one.example/never' }), { removed: 0, banned: 0 })
})

test('purge by prefix: paths, or whole URLs', async (t) => {
  const { word, edge } = await startCached(t, { fields })
  const purge = purgeOf(edge.app)
  for (const path of ['/shop/a', '/shop/b', '/blog/a']) await word(path, NAME)
  await purge({ prefix: '/shop/' })
  assert.deepEqual(
    [await word('/shop/a', NAME), await word('/shop/b', NAME), await word('/blog/a', NAME)],
    ['MISS', 'MISS', 'HIT']
  )
  assert.equal(await word('/shop/a', NAME), 'HIT', 'what came after the purge stays')
  await purge({ prefix: 'http://one.example/blog' })
  assert.equal(await word('/blog/a', NAME), 'MISS')
  await purge({ prefix: 'http://two.example/' })
  assert.equal(await word('/blog/a', NAME), 'HIT')
})

test('purge by host, of everything, and of a zone', async (t) => {
  const { word, edge } = await startCached(t, { fields })
  const purge = purgeOf(edge.app)
  const other = { headers: { host: 'two.example' } }
  for (const options of [NAME, other]) await word('/', options)
  await purge({ host: 'ONE.example' })
  assert.deepEqual([await word('/', NAME), await word('/', other)], ['MISS', 'HIT'])
  await purge({ all: true })
  assert.deepEqual([await word('/', NAME), await word('/', other)], ['MISS', 'MISS'])
  await purge({ zone: 'pages', all: true })
  assert.deepEqual([await word('/', NAME), await word('/', other)], ['MISS', 'MISS'])
})

test('purge of one zone leaves the others; a wrong name or an empty wish is an error', async (t) => {
  const origin = await startAnswering(t, { fields })
  const edge = await startEdge(t, {
    caches: { a: {}, b: {} },
    routes: [
      { prefix: '/a', upstream: origin.url, cache: 'a' },
      { prefix: '/b', upstream: origin.url, cache: 'b' }
    ]
  })
  const word = async (path: string) => wordOf(await get(edge.url + path))
  await word('/a')
  await word('/b')
  await purgeOf(edge.app)({ zone: 'a', all: true })
  assert.deepEqual([await word('/a'), await word('/b')], ['MISS', 'HIT'])
  await assert.rejects(purgeOf(edge.app)({ zone: 'c', all: true }), /purge\.zone: no cache named "c"/)
  for (const what of [{}, { zone: 'a' }, { url: '/', all: true }])
    await assert.rejects(purgeOf(edge.app)(what), /needs exactly one of url, prefix, host, tags, all/)
  assert.equal(await word('/b'), 'HIT')
})

test('purge by URL in other words: another case, the default port, a fragment, a path alone', async (t) => {
  const { word, edge } = await startCached(t, { fields })
  for (const url of [
    'HTTP://One.Example/page',
    'http://one.example:80/page',
    'http://one.example/page#x',
    '/page'
  ]) {
    await word('/page', NAME)
    assert.equal(await word('/page', NAME), 'HIT', url)
    await purgeOf(edge.app)({ url })
    assert.equal(await word('/page', NAME), 'MISS', url)
  }
  for (const url of [
    'https://one.example/page',
    'http://one.example:8080/page',
    'http://one.example/page?'
  ]) {
    await purgeOf(edge.app)({ url })
    assert.equal(await word('/page', NAME), 'HIT', url)
  }
})

test('purge by URL takes it from the disk too', async (t) => {
  const zone = { memory: '1k', maxObject: '1k', disk: { path: join(tempDir(t), 'cache'), maxSize: '1m' } }
  const { word, edge } = await startCached(t, { fields, body: 'x'.repeat(4096) }, {}, { zone })
  await word('/page', NAME)
  await until('stored', async () => (await word('/page', NAME)) === 'HIT')
  assert.deepEqual(await purgeOf(edge.app)({ url: 'http://one.example/page' }), { removed: 1, banned: 0 })
  assert.equal(await word('/page', NAME), 'MISS')
})

test('soft purge: the next request is served stale and refreshes, the one after it gets what is new', async (t) => {
  const stale = { 'cache-control': 'max-age=60, stale-while-revalidate=60' }
  const { ask, edge } = await startCached(t, { fields: stale })
  await ask('/', NAME)
  await purgeOf(edge.app)({ host: 'one.example', soft: true })
  const first = await ask('/', NAME)
  assert.deepEqual([wordOf(first), first.text], ['STALE', '1'])
  await until('refreshed', async () => (await ask('/', NAME)).text === '2')
  assert.equal(wordOf(await ask('/', NAME)), 'HIT')
})

test('soft purge: the origin is asked with the validator, and a 304 makes it fresh again', async (t) => {
  const { ask, word, edge, origin } = await startCached(t, ({ headers }) =>
    headers['if-none-match'] === '"a"'
      ? { status: 304, fields: { etag: '"a"' } }
      : { fields: { ...fields, etag: '"a"' } }
  )
  await word('/', NAME)
  await purgeOf(edge.app)({ url: '/', soft: true })
  const answer = await ask('/', NAME)
  assert.deepEqual([wordOf(answer), answer.text], ['REVALIDATED', '1'])
  assert.equal(await word('/', NAME), 'HIT')
  assert.equal(origin.requests.length, 2)
})

const TAGGED: Record<string, Record<string, string>> = {
  '/a': { 'surrogate-key': 'all news' },
  '/b': { 'cache-tag': 'all, shop' },
  '/c': { 'cache-groups': '"all", "a group"' }
}

test('purge by tag: any of those that are named, in any of three fields, of which clients see none', async (t) => {
  const { ask, word, edge } = await startCached(t, ({ url = '' }) => ({
    fields: { ...fields, ...TAGGED[url] }
  }))
  const paths = Object.keys(TAGGED)
  for (const [tags, missed] of [
    [['all'], paths],
    [
      ['news', 'a group'],
      ['/a', '/c']
    ],
    [['shop'], ['/b']],
    [['All', 'group', 'sho'], []]
  ] as const) {
    for (const path of paths) await word(path)
    assert.deepEqual(await purgeOf(edge.app)({ tags }), { removed: 0, banned: 1 })
    for (const path of paths) {
      const answer = await ask(path)
      assert.equal(wordOf(answer), missed.includes(path as never) ? 'MISS' : 'HIT', `${tags} ${path}`)
      for (const name of ['surrogate-key', 'cache-tag', 'cache-groups'])
        assert.equal(answer.headers[name], undefined)
    }
  }
})

test('tags pass to clients with headers.pass, and on a route without a cache', async (t) => {
  const origin = await startAnswering(t, { fields: { ...fields, 'cache-tag': 'a', 'surrogate-key': 'b' } })
  const edge = await startEdge(t, {
    upstreams: { app: origin.url },
    caches: { pages: {} },
    routes: [
      { prefix: '/passed', upstream: 'app', cache: 'pages', headers: { pass: ['Cache-Tag'] } },
      { prefix: '/plain', upstream: 'app' }
    ]
  })
  for (const word of ['MISS', 'HIT']) {
    const passed = await get(`${edge.url}/passed`)
    const { 'cache-tag': tag, 'surrogate-key': key } = passed.headers
    assert.deepEqual([wordOf(passed), tag, key], [word, 'a', undefined])
  }
  assert.equal((await get(`${edge.url}/plain`)).headers['surrogate-key'], 'b')
})

test('a handler of the app tags its answer', async (t) => {
  const edge = await startEdge(
    t,
    { caches: { pages: {} } },
    {
      after: (app) =>
        app.get(
          '/doc',
          app.sluice.cached({ zone: 'pages', valid: '60s' }, (_, reply: FastifyReply) => {
            reply.header('cache-tag', 'größe').send('doc')
          })
        )
    }
  )
  const ask = () => get(`${edge.url}/doc`)
  await ask()
  const hit = await ask()
  assert.deepEqual([wordOf(hit), hit.headers['cache-tag']], ['HIT', undefined])
  await purgeOf(edge.app)({ tags: ['größe'] })
  assert.equal(wordOf(await ask()), 'MISS')
})

test('a POST invalidates the groups that its answer names', async (t) => {
  const { ask, word } = await startCached(t, ({ method }) =>
    method === 'GET'
      ? { fields: { ...fields, 'cache-groups': '"cart"' } }
      : { fields: { 'cache-group-invalidation': '"cart"' } }
  )
  await word('/cart/total')
  assert.equal(await word('/cart/total'), 'HIT')
  await ask('/cart/add', { method: 'POST', body: 'x' })
  assert.equal(await word('/cart/total'), 'MISS')
})

test('a purge while the response is on its way keeps it out of the store', async (t) => {
  const held: (() => void)[] = []
  const { ask, word, edge, origin } = await startCached(t, async () => {
    if (origin.requests.length === 1) await new Promise<void>((resolve) => held.push(resolve))
    return { fields }
  })
  const asked = ask('/', NAME)
  await origin.request(1)
  await purgeOf(edge.app)({ url: 'http://one.example/' })
  held[0]?.()
  assert.equal((await asked).text, '1')
  assert.equal(await word('/', NAME), 'MISS')
})

for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
  test(`${method} that succeeds invalidates its URL and what Location names`, async (t) => {
    const { ask, word } = await startCached(t, ({ method: asked }) =>
      asked === 'GET' ? { fields } : { status: 201, fields: { location: '/list' } }
    )
    for (const path of ['/item', '/list', '/other']) await word(path)
    await ask('/item', { method, body: 'x' })
    assert.deepEqual(
      [await word('/item'), await word('/list'), await word('/other')],
      ['MISS', 'MISS', 'HIT']
    )
  })
}

test('an unsafe request that fails invalidates nothing', async (t) => {
  const { ask, word } = await startCached(t, ({ method }) =>
    method === 'GET' ? { fields } : { status: 500 }
  )
  await word('/item')
  await ask('/item', { method: 'POST' })
  assert.equal(await word('/item'), 'HIT')
})

test('Location of another host invalidates nothing there', async (t) => {
  const { ask, word } = await startCached(t, ({ method }) =>
    method === 'GET' ? { fields } : { fields: { location: 'http://two.example/list' } }
  )
  const two = { headers: { host: 'two.example' } }
  await word('/list', two)
  await ask('/item', { method: 'POST', ...NAME })
  assert.equal(await word('/list', two), 'HIT')
})
