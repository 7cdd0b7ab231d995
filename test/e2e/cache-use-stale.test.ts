// proxy_cache_use_stale, stale-while-revalidate and stale-if-error (RFC 5861): an origin that is ill or gone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get } from '../support/http-client'
import { until } from '../support/waiting'
import { movableClock, startCached, wordOf } from './cached'

const MINUTE = 60_000

test('use_stale error: a dead origin is covered by what is stored, for `keep`', async (t) => {
  const clock = movableClock(t)
  const { ask, origin } = await startCached(
    t,
    { body: 'stored' },
    { valid: '10s', keep: '5m' },
    { mortal: true }
  )
  await ask('/')
  await origin.close()
  clock.advance(MINUTE)
  const stale = await ask('/')
  assert.deepEqual([stale.status, wordOf(stale), stale.text], [200, 'STALE', 'stored'])
  assert.equal((await ask('/other')).status, 502)
  clock.advance(5 * MINUTE)
  assert.equal((await ask('/')).status, 502)
})

test('use_stale error: a response that breaks off before its head', async (t) => {
  const clock = movableClock(t)
  let broken = false
  const { ask } = await startCached(
    t,
    (request) => {
      if (!broken) return {}
      request.socket.destroy()
      return undefined
    },
    { valid: '10s' }
  )
  await ask('/')
  broken = true
  clock.advance(MINUTE)
  assert.equal(wordOf(await ask('/')), 'STALE')
})

test('use_stale timeout: an origin that does not answer in time', async (t) => {
  const clock = movableClock(t)
  let silent = false
  const { ask } = await startCached(
    t,
    () => (silent ? undefined : { body: 'stored' }),
    { valid: '10s' },
    { route: { timeouts: { read: '60ms' } } }
  )
  await ask('/')
  silent = true
  clock.advance(MINUTE)
  const stale = await ask('/')
  assert.deepEqual([wordOf(stale), stale.text], ['STALE', 'stored'])
  assert.equal((await ask('/other')).status, 504)
})

test('use_stale http_500: only where it is listed', async (t) => {
  const clock = movableClock(t)
  for (const { useStale, expected } of [
    { useStale: ['http_500'] as const, expected: [200, 'STALE'] },
    { useStale: [], expected: [500, 'EXPIRED'] }
  ]) {
    let ill = false
    const { ask } = await startCached(t, () => ({ status: ill ? 500 : 200 }), { valid: '10s', useStale })
    await ask('/')
    ill = true
    clock.advance(MINUTE)
    const answer = await ask('/')
    assert.deepEqual([answer.status, wordOf(answer)], expected)
  }
})

test('use_stale updating: one asks the origin, all others get the stale one', async (t) => {
  const clock = movableClock(t)
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let expired = false
  const { ask, origin } = await startCached(
    t,
    async () => {
      if (expired) await held
      return {}
    },
    { valid: '10s', useStale: ['updating'] }
  )
  await ask('/')
  expired = true
  clock.advance(MINUTE)
  const first = ask('/')
  await origin.request(2)
  const others = await Promise.all(Array.from({ length: 9 }, () => ask('/')))
  assert.deepEqual(new Set(others.map(wordOf)), new Set(['UPDATING']))
  release()
  const answer = await first
  assert.deepEqual([wordOf(answer), answer.text], ['EXPIRED', '2'])
  assert.equal(origin.requests.length, 2)
})

test('stale-if-error: covers 5xx within its window and nothing after it', async (t) => {
  const clock = movableClock(t)
  let ill = false
  const fields = { 'cache-control': 'max-age=10, stale-if-error=60' }
  const { ask } = await startCached(t, () => (ill ? { status: 503 } : { fields }))
  await ask('/')
  ill = true
  clock.advance(30_000)
  assert.equal(wordOf(await ask('/')), 'STALE')
  clock.advance(60_000)
  assert.equal((await ask('/')).status, 503)
})

