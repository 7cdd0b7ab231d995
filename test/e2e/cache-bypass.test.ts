// proxy_cache_bypass, proxy_no_cache, proxy_cache_methods, proxy_cache_key, proxy_cache_min_uses, and what clients may ask for.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyRequest } from 'fastify'
import { startCached, wordOf } from './cached'

const fields = { 'cache-control': 'max-age=60' }

test('proxy_cache_bypass: by a function; the fresh answer is stored', async (t) => {
  const { ask } = await startCached(
    t,
    { fields },
    {
      bypass: (request: FastifyRequest) => (request.query as { fresh?: string }).fresh === '1',
      key: (request: FastifyRequest) => request.url.split('?', 1)[0] ?? ''
    }
  )
  await ask('/a')
  const bypassed = await ask('/a?fresh=1')
  assert.deepEqual([wordOf(bypassed), bypassed.text], ['BYPASS', '2'])
  const hit = await ask('/a')
  assert.deepEqual([wordOf(hit), hit.text], ['HIT', '2'])
})

test('proxy_cache_bypass: by fields that are there and neither empty nor 0', async (t) => {
  const { word } = await startCached(t, { fields }, { bypass: ['X-Reload', 'X-Other'] })
  await word('/')
  for (const [value, expected] of [
    ['1', 'BYPASS'],
    ['0', 'HIT'],
    ['', 'HIT'],
    ['no', 'BYPASS']
  ] as const) {
    assert.equal(await word('/', { headers: { 'x-reload': value } }), expected, `x-reload: ${value}`)
  }
  assert.equal(await word('/', { headers: { 'x-other': '1' } }), 'BYPASS')
})

test('proxy_no_cache: nothing of these requests is stored, what is stored is served', async (t) => {
  const { word } = await startCached(t, { fields }, { noStore: ['x-preview'] })
  const headers = { 'x-preview': '1' }
  assert.deepEqual([await word('/', { headers }), await word('/')], ['MISS', 'MISS'])
  assert.equal(await word('/', { headers }), 'HIT')
})

test('proxy_cache_bypass with proxy_no_cache: the request leaves no trace', async (t) => {
  const { ask, word } = await startCached(t, { fields }, { bypass: ['x-preview'], noStore: ['x-preview'] })
  await ask('/')
  assert.equal(await word('/', { headers: { 'x-preview': '1' } }), 'BYPASS')
  assert.equal((await ask('/')).text, '1')
})

test('proxy_cache_methods: without HEAD in the list a HEAD goes to the origin as it is', async (t) => {
  const { ask, origin } = await startCached(t, { fields }, { methods: ['GET'] })
  await ask('/')
  const head = await ask('/', { method: 'HEAD' })
  assert.equal(head.status, 200)
  assert.equal(wordOf(head), '')
  assert.equal(origin.requests[1]?.method, 'HEAD')
})

test('HEAD: a miss is fetched as GET, and serves later GETs; HEAD is answered from a stored GET', async (t) => {
  const { ask, origin } = await startCached(t, { fields, body: 'content' })
  const miss = await ask('/', { method: 'HEAD' })
  assert.deepEqual([miss.status, wordOf(miss), miss.text], [200, 'MISS', ''])
  assert.equal(origin.requests[0]?.method, 'GET')
  const hit = await ask('/')
  assert.deepEqual([wordOf(hit), hit.text], ['HIT', 'content'])
  const head = await ask('/', { method: 'HEAD' })
  assert.deepEqual([wordOf(head), head.text, head.headers['content-length']], ['HIT', '', '7'])
  assert.equal(origin.requests.length, 1)
})

test('proxy_cache_key: an own key decides what is the same', async (t) => {
  const { word } = await startCached(
    t,
    { fields },
    {
      key: (request: FastifyRequest) => `${request.url.split('?', 1)[0]}|${request.headers['x-tenant'] ?? ''}`
    }
  )
  await word('/?utm_source=a')
  assert.equal(await word('/?utm_source=b'), 'HIT')
  assert.equal(await word('/', { headers: { 'x-tenant': 'b' } }), 'MISS')
})

test('proxy_cache_key by default: host, path and query as received', async (t) => {
  const { word } = await startCached(t, { fields })
  await word('/a?x=1&y=2')
  assert.equal(await word('/a?x=1&y=2'), 'HIT')
  for (const path of ['/a?y=2&x=1', '/a?x=1', '/a', '/%61?x=1&y=2', '/A?x=1&y=2']) {
    assert.equal(await word(path), 'MISS', path)
  }
  assert.equal(await word('/a', { headers: { host: 'other.example' } }), 'MISS')
  assert.equal(await word('/a', { headers: { host: 'OTHER.example' } }), 'HIT')
  assert.equal(await word('/a', { headers: { host: 'other.example:80' } }), 'HIT')
})

test('proxy_cache_min_uses: stored by the third request', async (t) => {
  const { word } = await startCached(t, { fields }, { minUses: 3 })
  const words = [await word('/'), await word('/'), await word('/'), await word('/')]
  assert.deepEqual(words, ['MISS', 'MISS', 'MISS', 'HIT'])
})

test('a key, bypass or noStore function that throws ends its request only', async (t) => {
  const { ask, word } = await startCached(
    t,
    { fields },
    {
      bypass: (request: FastifyRequest) => {
        if (request.headers['x-boom'] !== undefined) throw new Error('boom')
        return false
      }
    }
  )
  assert.equal((await ask('/', { headers: { 'x-boom': '1' } })).status, 500)
  assert.deepEqual([await word('/'), await word('/')], ['MISS', 'HIT'])
})

test('a GET with content is neither served from the cache nor stored', async (t) => {
  const { ask, word } = await startCached(t, { fields })
  const fat = await ask('/', { body: 'x=evil' })
  assert.equal(wordOf(fat), 'BYPASS')
  assert.equal(await word('/'), 'MISS')
  assert.equal(wordOf(await ask('/', { body: 'x=evil' })), 'BYPASS')
})

test('clients can make the cache stricter', async (t) => {
  const { word, ask } = await startCached(t, { fields })
  const directive = (text: string) => ({ headers: { 'cache-control': text } })
  assert.equal((await ask('/', directive('only-if-cached'))).status, 504)
  assert.equal(await word('/', directive('no-store')), 'MISS')
  assert.equal(await word('/'), 'MISS', 'no-store kept it out')
  assert.equal(await word('/', directive('only-if-cached')), 'HIT')
  assert.equal(await word('/', directive('no-cache')), 'EXPIRED')
  assert.equal(await word('/', directive('max-age=0')), 'EXPIRED')
  assert.equal(await word('/', directive('min-fresh=100')), 'EXPIRED')
  assert.equal(await word('/', directive('max-stale=1000')), 'HIT')
})

test('requestDirectives: false ignores what clients ask for', async (t) => {
  const { word } = await startCached(t, { fields }, { requestDirectives: false })
  await word('/')
  for (const text of ['no-cache', 'max-age=0', 'no-store']) {
    assert.equal(await word('/', { headers: { 'cache-control': text } }), 'HIT', text)
  }
})
