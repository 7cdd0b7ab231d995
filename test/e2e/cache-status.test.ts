// $upstream_cache_status: each of nginx's seven words, and Cache-Status of RFC 9211.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { until } from '../support/waiting'
import { movableClock, startCached, wordOf } from './cached'

test('X-Cache-Status: MISS, HIT, EXPIRED, BYPASS', async (t) => {
  const clock = movableClock(t)
  const { ask, edge } = await startCached(
    t,
    { fields: { 'cache-control': 'max-age=10' } },
    { bypass: ['x-reload'] }
  )
  const seen = [wordOf(await ask('/')), wordOf(await ask('/'))]
  clock.advance(11_000)
  seen.push(wordOf(await ask('/')), wordOf(await ask('/', { headers: { 'x-reload': '1' } })))
  assert.deepEqual(seen, ['MISS', 'HIT', 'EXPIRED', 'BYPASS'])
  await until('four records', () => edge.logged('GET /').length === 4)
  assert.deepEqual(
    edge.logged('GET /').map(({ cache }) => cache),
    seen
  )
})

test('X-Cache-Status: REVALIDATED', async (t) => {
  const clock = movableClock(t)
  const { word } = await startCached(t, ({ headers }) => ({
    status: headers['if-none-match'] === '"a"' ? 304 : 200,
    fields: { 'cache-control': 'max-age=10', etag: '"a"' }
  }))
  await word('/')
  clock.advance(11_000)
  assert.equal(await word('/'), 'REVALIDATED')
  assert.equal(await word('/'), 'HIT')
})

test('X-Cache-Status: STALE, then UPDATING while a refresh is under way, then HIT', async (t) => {
  const clock = movableClock(t)
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const { ask, origin } = await startCached(t, async (_request, _response, record) => {
    if (origin.requests.indexOf(record) > 0) await held
    return { fields: { 'cache-control': 'max-age=10, stale-while-revalidate=60' } }
  })
  await ask('/')
  clock.advance(11_000)
  const stale = await ask('/')
  assert.deepEqual([wordOf(stale), stale.text], ['STALE', '1'])
  await origin.request(2)
  const updating = await ask('/')
  assert.deepEqual([wordOf(updating), updating.text], ['UPDATING', '1'])
  release()
  await until('the refresh is stored', async () => (await ask('/')).text === '2')
  assert.equal(wordOf(await ask('/')), 'HIT')
  assert.equal(origin.requests.length, 2)
})

test('Cache-Status tells what was done', async (t) => {
  const clock = movableClock(t)
  const { ask } = await startCached(
    t,
    { fields: { 'cache-control': 'max-age=10' } },
    { bypass: ['x-reload'] }
  )
  const status = async (headers = {}) => String((await ask('/', { headers })).headers['cache-status'])
  assert.match(await status(), /^sluice; fwd=uri-miss.*; stored/)
  assert.match(await status(), /^sluice; hit; ttl=\d+$/)
  assert.match(await status({ 'x-reload': '1' }), /^sluice; fwd=bypass/)
  clock.advance(11_000)
  assert.match(await status(), /^sluice; fwd=stale/)
})

test('each verdict says its reason in Cache-Status and in the log', async (t) => {
  const clock = movableClock(t)
  const answers: Record<string, string> = {
    '/secret': 'private',
    '/each-time': 'max-age=60, no-cache',
    '/page': 'max-age=60',
    '/window': 'max-age=10, stale-while-revalidate=600',
    '/covered': 'max-age=10, stale-if-error=600'
  }
  let ill = false
  const { ask, edge } = await startCached(t, ({ url = '', headers }) => {
    if (ill && url === '/covered') return { status: 503 }
    const status = headers['if-none-match'] === undefined ? 200 : 304
    return { status, fields: { 'cache-control': String(answers[url]), etag: '"a"' } }
  })
  const told = async (path: string, control?: string) => {
    const answer = await ask(path, control === undefined ? {} : { headers: { 'cache-control': control } })
    const [, detail = ''] = /; detail=([^;]+)/.exec(String(answer.headers['cache-status'])) ?? []
    return `${wordOf(answer)} ${detail}`
  }
  const seen = [await told('/secret'), await told('/each-time'), await told('/each-time')]
  seen.push(await told('/page'), await told('/page'), await told('/page', 'no-cache'))
  seen.push(await told('/page', 'min-fresh=600'), await told('/page', 'max-age=0'))
  await told('/window')
  await told('/covered')
  clock.advance(60_000)
  ill = true
  seen.push(await told('/window'), await told('/covered'))
  const expected = [
    'MISS private',
    'MISS ',
    'REVALIDATED no-cache',
    'MISS ',
    'HIT ',
    'REVALIDATED request-no-cache',
    'REVALIDATED request-min-fresh',
    'REVALIDATED request-max-age',
    'STALE while-revalidate',
    'STALE http_503'
  ]
  assert.deepEqual(seen, expected)
  await until('all records', () => edge.logged('GET /').length === expected.length + 2)
  const logged = edge.logged('GET /').map(({ cache, reason }) => `${cache} ${reason ?? ''}`)
  assert.deepEqual(
    logged.filter((_, n) => n !== 8 && n !== 9),
    expected
  )
})

test('Cache-Status keeps the member of a cache behind us', async (t) => {
  const { ask } = await startCached(t, {
    fields: { 'cache-control': 'max-age=10', 'cache-status': 'origin; hit' }
  })
  for (const word of ['MISS', 'HIT']) {
    const answer = await ask('/')
    assert.equal(wordOf(answer), word)
    assert.match(String(answer.headers['cache-status']), /^origin; hit, sluice; /)
  }
})

test('statusHeader names the field or switches it off', async (t) => {
  const named = await startCached(t, {}, { statusHeader: 'X-Edge' })
  const off = await startCached(t, {}, { statusHeader: false })
  assert.equal((await named.ask('/')).headers['x-edge'], 'MISS')
  assert.equal(wordOf(await off.ask('/')), '')
})

test('a word that the origin sends itself does not pass for ours', async (t) => {
  const { ask } = await startCached(t, { fields: { 'x-cache-status': 'HIT' } }, { valid: '1m' })
  assert.equal(wordOf(await ask('/')), 'MISS')
})

test('a fetch that fails keeps the word of its lookup, and the words add up to the requests', async (t) => {
  const clock = movableClock(t)
  const { ask, edge, origin } = await startCached(
    t,
    { fields: { 'cache-control': 'max-age=10, must-revalidate' } },
    { bypass: ['x-reload'] }
  )
  await ask('/')
  clock.advance(11_000)
  await origin.close()
  const failed = [
    await ask('/'),
    await ask('/other'),
    await ask('/', { headers: { 'x-reload': '1' } }),
    await ask('/third', { headers: { 'cache-control': 'only-if-cached' } })
  ]
  assert.deepEqual(
    failed.map((answer) => [answer.status, wordOf(answer)]),
    [
      [502, ''],
      [502, ''],
      [502, ''],
      [504, '']
    ]
  )
  await until('five records', () => edge.logged('GET /').length === 5)
  assert.deepEqual(
    edge.logged('GET /').map(({ cache }) => cache),
    ['MISS', 'EXPIRED', 'MISS', 'BYPASS', 'MISS']
  )
  const { sluice } = edge.app as unknown as {
    sluice: { stats(): { caches: Record<string, { words: Record<string, number> }> } }
  }
  const [zone] = Object.values(sluice.stats().caches)
  assert.deepEqual([zone?.words.MISS, zone?.words.EXPIRED, zone?.words.BYPASS], [3, 1, 1])
})