for (const forbidding of ['must-revalidate', 'proxy-revalidate', 's-maxage=10', 'no-cache']) {
  test(`${forbidding}: never stale, whatever use_stale says`, async (t) => {
    const clock = movableClock(t)
    const fields = { 'cache-control': `max-age=10, ${forbidding}`, etag: '"a"' }
    const { ask, origin } = await startCached(
      t,
      { fields },
      {
        useStale: ['error', 'timeout', 'updating', 'http_500']
      },
      { mortal: true }
    )
    await ask('/')
    await origin.close()
    clock.advance(MINUTE)
    assert.equal((await ask('/')).status, 502)
  })
}

test('a refresh beside the request that fails leaves the stored response, and the next waits a while', async (t) => {
  const clock = movableClock(t)
  const fields = { 'cache-control': 'max-age=10, stale-while-revalidate=600' }
  let ill = false
  const { ask, origin } = await startCached(t, () => (ill ? { status: 500 } : { fields, body: 'good' }))
  await ask('/')
  ill = true
  clock.advance(11_000)
  for (let n = 0; n < 5; n++) {
    const answer = await ask('/')
    assert.deepEqual([answer.status, answer.text], [200, 'good'])
    await origin.request(2)
  }
  await until('the refresh has ended', () => origin.requests.every(({ endedAt }) => endedAt !== undefined))
  assert.equal(origin.requests.length, 2)
  ill = false
  clock.advance(5000)
  await ask('/')
  await until('refreshed', async () => wordOf(await ask('/')) === 'HIT')
})

test('the origin of a covered failure is named in the log, not to the client', async (t) => {
  const clock = movableClock(t)
  const { edge, origin } = await startCached(t, {}, { valid: '10s' }, { mortal: true })
  await get(`${edge.url}/`)
  await origin.close()
  clock.advance(MINUTE)
  const answer = await get(`${edge.url}/`)
  assert.equal(JSON.stringify(answer.headers).includes(origin.url.slice(5)), false)
  await until('two records', () => edge.logged('GET /').length === 2)
  const [, record] = edge.logged('GET /')
  const [failed] = (record?.tries ?? []) as { server: string; error: string; errno: string }[]
  assert.deepEqual(failed && [failed.server, failed.error, failed.errno], [
    origin.url,
    'SLUICE_CONNECT_FAILED',
    'ENOENT'
  ])
  const { option, next } = (record?.hint ?? {}) as { option?: string; next?: string }
  assert.equal(option, 'routes[0].upstream')
  assert.match(next ?? '', /does not exist: start the server/)
  assert.equal(record?.level, 40)
})

test('a refresh beside a request leaves that request’s record alone, and its failure is one line with the next step', async (t) => {
  const clock = movableClock(t)
  const fields = { 'cache-control': 'max-age=10, stale-while-revalidate=3600' }
  const { edge, origin } = await startCached(t, { fields }, {}, { mortal: true })
  await get(`${edge.url}/`)
  await origin.close()
  clock.advance(MINUTE)
  const before = edge.log.length
  assert.equal(wordOf(await get(`${edge.url}/`)), 'STALE')
  const written = () => edge.log.slice(before)
  await until('the record and the line', () => written().length === 2)
  const record = written().find(({ requestTime }) => requestTime !== undefined)
  const line = written().find(({ requestTime }) => requestTime === undefined)
  assert.deepEqual([record?.cache, record?.tries, record?.error], ['STALE', undefined, undefined])
  assert.equal(line?.msg, 'cache: a refresh beside GET / failed')
  assert.equal(line?.level, 40)
  const { error = {}, tries = [] } = (line ?? {}) as { error?: Record<string, string>; tries?: object[] }
  const { code, errno, option, next } = error
  assert.deepEqual([code, errno, option], ['SLUICE_CONNECT_FAILED', 'ENOENT', 'routes[0].upstream'])
  assert.match(next ?? '', /does not exist: start the server/)
  assert.equal(tries.length, 1)
})
