import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sluiceError } from '../../src/errors'
import { partsOf } from '../support/multipart'
import { gate, Scene, settled, streamed, text } from './scene'

const refused = (): never => {
  throw sluiceError('SLUICE_CONNECT_FAILED', { phase: 'connect', errno: 'ECONNREFUSED', requestSent: false })
}

test('valid 200 60s: MISS then HIT, with Age and the Date of the origin', async () => {
  const scene = new Scene({ valid: { 200: '60s' } })
  const date = 'Thu, 01 Jan 2026 00:00:00 GMT'
  scene.script = () => text('A', { date })
  assert.equal((await scene.get()).word, 'MISS')
  scene.at(5)
  const hit = await scene.get()
  assert.deepEqual([hit.word, hit.body, hit.fields.age, hit.fields.date], ['HIT', 'A', '5', date])
  assert.equal(hit.fields['content-length'], '1')
  assert.equal(scene.requests.length, 1)
})

test('max-age=1 and an ETag: MISS, REVALIDATED, HIT', async () => {
  const scene = new Scene()
  scene.script = ({ fields }) => {
    const head = { etag: '"a"', 'cache-control': 'max-age=1' }
    return fields['if-none-match'] === '"a"' ? { status: 304, fields: head, body: null } : text('A', head)
  }
  const words = []
  for (const seconds of [0, 2, 2.1]) {
    scene.at(seconds)
    const { word, body, status } = await scene.get()
    words.push(word)
    assert.deepEqual([status, body], [200, 'A'])
  }
  assert.deepEqual(words, ['MISS', 'REVALIDATED', 'HIT'])
})

test('max-age=1 and a changed body: EXPIRED with the new one, which is stored', async () => {
  const scene = new Scene()
  let body = 'A'
  scene.script = () => text(body, { 'cache-control': 'max-age=1' })
  await scene.get()
  body = 'B'
  scene.at(2)
  const expired = await scene.get()
  assert.deepEqual([expired.word, expired.body], ['EXPIRED', 'B'])
  assert.deepEqual((await scene.get()).word, 'HIT')
})

test('stale-while-revalidate, two in parallel: STALE and UPDATING, one refresh', async () => {
  const scene = new Scene()
  let body = 'A'
  scene.script = () => text(body, { 'cache-control': 'max-age=1, stale-while-revalidate=10' })
  await scene.get()
  body = 'B'
  scene.at(2)
  assert.deepEqual(await scene.words(2), ['STALE', 'UPDATING'])
  await settled()
  assert.equal(scene.requests.length, 2)
  const hit = await scene.get()
  assert.deepEqual([hit.word, hit.body], ['HIT', 'B'])
})

test('stale-while-revalidate with background off: EXPIRED and UPDATING', async () => {
  const scene = new Scene({ background: false })
  scene.script = () => text('A', { 'cache-control': 'max-age=1, stale-while-revalidate=10' })
  await scene.get()
  scene.at(2)
  assert.deepEqual(await scene.words(2), ['EXPIRED', 'UPDATING'])
})

test('stale-if-error=5 and a 500: STALE, the 500 is not shown', async () => {
  const scene = new Scene()
  scene.script = () => text('A', { 'cache-control': 'max-age=1, stale-if-error=5' })
  await scene.get()
  scene.script = () => text('boom', {}, 500)
  scene.at(2)
  const stale = await scene.get()
  assert.deepEqual([stale.word, stale.status, stale.body], ['STALE', 200, 'A'])
})

test('stale-if-error=5 and a refused connection: STALE inside the window, the error after it', async () => {
  const scene = new Scene()
  scene.script = () => text('A', { 'cache-control': 'max-age=1, stale-if-error=5' })
  await scene.get()
  scene.script = refused
  scene.at(2)
  assert.equal((await scene.get()).word, 'STALE')
  scene.at(7)
  await assert.rejects(scene.get(), { code: 'SLUICE_CONNECT_FAILED' })
})

test('an origin that cannot be reached: stale for `keep`, never under must-revalidate', async () => {
  const scene = new Scene({ keep: '10s' })
  scene.script = () => text('A', { 'cache-control': 'max-age=1' })
  await scene.get('/a')
  scene.script = () => text('B', { 'cache-control': 'max-age=1, must-revalidate' })
  await scene.get('/b')
  scene.script = refused
  scene.at(5)
  assert.equal((await scene.get('/a')).word, 'STALE')
  await assert.rejects(scene.get('/b'), { code: 'SLUICE_CONNECT_FAILED' })
  scene.at(12)
  await assert.rejects(scene.get('/a'), { code: 'SLUICE_CONNECT_FAILED' })
})

