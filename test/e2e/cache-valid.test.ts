// proxy_cache_valid and what of the origin comes before it: X-Accel-Expires, CDN-Cache-Control, Cache-Control, Expires.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { movableClock, type OriginAnswer, startCached, wordOf } from './cached'

const hour = 3_600_000

test('proxy_cache_valid: each status has its own time', async (t) => {
  const clock = movableClock(t)
  const { word } = await startCached(t, ({ url }) => ({ status: Number(url?.slice(1)) }), {
    valid: { 200: '60s', 404: '10s', 503: '0s' }
  })
  for (const path of ['/200', '/404']) {
    assert.equal(await word(path), 'MISS')
    assert.equal(await word(path), 'HIT')
  }
  for (const path of ['/503', '/500', '/301']) {
    assert.equal(await word(path), 'MISS')
    assert.equal(await word(path), 'MISS', `${path} is not stored`)
  }
  clock.advance(11_000)
  assert.equal(await word('/200'), 'HIT')
  assert.equal(await word('/404'), 'EXPIRED')
  clock.advance(50_000)
  assert.equal(await word('/200'), 'EXPIRED')
})

test('proxy_cache_valid: a bare time stands for 200, 301 and 302; any for every other', async (t) => {
  const answering = ({ url }: { url?: string | undefined }): OriginAnswer => ({
    status: Number(url?.slice(1))
  })
  const bare = await startCached(t, answering, { valid: '1m' })
  const any = await startCached(t, answering, { valid: { 200: '1m', any: '1m' } })
  for (const status of [200, 301, 302, 404]) {
    await bare.word(`/${status}`)
    await any.word(`/${status}`)
    assert.equal(await bare.word(`/${status}`), status === 404 ? 'MISS' : 'HIT', `${status}`)
    assert.equal(await any.word(`/${status}`), 'HIT', `${status} by any`)
  }
})

const LIFETIMES: readonly [name: string, fields: Record<string, string>, lifetimeSeconds: number][] = [
  ['Cache-Control before valid', { 'cache-control': 'max-age=5' }, 5],
  ['s-maxage before max-age', { 'cache-control': 'max-age=500, s-maxage=5' }, 5],
  ['X-Accel-Expires before Cache-Control', { 'cache-control': 'max-age=500', 'x-accel-expires': '5' }, 5],
  ['X-Accel-Expires: 0', { 'cache-control': 'max-age=500', 'x-accel-expires': '0' }, 0],
  [
    'CDN-Cache-Control before Cache-Control',
    { 'cache-control': 'no-store', 'cdn-cache-control': 'max-age=5' },
    5
  ],
  [
    'Cache-Control before Expires',
    { 'cache-control': 'max-age=5', expires: 'Thu, 01 Jan 1970 00:00:00 GMT' },
    5
  ],
  ['an Expires in the past', { expires: '0' }, 0],
  ['max-age=0', { 'cache-control': 'max-age=0' }, 0],
  ['no-store', { 'cache-control': 'no-store' }, 0],
  ['nothing said: valid', {}, 60]
]

for (const [name, fields, lifetime] of LIFETIMES) {
  test(`freshness: ${name}`, async (t) => {
    const clock = movableClock(t)
    const { word } = await startCached(t, { fields }, { valid: '60s' })
    await word('/')
    if (lifetime === 0) return assert.notEqual(await word('/'), 'HIT')
    clock.advance((lifetime - 2) * 1000)
    assert.equal(await word('/'), 'HIT')
    clock.advance(3000)
    assert.notEqual(await word('/'), 'HIT')
  })
}

test('freshness: Expires counts from Date', async (t) => {
  const clock = movableClock(t)
  const { word } = await startCached(t, () => ({
    fields: { expires: new Date(Date.now() + 10_000).toUTCString() }
  }))
  await word('/')
  clock.advance(7000)
  assert.equal(await word('/'), 'HIT')
  clock.advance(5000)
  assert.equal(await word('/'), 'EXPIRED')
})

test('freshness: a tenth of the age by Last-Modified, when nothing else is said', async (t) => {
  const clock = movableClock(t)
  const { word } = await startCached(t, () => ({
    fields: { 'last-modified': new Date(Date.now() - 10 * hour).toUTCString() }
  }))
  await word('/')
  clock.advance(hour / 2)
  assert.equal(await word('/'), 'HIT')
  clock.advance(hour)
  assert.notEqual(await word('/'), 'HIT')
})

test('a hit has an Age and the Date of the origin, and X-Accel fields are for the edge alone', async (t) => {
  const clock = movableClock(t)
  const fields = { 'x-accel-expires': '60', 'x-powered-by': 'php', server: 'x', 'x-own': 'kept' }
  const { ask } = await startCached(t, { fields })
  const miss = await ask('/')
  clock.advance(7000)
  const hit = await ask('/')
  assert.deepEqual([wordOf(miss), wordOf(hit)], ['MISS', 'HIT'])
  assert.ok(Number(hit.headers.age) >= 7 && Number(hit.headers.age) <= 9, `Age: ${hit.headers.age}`)
  assert.equal(hit.headers.date, miss.headers.date)
  assert.equal(hit.headers['content-length'], '1')
  for (const answer of [miss, hit]) {
    assert.equal(answer.headers['x-own'], 'kept')
    for (const name of ['x-accel-expires', 'x-powered-by', 'server'])
      assert.equal(answer.headers[name], undefined)
  }
})

test('an Age that the origin sends counts', async (t) => {
  const { ask } = await startCached(t, { fields: { 'cache-control': 'max-age=60', age: '40' } })
  await ask('/')
  const hit = await ask('/')
  assert.equal(wordOf(hit), 'HIT')
  assert.ok(Number(hit.headers.age) >= 40)
})
