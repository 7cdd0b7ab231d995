// RFC 9110, 9111 and 9213 where the public cache tests say nothing: what is stored, what selects it, what renews it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { get } from '../support/http-client'
import { movableClock, type OriginAnswer, startCached, wordOf } from './cached'

const MINUTE = { 'cache-control': 'max-age=60' }

/** Words of two GETs in turn, the origin answering both alike. */
const twice: [name: string, answer: OriginAnswer, second: string][] = [
  ['204 with a lifetime', { status: 204, fields: MINUTE }, 'HIT'],
  ['299 with a lifetime', { status: 299, fields: MINUTE }, 'HIT'],
  ['302 with a lifetime', { status: 302, fields: { ...MINUTE, location: '/x' } }, 'HIT'],
  ['499 with a lifetime', { status: 499, fields: MINUTE }, 'HIT'],
  ['599 with a lifetime', { status: 599, fields: MINUTE }, 'HIT'],
  ['206 with a lifetime', { status: 206, fields: { ...MINUTE, 'content-range': 'bytes 0-0/9' } }, 'MISS'],
  ['no-store', { fields: { 'cache-control': 'max-age=60, no-store' } }, 'MISS'],
  [
    'no-store beside must-understand, a status that is understood',
    { fields: { 'cache-control': 'max-age=60, no-store, must-understand' } },
    'HIT'
  ],
  [
    'must-understand, a status that is not understood',
    { status: 299, fields: { 'cache-control': 'max-age=60, must-understand' } },
    'MISS'
  ],
  ['public without a lifetime or Last-Modified', { fields: { 'cache-control': 'public' } }, 'MISS'],
  ['an Age beyond the lifetime', { fields: { ...MINUTE, age: '61' } }, 'EXPIRED'],
  ['an Age that is no number', { fields: { ...MINUTE, age: 'old' } }, 'HIT'],
  ['a list of Ages: the first counts', { fields: { ...MINUTE, age: '0, 7200' } }, 'HIT'],
  ['an Age beyond all numbers', { fields: { ...MINUTE, age: '9'.repeat(30) } }, 'EXPIRED'],
  ['Expires in the past beside max-age', { fields: { ...MINUTE, expires: '0' } }, 'HIT'],
  ['max-age that is no number', { fields: { 'cache-control': 'max-age=60s' } }, 'MISS'],
  ['max-age in quotes', { fields: { 'cache-control': 'max-age="60"' } }, 'HIT'],
  [
    'a directive in the quotes of another',
    { fields: { 'cache-control': 'x="no-store", max-age=60' } },
    'HIT'
  ],
  ['Vary: *', { fields: { ...MINUTE, vary: 'accept, *' } }, 'MISS'],
  [
    'CDN-Cache-Control over Cache-Control',
    { fields: { ...MINUTE, 'cdn-cache-control': 'no-store' } },
    'MISS'
  ],
  [
    'CDN-Cache-Control that lets what Cache-Control forbids',
    { fields: { 'cache-control': 'no-store', 'cdn-cache-control': 'max-age=60' } },
    'HIT'
  ],
  [
    'CDN-Cache-Control with a parse error',
    { fields: { ...MINUTE, 'cdn-cache-control': 'max-age =0' } },
    'HIT'
  ],
  ['CDN-Cache-Control in capitals', { fields: { ...MINUTE, 'cdn-cache-control': 'No-Store' } }, 'HIT'],
  ['CDN-Cache-Control that is empty', { fields: { ...MINUTE, 'cdn-cache-control': '' } }, 'HIT'],
  ['CDN-Cache-Control with parameters', { fields: { 'cdn-cache-control': 'max-age=60;a=b' } }, 'HIT'],
  ['CDN-Cache-Control with a decimal', { fields: { ...MINUTE, 'cdn-cache-control': 'max-age=60.5' } }, 'MISS']
]
test('what is stored, by status and fields', async (t) => {
  const { ask } = await startCached(t, ({ url = '' }) => twice[Number(url.slice(1))]?.[1] ?? {})
  for (const [index, [name, { status = 200, fields = {} }, second]] of twice.entries()) {
    const seen = [await ask(`/${index}`), await ask(`/${index}`)]
    assert.deepEqual(seen.map(wordOf), ['MISS', second], name)
    assert.deepEqual(new Set(seen.map((answer) => answer.status)), new Set([status]), name)
    const sent = fields['cdn-cache-control']
    for (const { headers } of seen) assert.equal(headers['cdn-cache-control'], sent, name)
  }
})

test('targeted: a list of own fields in place of CDN-Cache-Control', async (t) => {
  const fields = {
    'app-cache-control': 'max-age=60',
    'cdn-cache-control': 'no-store',
    'cache-control': 'no-store'
  }
  for (const [targeted, second] of [
    [['App-Cache-Control', 'CDN-Cache-Control'], 'HIT'],
    [['CDN-Cache-Control', 'App-Cache-Control'], 'MISS'],
    [[], 'MISS']
  ] as const) {
    const { word } = await startCached(t, { fields }, { targeted })
    assert.deepEqual([await word('/'), await word('/')], ['MISS', second], targeted.join())
  }
})