test('useStale updating, ten in parallel: one EXPIRED, nine UPDATING', async () => {
  const scene = new Scene({ useStale: ['updating'] })
  scene.script = () => text('A', { 'cache-control': 'max-age=1' })
  await scene.get()
  scene.at(2)
  const words = await scene.words(10)
  assert.deepEqual(words, ['EXPIRED', ...Array(9).fill('UPDATING')])
  assert.equal(scene.requests.length, 2)
})

test('ten in parallel on an expired response: one fetch, nine collapsed', async () => {
  const scene = new Scene()
  scene.script = () => text('A', { 'cache-control': 'max-age=1' })
  await scene.get()
  scene.at(2)
  assert.deepEqual(await scene.words(10), Array(10).fill('EXPIRED'))
  assert.equal(scene.requests.length, 2)
})

test('ten in parallel on an absent response: one fetch, all get it', async () => {
  const scene = new Scene()
  const answer = gate()
  scene.script = async () => {
    await answer.promise
    return streamed(['A', 'B'], { 'cache-control': 'max-age=60' })
  }
  const all = Promise.all(Array.from({ length: 10 }, () => scene.get()))
  await settled()
  assert.deepEqual([scene.zone.stats().fetching, scene.zone.stats().waiting], [1, 9])
  answer.open()
  const seen = await all
  assert.deepEqual(new Set(seen.map(({ body }) => body)), new Set(['AB']))
  assert.deepEqual(new Set(seen.map(({ word }) => word)), new Set(['MISS']))
  assert.equal(scene.requests.length, 1)
  assert.deepEqual([scene.zone.stats().fetching, scene.zone.stats().fills], [0, 0])
})

test('ten in parallel on a response with Set-Cookie: one, then nine at once, and no waiting for two minutes', async () => {
  const scene = new Scene()
  const answers = Array.from({ length: 10 }, () => gate())
  let sent = 0
  scene.script = async () => {
    const answer = answers[sent++]
    await answer?.promise
    return text('mine', { 'set-cookie': `n=${sent}`, 'cache-control': 'max-age=60' })
  }
  const all = Promise.all(Array.from({ length: 10 }, () => scene.get()))
  await settled()
  assert.equal(sent, 1)
  answers[0]?.open()
  await settled()
  assert.equal(sent, 10)
  for (const answer of answers) answer.open()
  const seen = await all
  assert.deepEqual(new Set(seen.map(({ reason }) => reason)), new Set(['set-cookie']))
  scene.script = () => text('mine', { 'set-cookie': 'n=0' })
  scene.at(100)
  const later = Promise.all([scene.get(), scene.get()])
  await later
  assert.equal(scene.requests.length, 12)
})

test('Authorization: not stored without `public`, stored and shared with it', async () => {
  const scene = new Scene()
  await scene.get('/a', { authorization: 'Basic eDp5' })
  const other = await scene.get('/a')
  assert.equal(other.word, 'MISS')
  scene.script = () => text('A', { 'cache-control': 'public, max-age=60' })
  await scene.get('/b', { authorization: 'Basic eDp5' })
  assert.equal((await scene.get('/b')).word, 'HIT')
})

test('a response to a request with fields of an auth server counts as one with Authorization', async () => {
  const scene = new Scene()
  await scene.ask({ request: { private: true } })
  assert.equal((await scene.get()).word, 'MISS')
})

test('POST with 200 invalidates the URL', async () => {
  const scene = new Scene()
  await scene.get('/x')
  assert.equal((await scene.get('/x')).word, 'HIT')
  const post = await scene.ask({ method: 'POST', target: '/x', request: { hasBody: true } })
  assert.deepEqual([post.word, post.reason], ['BYPASS', 'method'])
  assert.equal((await scene.get('/x')).word, 'MISS')
})

test('a fetch that began before an invalidation is not stored after it', async () => {
  const scene = new Scene()
  const answer = gate()
  scene.script = async ({ method }) => {
    if (method === 'GET') await answer.promise
    return text('old', { 'cache-control': 'max-age=60' })
  }
  const slow = scene.get('/x')
  await settled()
  await scene.ask({ method: 'PUT', target: '/x' })
  answer.open()
  assert.equal((await slow).body, 'old')
  assert.equal((await scene.get('/x')).word, 'MISS')
})

