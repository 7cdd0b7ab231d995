// Short sequences of requests, each with the words that they must give: what nginx answers where it is right, and where it is not, this.
// A kill during a fill and a full disk are in cache-disk-kill and cache-disk.
import assert from 'node:assert/strict'
import { readdirSync, statSync, truncateSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { CacheOptions } from '../../src/cache/options'
import type { Edge } from '../support/edge'
import { startEdge } from '../support/edge'
import { type Answer, get } from '../support/http-client'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'
import { type Cached, movableClock, startAnswering, startCached, wordOf } from './cached'

/** The page of the vectors: body A under the ETag "a", later body B under "b". */
function page(control: string) {
  const state = { body: 'A' }
  const answer = ({ headers }: IncomingMessage) => {
    const etag = `"${state.body.toLowerCase()}"`
    const fields = { etag, ...(control !== '' && { 'cache-control': control }) }
    return headers['if-none-match'] === etag
      ? { status: 304, fields }
      : { fields: { ...fields, 'content-length': '1' }, body: state.body }
  }
  return { state, answer }
}

const told = (answer: Answer) => `${wordOf(answer)} ${answer.text}`

/** An origin that answers when told to, from the second request on. */
function held(control: string) {
  const waiting: (() => void)[] = []
  let count = 0
  const answer = async () => {
    count += 1
    if (count > 1) await new Promise<void>((resolve) => waiting.push(resolve))
    return { fields: { 'cache-control': control } }
  }
  return { answer, waiting }
}

async function tally(asked: readonly Promise<Answer>[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const answer of await Promise.all(asked)) counts[wordOf(answer)] = (counts[wordOf(answer)] ?? 0) + 1
  return counts
}

const many = ({ ask }: Cached, count: number) => Array.from({ length: count }, () => ask('/'))

function waiters({ app }: Edge): number {
  return app.sluice.stats().caches.pages?.waiting ?? 0
}

test('valid 200 60s: MISS, then HIT with an Age and the Date of the origin', async (t) => {
  const { ask } = await startCached(t, page('').answer, { valid: { 200: '60s' } })
  const miss = await ask('/')
  const hit = await ask('/')
  assert.deepEqual([told(miss), told(hit)], ['MISS A', 'HIT A'])
  assert.match(String(hit.headers.age), /^\d+$/)
  assert.equal(hit.headers.date, miss.headers.date)
})

test('max-age=1, validator unchanged: MISS, REVALIDATED, HIT', async (t) => {
  const clock = movableClock(t)
  const { ask } = await startCached(t, page('max-age=1').answer)
  const seen = [told(await ask('/'))]
  clock.advance(2000)
  seen.push(told(await ask('/')), told(await ask('/')))
  assert.deepEqual(seen, ['MISS A', 'REVALIDATED A', 'HIT A'])
})

test('max-age=1, the content has changed: MISS, EXPIRED', async (t) => {
  const clock = movableClock(t)
  const { state, answer } = page('max-age=1')
  const { ask } = await startCached(t, answer)
  const seen = [told(await ask('/'))]
  state.body = 'B'
  clock.advance(2000)
  seen.push(told(await ask('/')))
  assert.deepEqual(seen, ['MISS A', 'EXPIRED B'])
})

test('stale-while-revalidate=10, two at once: STALE and UPDATING', async (t) => {
  const clock = movableClock(t)
  const { answer, waiting } = held('max-age=1, stale-while-revalidate=10')
  const cached = await startCached(t, answer)
  await cached.ask('/')
  clock.advance(2000)
  assert.deepEqual(await tally(many(cached, 2)), { STALE: 1, UPDATING: 1 })
  await until('the refresh is asked for', () => waiting.length === 1)
  waiting[0]?.()
})

test('stale-while-revalidate=10: STALE, and the next is a HIT on what came meanwhile', async (t) => {
  const clock = movableClock(t)
  const { state, answer } = page('max-age=1, stale-while-revalidate=10')
  const { ask } = await startCached(t, answer)
  await ask('/')
  state.body = 'B'
  clock.advance(2000)
  assert.equal(told(await ask('/')), 'STALE A')
  let last = ''
  await until('the refresh is stored', async () => {
    last = told(await ask('/'))
    return last.endsWith('B')
  })
  assert.equal(last, 'HIT B')
})

test('s-maxage=1 with stale-while-revalidate=10: STALE; without it EXPIRED', async (t) => {
  const clock = movableClock(t)
  for (const [control, word] of [
    ['s-maxage=1, stale-while-revalidate=10', 'STALE'],
    ['s-maxage=1, stale-while-revalidate=10, must-revalidate', 'REVALIDATED'],
    ['s-maxage=1', 'REVALIDATED']
  ] as const) {
    const cached = await startCached(t, page(control).answer, { useStale: ['updating'] })
    await cached.ask('/')
    clock.advance(2000)
    assert.equal(await cached.word('/'), word, control)
  }
})

test('stale-if-error=5, the origin says 500: STALE', async (t) => {
  const clock = movableClock(t)
  let ill = false
  const { ask } = await startCached(t, () =>
    ill ? { status: 500 } : { fields: { 'cache-control': 'max-age=1, stale-if-error=5' }, body: 'A' }
  )
  await ask('/')
  ill = true
  clock.advance(2000)
  assert.equal(told(await ask('/')), 'STALE A')
})

test('stale-if-error=5, the origin is gone: STALE inside the window, 502 after it', async (t) => {
  const clock = movableClock(t)
  const setup = { mortal: true } as const
  const { ask, origin } = await startCached(t, page('max-age=1, stale-if-error=5').answer, {}, setup)
  await ask('/')
  await origin.close()
  clock.advance(2000)
  assert.equal(told(await ask('/')), 'STALE A')
  clock.advance(5000)
  assert.equal((await ask('/')).status, 502)
})

test('use_stale updating, ten at once on an expired response: one EXPIRED, nine UPDATING', async (t) => {
  const clock = movableClock(t)
  const { answer, waiting } = held('max-age=1')
  const cached = await startCached(t, answer, { useStale: ['updating'] })
  await cached.ask('/')
  clock.advance(2000)
  const first = cached.ask('/')
  await until('one asks the origin', () => waiting.length === 1)
  assert.deepEqual(await tally(many(cached, 9)), { UPDATING: 9 })
  waiting[0]?.()
  assert.equal(wordOf(await first), 'EXPIRED')
})

test('no use_stale, ten at once on an expired response: one request to the origin', async (t) => {
  const clock = movableClock(t)
  const { answer, waiting } = held('max-age=1')
  const cached = await startCached(t, answer)
  await cached.ask('/')
  clock.advance(2000)
  const asked = many(cached, 10)
  await until('nine wait', () => waiting.length === 1 && waiters(cached.edge) === 9)
  waiting[0]?.()
  const answers = await Promise.all(asked)
  assert.deepEqual(await tally(asked), { EXPIRED: 10 })
  const collapsed = answers.filter(({ headers }) => String(headers['cache-status']).includes('collapsed'))
  assert.equal(collapsed.length, 9)
  assert.equal(cached.origin.requests.length, 2)
})

test('ten at once on nothing: one request to the origin', async (t) => {
  const { answer, waiting } = held('max-age=60')
  // The one that is not held.
  await answer()
  const cached = await startCached(t, answer)
  const asked = many(cached, 10)
  await until('one is at the origin, nine wait', () => waiting.length === 1 && waiters(cached.edge) === 9)
  waiting[0]?.()
  assert.deepEqual(await tally(asked), { MISS: 10 })
  assert.equal(cached.origin.requests.length, 1)
})

test('Set-Cookie, ten at once: one, then nine side by side, and nobody waits from then on', async (t) => {
  const waiting: (() => void)[] = []
  const cached = await startCached(t, async () => {
    await new Promise<void>((resolve) => waiting.push(resolve))
    return { fields: { 'set-cookie': `id=${waiting.length}`, 'cache-control': 'max-age=60' } }
  })
  const asked = many(cached, 10)
  await until('nine wait', () => waiting.length === 1 && waiters(cached.edge) === 9)
  waiting[0]?.()
  await until('the nine are at the origin', () => waiting.length === 10)
  for (const release of waiting) release()
  assert.deepEqual(await tally(asked), { MISS: 10 })
  const later = many(cached, 3)
  await until('the three are at the origin', () => waiting.length === 13)
  for (const release of waiting) release()
  assert.deepEqual(await tally(later), { MISS: 3 })
})

test('Authorization with max-age=60 is not stored, with public it is', async (t) => {
  const headers = { authorization: 'Basic YTpi' }
  for (const [control, word] of [
    ['max-age=60', 'MISS'],
    ['public, max-age=60', 'HIT']
  ] as const) {
    const cached = await startCached(t, page(control).answer)
    assert.equal(await cached.word('/', { headers }), 'MISS')
    assert.equal(await cached.word('/'), word, control)
  }
})

test('POST, then GET of what was stored: MISS', async (t) => {
  const { word } = await startCached(t, page('max-age=60').answer)
  assert.deepEqual([await word('/x'), await word('/x')], ['MISS', 'HIT'])
  assert.equal(await word('/x', { method: 'POST', body: 'a' }), 'BYPASS')
  assert.equal(await word('/x'), 'MISS')
})

test('Vary: Accept-Encoding, the same codings in another order: MISS, HIT', async (t) => {
  const { word } = await startCached(t, {
    fields: { vary: 'Accept-Encoding', 'cache-control': 'max-age=60' }
  })
  const ask = (encodings: string) => word('/', { headers: { 'accept-encoding': encodings } })
  assert.deepEqual([await ask('gzip, br'), await ask('br,gzip')], ['MISS', 'HIT'])
})

test('HEAD, then GET: MISS fetched as GET, HIT', async (t) => {
  const { ask, origin } = await startCached(t, page('max-age=60').answer)
  const head = await ask('/', { method: 'HEAD' })
  assert.deepEqual([told(head), head.headers['content-length']], ['MISS ', '1'])
  assert.equal(told(await ask('/')), 'HIT A')
  assert.deepEqual(
    origin.requests.map(({ method }) => method),
    ['GET']
  )
})

test('Range on a miss: 206; several on a miss: the whole; several on a hit: 206', async (t) => {
  const body = '0123456789'.repeat(20)
  const { ask } = await startCached(t, {
    fields: { 'cache-control': 'max-age=60', 'content-length': '200' },
    body
  })
  const one = await ask('/one', { headers: { range: 'bytes=194-' } })
  assert.deepEqual([one.status, one.text, wordOf(one)], [206, '456789', 'MISS'])
  const several = { headers: { range: 'bytes=0-1,-2' } }
  const miss = await ask('/several', several)
  assert.deepEqual([miss.status, miss.text, wordOf(miss)], [200, body, 'MISS'])
  const hit = await ask('/several', several)
  assert.deepEqual([hit.status, wordOf(hit)], [206, 'HIT'])
})

test('an origin that sends chunks, Range on the hit: 206 with a length', async (t) => {
  const { ask } = await startCached(t, (_, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=60' })
    response.write('01234')
    setImmediate(() => response.end('56789'))
    return undefined
  })
  await ask('/')
  const part = await ask('/', { headers: { range: 'bytes=4-' } })
  assert.deepEqual([part.status, part.text, part.headers['content-length']], [206, '456789', '6'])
})

test('valid 502 1m and an origin that recovers: the 502 stays, but only where it was asked for', async (t) => {
  const clock = movableClock(t)
  const cases: [CacheOptions['valid'], string][] = [
    [{ 502: '1m' }, 'HIT 502'],
    [{ 200: '1m' }, 'MISS 200']
  ]
  for (const [valid, expected] of cases) {
    let ill = true
    const { ask } = await startCached(
      t,
      () => ({ status: ill ? 502 : 200 }),
      valid === undefined ? {} : { valid }
    )
    assert.equal((await ask('/')).status, 502)
    ill = false
    clock.advance(10_000)
    const later = await ask('/')
    assert.equal(`${wordOf(later)} ${later.status}`, expected)
  }
})

test('X-Accel-Expires in the past with stale-while-revalidate: MISS, STALE', async (t) => {
  const { word } = await startCached(t, () => ({
    fields: {
      'x-accel-expires': `@${Math.floor(Date.now() / 1000) - 1}`,
      'cache-control': 'max-age=60, stale-while-revalidate=600'
    }
  }))
  assert.deepEqual([await word('/'), await word('/')], ['MISS', 'STALE'])
})

test('a stored file that has lost its last ten bytes: MISS, the whole body', async (t) => {
  const path = tempDir(t)
  const body = 'x'.repeat(5000)
  const origin = await startAnswering(t, { fields: { 'cache-control': 'max-age=60' }, body })
  const start = (test: TestContext) =>
    startEdge(test, {
      caches: { pages: { disk: { path, maxSize: '16m' } } },
      routes: [
        {
          prefix: '/',
          upstream: origin.url,
          cache: { zone: 'pages', key: ({ url }: { url: string }) => url }
        }
      ]
    })
  const first = await start(t)
  await get(first.url)
  await first.close()
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile() && statSync(file).size > body.length)
  assert.equal(files.length, 1)
  const [file = ''] = files
  truncateSync(file, statSync(file).size - 10)
  const second = await start(t)
  const answer = await get(second.url)
  assert.deepEqual([wordOf(answer), answer.text], ['MISS', body])
  assert.equal(origin.requests.length, 2)
})