test('interim responses pass, are not stored and leave nothing in the final one', async (t) => {
  const { ask } = await startCached(t, (_, response) => {
    response.writeProcessing()
    response.writeEarlyHints({ link: '</a.css>; rel=preload', 'x-hint': 'early' })
    return { fields: MINUTE, body: 'page' }
  })
  const miss = await ask('/')
  assert.deepEqual(
    miss.information.map(({ status }) => status),
    [102, 103]
  )
  assert.equal(miss.information[1]?.headers['x-hint'], 'early')
  const hit = await ask('/')
  assert.deepEqual([wordOf(hit), hit.text, hit.information.length], ['HIT', 'page', 0])
  for (const { headers } of [miss, hit]) {
    assert.equal(headers.link, undefined)
    assert.equal(headers['x-hint'], undefined)
  }
})

test('HEAD of a stale response validates it with a GET, and renews it for all', async (t) => {
  const clock = movableClock(t)
  const { ask, origin } = await startCached(t, ({ headers }) => ({
    status: headers['if-none-match'] === '"a"' ? 304 : 200,
    fields: { ...MINUTE, etag: '"a"', 'content-length': '4' },
    body: 'page'
  }))
  await ask('/')
  clock.advance(61_000)
  const head = await ask('/', { method: 'HEAD' })
  assert.deepEqual([head.status, wordOf(head), head.text], [200, 'REVALIDATED', ''])
  assert.deepEqual([wordOf(await ask('/')), origin.requests.length], ['HIT', 2])
  assert.deepEqual(
    origin.requests.map(({ method }) => method),
    ['GET', 'GET']
  )
})

test('a 304 that brings a Vary: what is stored is not shared under it', async (t) => {
  const clock = movableClock(t)
  const { ask } = await startCached(t, ({ headers }) => {
    if (headers['if-none-match'] === '"a"') return { status: 304, fields: { ...MINUTE, vary: 'x-plan' } }
    return { fields: { ...MINUTE, etag: '"a"' }, body: `plan ${headers['x-plan'] ?? 'none'}` }
  })
  await ask('/')
  clock.advance(61_000)
  assert.equal(wordOf(await ask('/')), 'REVALIDATED')
  const other = await ask('/', { headers: { 'x-plan': 'paid' } })
  assert.deepEqual([wordOf(other), other.text], ['MISS', 'plan paid'])
})

test('a later response for the same variant takes the place of the earlier one', async (t) => {
  const clock = movableClock(t)
  const { ask } = await startCached(t, ({ headers }) => ({
    fields: { ...MINUTE, vary: headers['x-wide'] === undefined ? 'a' : 'a, b' }
  }))
  const a = { a: '1' }
  assert.equal((await ask('/', { headers: a })).text, '1')
  clock.advance(1000)
  assert.equal((await ask('/', { headers: { ...a, 'x-wide': '1', 'cache-control': 'no-cache' } })).text, '2')
  assert.equal((await ask('/', { headers: a })).text, '2')
})

test('Pragma of a request is not obeyed: it is no field of this protocol version (RFC 9111 §5.4)', async (t) => {
  const { word } = await startCached(t, { fields: MINUTE })
  const headers = { pragma: 'no-cache' }
  assert.deepEqual([await word('/'), await word('/', { headers })], ['MISS', 'HIT'])
})

test('a request Cookie is not part of the key, the query is', async (t) => {
  const { ask } = await startCached(t, { fields: MINUTE })
  assert.equal(wordOf(await ask('/?a=1', { headers: { cookie: 'a=1' } })), 'MISS')
  assert.equal(wordOf(await ask('/?a=1', { headers: { cookie: 'a=2' } })), 'HIT')
  assert.equal(wordOf(await ask('/?a=2')), 'MISS')
})

test('a stale response whose origin is gone: 502 when it must be validated', async (t) => {
  const clock = movableClock(t)
  for (const control of ['must-revalidate', 'proxy-revalidate', 'no-cache']) {
    const setup = { mortal: true } as const
    const fields = { 'cache-control': `max-age=2, ${control}`, etag: '"a"' }
    const { ask, origin } = await startCached(t, { fields }, {}, setup)
    await ask('/')
    await origin.close()
    clock.advance(3000)
    assert.equal((await ask('/')).status, 502, control)
  }
})

test('conditions on a miss are answered from what has come', async (t) => {
  const fields = {
    ...MINUTE,
    etag: '"a"',
    'last-modified': 'Sat, 01 Jan 2022 00:00:00 GMT',
    'content-length': '4'
  }
  const { edge, origin } = await startCached(t, { fields, body: 'page' })
  const cases: [Record<string, string>, number][] = [
    [{ 'if-none-match': '"a"' }, 304],
    [{ 'if-none-match': '"b"' }, 200],
    [{ 'if-match': '"b"' }, 412],
    [{ 'if-unmodified-since': 'Fri, 31 Dec 2021 00:00:00 GMT' }, 412],
    [{ 'if-modified-since': 'Saturday, 01-Jan-22 00:00:00 GMT' }, 304],
    [{ 'if-modified-since': 'Sat Jan  1 00:00:00 2022' }, 304]
  ]
  for (const [index, [headers, status]] of cases.entries()) {
    for (const word of ['MISS', 'HIT']) {
      const answer = await get(`${edge.url}/${index}`, { headers })
      assert.deepEqual([answer.status, wordOf(answer)], [status, word], JSON.stringify(headers))
    }
  }
  assert.equal(origin.requests.length, cases.length)
})