test('HEAD first, then GET: fetched as GET, then a HIT', async () => {
  const scene = new Scene()
  const head = await scene.ask({ method: 'HEAD' })
  assert.deepEqual([head.word, head.body, head.fields['content-length']], ['MISS', '', '1'])
  assert.equal(scene.sent(0).method, 'GET')
  const get = await scene.get()
  assert.deepEqual([get.word, get.body], ['HIT', 'A'])
  const again = await scene.ask({ method: 'HEAD' })
  assert.deepEqual([again.word, again.body, again.fields['content-length']], ['HIT', '', '1'])
})

test('Range on a MISS: one span is 206, several are 200; on a HIT several are 206', async () => {
  const scene = new Scene()
  scene.script = () => text('0123456789', { 'cache-control': 'max-age=60' })
  const one = await scene.get('/a', { range: 'bytes=4-' })
  assert.deepEqual([one.word, one.status, one.body], ['MISS', 206, '456789'])
  assert.deepEqual([one.fields['content-range'], one.fields['content-length']], ['bytes 4-9/10', '6'])
  assert.equal(scene.sent(0).fields.range, undefined)
  const long = '0123456789'.repeat(20)
  scene.script = () => text(long, { 'cache-control': 'max-age=60' })
  const several = { range: 'bytes=-3,0-1' }
  assert.equal((await scene.get('/b', several)).status, 200)
  const hit = await scene.get('/b', several)
  assert.deepEqual([hit.word, hit.status], ['HIT', 206])
  assert.equal(hit.fields['content-length'], String(hit.body.length))
  const parts = partsOf(hit.fields['content-type'], Buffer.from(hit.body))
  assert.deepEqual(
    parts.map(({ fields, content }) => [fields['content-range'], content.toString()]),
    [
      ['bytes 197-199/200', '789'],
      ['bytes 0-1/200', '01']
    ]
  )
})

test('an origin without a length: Range on a HIT is 206, whole on a HIT has Content-Length', async () => {
  const scene = new Scene()
  scene.script = () => streamed(['01234', '56789'], { 'cache-control': 'max-age=60' })
  assert.equal((await scene.get()).body, '0123456789')
  const part = await scene.get('/', { range: 'bytes=-3' })
  assert.deepEqual([part.status, part.body], [206, '789'])
  assert.equal((await scene.get()).fields['content-length'], '10')
})

test('a Range on a streamed MISS cuts the span out and stores the whole', async () => {
  const scene = new Scene()
  scene.script = () => streamed(['01234', '56789'], { 'cache-control': 'max-age=60', 'content-length': '10' })
  const part = await scene.get('/', { range: 'bytes=3-6' })
  assert.deepEqual([part.word, part.status, part.body], ['MISS', 206, '3456'])
  const hit = await scene.get()
  assert.deepEqual([hit.word, hit.body], ['HIT', '0123456789'])
})

test('an error is cached only when configured', async () => {
  const scene = new Scene({ valid: { 502: '1m' } })
  scene.script = () => text('down', {}, 502)
  await scene.get()
  scene.at(10)
  const hit = await scene.get()
  assert.deepEqual([hit.word, hit.status], ['HIT', 502])
  scene.script = () => text('down', {}, 503)
  assert.equal((await scene.get('/other')).reason, 'no-freshness')
})

test('X-Accel-Expires in the past with stale-while-revalidate: MISS, then STALE', async () => {
  const scene = new Scene()
  const past = Math.floor(scene.now / 1000) - 1
  scene.script = () =>
    text('A', { 'x-accel-expires': `@${past}`, 'cache-control': 'stale-while-revalidate=60' })
  assert.equal((await scene.get()).word, 'MISS')
  scene.at(1)
  assert.equal((await scene.get()).word, 'STALE')
})

test('bypass asks the origin and stores the answer; with noStore it does not', async () => {
  const scene = new Scene()
  await scene.get()
  scene.script = () => text('B', { 'cache-control': 'max-age=60' })
  const bypassed = await scene.ask({ request: { bypass: true } })
  assert.deepEqual([bypassed.word, bypassed.body], ['BYPASS', 'B'])
  assert.equal((await scene.get()).body, 'B')
  scene.script = () => text('C', { 'cache-control': 'max-age=60' })
  await scene.ask({ request: { bypass: true, noStore: true } })
  assert.equal((await scene.get()).body, 'B')
})

