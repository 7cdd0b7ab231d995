// proxy_cache_revalidate: conditional requests of the edge, and what a 304 changes (RFC 9111 §4.3).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { movableClock, startCached, wordOf } from './cached'

test('revalidate: a 304 renews the stored response and its fields', async (t) => {
  const clock = movableClock(t)
  const { ask, origin } = await startCached(t, ({ headers }) =>
    headers['if-none-match'] === '"v1"'
      ? { status: 304, fields: { 'cache-control': 'max-age=100', etag: '"v1"', 'x-version': 'second' } }
      : { fields: { 'cache-control': 'max-age=10', etag: '"v1"', 'x-version': 'first' }, body: 'content' }
  )
  await ask('/')
  clock.advance(11_000)
  const renewed = await ask('/')
  assert.deepEqual([renewed.status, wordOf(renewed), renewed.text], [200, 'REVALIDATED', 'content'])
  assert.equal(renewed.headers['x-version'], 'second')
  assert.equal(renewed.headers['content-length'], '7')
  clock.advance(50_000)
  const hit = await ask('/')
  assert.deepEqual([wordOf(hit), hit.headers['x-version'], hit.text], ['HIT', 'second', 'content'])
  assert.equal(origin.requests.length, 2)
})

test('revalidate: by Last-Modified when there is no ETag', async (t) => {
  const clock = movableClock(t)
  const date = 'Sat, 01 Jan 2022 00:00:00 GMT'
  const { word, origin } = await startCached(t, ({ headers }) => ({
    status: headers['if-modified-since'] === date ? 304 : 200,
    fields: { 'cache-control': 'max-age=10', 'last-modified': date }
  }))
  await word('/')
  clock.advance(11_000)
  assert.equal(await word('/'), 'REVALIDATED')
  assert.equal(origin.requests[1]?.headers['if-none-match'], undefined)
})

test('revalidate: changed content replaces the stored one', async (t) => {
  const clock = movableClock(t)
  let version = 'v1'
  const { ask } = await startCached(t, () => ({
    fields: { 'cache-control': 'max-age=10', etag: `"${version}"` },
    body: version
  }))
  await ask('/')
  version = 'v2'
  clock.advance(11_000)
  const changed = await ask('/')
  assert.deepEqual([wordOf(changed), changed.text], ['EXPIRED', 'v2'])
  const hit = await ask('/')
  assert.deepEqual([wordOf(hit), hit.text], ['HIT', 'v2'])
})

test('no-cache: stored, and validated each time', async (t) => {
  const { word, origin } = await startCached(t, ({ headers }) => ({
    status: headers['if-none-match'] === '"a"' ? 304 : 200,
    fields: { 'cache-control': 'no-cache', etag: '"a"' }
  }))
  assert.deepEqual(
    [await word('/'), await word('/'), await word('/')],
    ['MISS', 'REVALIDATED', 'REVALIDATED']
  )
  assert.equal(origin.requests.length, 3)
})

test("the client's own validators stay its own: a miss asks the origin for the whole", async (t) => {
  const { ask, origin } = await startCached(t, { fields: { 'cache-control': 'max-age=60', etag: '"a"' } })
  const miss = await ask('/', { headers: { 'if-none-match': '"a"' } })
  assert.deepEqual([miss.status, miss.text], [304, ''])
  assert.equal(origin.requests[0]?.headers['if-none-match'], undefined)
  const hit = await ask('/')
  assert.deepEqual([hit.status, wordOf(hit), hit.text], [200, 'HIT', '1'])
})

test('a 304 of the origin to a request without conditions is no answer', async (t) => {
  const { ask } = await startCached(t, { status: 304, fields: { etag: '"a"' } })
  assert.equal((await ask('/')).status, 502)
})