test('a Cookie where only `valid` makes it fresh: BYPASS, neither stored nor served, one hint', async () => {
  const scene = new Scene({ valid: { 200: '60s' } })
  scene.script = () => text('A')
  const first = await scene.get('/', { cookie: 'session=1' })
  assert.deepEqual([first.word, first.reason], ['BYPASS', 'cookie'])
  assert.equal((await scene.get()).word, 'MISS')
  const second = await scene.get('/', { cookie: 'session=1' })
  assert.deepEqual([second.word, second.reason], ['BYPASS', 'cookie'])
  assert.equal((await scene.get()).word, 'HIT')
  assert.equal(scene.logged.length, 1)
  assert.match(scene.logged[0] ?? '', /cookies: 'ignore'/)
})

test('a Cookie where the origin said max-age is no obstacle', async () => {
  const scene = new Scene()
  await scene.get('/', { cookie: 'session=1' })
  assert.equal((await scene.get('/', { cookie: 'session=2' })).word, 'HIT')
})

test('a request with content is neither served nor stored', async () => {
  const scene = new Scene()
  const fat = await scene.ask({ request: { hasBody: true } })
  assert.deepEqual([fat.word, fat.reason], ['BYPASS', 'body'])
  assert.equal((await scene.get()).word, 'MISS')
})

test('only-if-cached on a MISS is refused without a fetch, unless requestDirectives is off', async () => {
  const scene = new Scene()
  const fields = { 'cache-control': 'only-if-cached' }
  await assert.rejects(scene.get('/', fields), { code: 'SLUICE_ONLY_IF_CACHED', statusCode: 504 })
  assert.equal(scene.requests.length, 0)
  assert.equal((await new Scene({ requestDirectives: false }).get('/', fields)).word, 'MISS')
})

test('minUses 2: the first two requests go through, the second is stored', async () => {
  const scene = new Scene({ minUses: 2 })
  const words = []
  for (let i = 0; i < 3; i++) words.push((await scene.get()).word)
  assert.deepEqual(words, ['MISS', 'MISS', 'HIT'])
  assert.equal(scene.requests.length, 2)
})

test('a client that wants a reload gets its own answer, and the store gets it too', async () => {
  const scene = new Scene()
  await scene.get()
  scene.script = () => text('B', { 'cache-control': 'max-age=60' })
  const reload = await scene.get('/', { 'cache-control': 'no-cache' })
  assert.deepEqual([reload.word, reload.body], ['EXPIRED', 'B'])
  assert.equal((await scene.get()).body, 'B')
})

test('a 304 that the client asked for is answered at the edge, on a HIT and on a MISS', async () => {
  const scene = new Scene()
  scene.script = () => text('A', { etag: '"a"', 'cache-control': 'max-age=60' })
  const fields = { 'if-none-match': '"a"' }
  const miss = await scene.get('/', fields)
  assert.deepEqual([miss.word, miss.status, miss.body], ['MISS', 304, ''])
  assert.equal(scene.sent(0).fields['if-none-match'], undefined)
  const hit = await scene.get('/', fields)
  assert.deepEqual([hit.word, hit.status, hit.fields.etag], ['HIT', 304, '"a"'])
  assert.equal(hit.fields['content-length'], undefined)
})

test('methods that are safe or unsafe, known or not', () => {
  const { cache } = new Scene({ methods: ['GET'] })
  const handled = ['GET', 'POST', 'DELETE', 'M-SEARCH', 'UNHEARD'].filter((method) => cache.handles(method))
  assert.deepEqual(handled, ['GET', 'POST', 'DELETE', 'M-SEARCH', 'UNHEARD'])
  assert.deepEqual(
    ['HEAD', 'OPTIONS', 'TRACE'].filter((method) => cache.handles(method)),
    []
  )
})

test('lookup needs no promise for a HIT and counts it', async () => {
  const scene = new Scene()
  await scene.get()
  const before = scene.zone.stats()
  assert.equal((await scene.get()).word, 'HIT')
  const after = scene.zone.stats()
  assert.deepEqual([before.hits, after.hits, after.misses, after.entries], [0, 1, 1, 1])
})
