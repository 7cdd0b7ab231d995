// Conditional requests and ranges that the edge answers itself: 304, 412, 206 of one and of several parts, 416.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connectH2 } from '../support/h2'
import { type GetOptions, get, getOpen } from '../support/http-client'
import { partsOf } from '../support/multipart'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'
import { startCached, wordOf } from './cached'

const DATE = 'Sat, 01 Jan 2022 00:00:00 GMT'
const fields = {
  'cache-control': 'max-age=60',
  etag: '"v1"',
  'last-modified': DATE,
  'content-type': 'text/plain'
}
const BODY = '0123456789'

async function warm(t: TestContext, length?: string) {
  const extra = length === undefined ? {} : { 'content-length': length }
  const cached = await startCached(t, { fields: { ...fields, ...extra }, body: BODY })
  await cached.ask('/')
  const ask = (headers: Record<string, string>, options: GetOptions = {}) =>
    cached.ask('/', { ...options, headers })
  return { ...cached, ask }
}

const CONDITIONS: readonly [name: string, headers: Record<string, string>, status: number][] = [
  ['If-None-Match that matches', { 'if-none-match': '"v1"' }, 304],
  ['If-None-Match, weak', { 'if-none-match': 'W/"v1"' }, 304],
  ['If-None-Match in a list', { 'if-none-match': '"a", "v1"' }, 304],
  ['If-None-Match: *', { 'if-none-match': '*' }, 304],
  ['If-None-Match that does not match', { 'if-none-match': '"v2"' }, 200],
  [
    'If-None-Match goes before If-Modified-Since',
    { 'if-none-match': '"v2"', 'if-modified-since': DATE },
    200
  ],
  ['If-Modified-Since', { 'if-modified-since': DATE }, 304],
  ['If-Modified-Since before', { 'if-modified-since': 'Fri, 31 Dec 2021 00:00:00 GMT' }, 200],
  ['If-Match that does not match', { 'if-match': '"v2"' }, 412],
  ['If-Match that matches', { 'if-match': '"v1"' }, 200],
  ['If-Unmodified-Since before', { 'if-unmodified-since': 'Fri, 31 Dec 2021 00:00:00 GMT' }, 412]
]

test('conditional requests are answered from the cache', async (t) => {
  const { ask, origin } = await warm(t)
  for (const [name, headers, status] of CONDITIONS) {
    const answer = await ask(headers)
    assert.equal(answer.status, status, name)
    assert.equal(wordOf(answer), 'HIT', name)
    assert.equal(answer.text, status === 200 ? BODY : '', name)
    if (status !== 304) continue
    assert.equal(answer.headers.etag, '"v1"', name)
    assert.equal(answer.headers['content-type'], undefined, name)
  }
  assert.equal(origin.requests.length, 1)
})

const RANGES: readonly [range: string, status: number, body: string, contentRange: string | undefined][] = [
  ['bytes=0-0', 206, '0', 'bytes 0-0/10'],
  ['bytes=2-4', 206, '234', 'bytes 2-4/10'],
  ['bytes=7-', 206, '789', 'bytes 7-9/10'],
  ['bytes=-3', 206, '789', 'bytes 7-9/10'],
  ['bytes=-100', 206, BODY, 'bytes 0-9/10'],
  ['bytes=5-100', 206, '56789', 'bytes 5-9/10'],
  ['bytes=10-', 416, '', 'bytes */10'],
  ['bytes=-0', 416, '', 'bytes */10'],
  ['bytes=4-2', 200, BODY, undefined],
  ['lines=1-2', 200, BODY, undefined]
]

test('byte ranges of a stored response', async (t) => {
  const { ask, origin } = await warm(t)
  for (const [range, status, body, contentRange] of RANGES) {
    const answer = await ask({ range })
    assert.deepEqual(
      [answer.status, answer.text, answer.headers['content-range'], wordOf(answer)],
      [status, body, contentRange, 'HIT'],
      range
    )
  }
  assert.equal(origin.requests.length, 1)
})

const LONG = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7) % 251))
const SEVERAL = 'bytes=299990-, 0-9, 100-99999'

/** From memory, from the disk alone, and from a disk behind a memory that has no room for it. */
const ZONES: readonly [name: string, zone: (t: TestContext) => object][] = [
  ['memory', () => ({})],
  ['a disk', (t) => ({ memory: '64k', maxObject: '1k', disk: { path: tempDir(t), maxSize: '8m' } })]
]

for (const [name, zone] of ZONES) {
  for (const protocol of ['HTTP/1.1', 'HTTP/2']) {
    test(`several ranges from ${name} over ${protocol}: multipart/byteranges, in the order asked for`, async (t) => {
      const answer = { fields: { ...fields, 'content-length': String(LONG.length) }, body: LONG }
      const fastify = protocol === 'HTTP/2' ? { http2: true } : {}
      const { edge, origin } = await startCached(t, answer, {}, { zone: zone(t), fastify })
      const ask = await asking(t, edge.url, protocol)
      await ask({})
      const { status, headers, body } = await ask({ range: SEVERAL })
      assert.deepEqual([status, headers['x-cache-status']], [206, 'HIT'])
      assert.deepEqual([headers.etag, headers['content-range']], ['"v1"', undefined])
      assert.equal(Number(headers['content-length']), body.length)
      const parts = partsOf(headers['content-type'], body)
      assert.deepEqual(
        parts.map((part) => part.fields),
        ['299990-299999', '0-9', '100-99999'].map((span) => ({
          'content-type': 'text/plain',
          'content-range': `bytes ${span}/300000`
        }))
      )
      for (const [index, [start, end]] of [
        [299_990, 300_000],
        [0, 10],
        [100, 100_000]
      ].entries()) {
        assert.ok(parts[index]?.content.equals(LONG.subarray(start, end)), `part ${index}`)
      }
      const head = await ask({ range: SEVERAL }, 'HEAD')
      assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, '300000', 0])
      const other = await ask({ range: SEVERAL, 'if-range': '"v2"' })
      assert.deepEqual([other.status, other.body.equals(LONG)], [200, true])
      assert.equal(origin.requests.length, 1)
    })
  }
}

interface Ranged {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

async function asking(
  t: TestContext,
  url: string,
  protocol: string
): Promise<(headers: Record<string, string>, method?: string) => Promise<Ranged>> {
  if (protocol === 'HTTP/1.1') return (headers, method = 'GET') => get(`${url}/`, { headers, method })
  const client = await connectH2(url)
  t.after(() => client.session.destroy())
  return (headers, method = 'GET') => client.get('/', { headers, method })
}

test('a client that leaves in the middle of several parts leaves nothing open', async (t) => {
  const answer = { fields: { ...fields, 'content-length': String(LONG.length) }, body: LONG }
  const [, [, zone]] = ZONES as [unknown, (typeof ZONES)[number]]
  const { edge, ask } = await startCached(t, answer, {}, { zone: zone(t) })
  await ask('/')
  const before = readdirSync('/proc/self/fd').length
  for (let n = 0; n < 5; n++) {
    const { message } = await getOpen(`${edge.url}/`, { headers: { range: SEVERAL } })
    message.destroy()
  }
  await until('descriptors closed', () => readdirSync('/proc/self/fd').length <= before + 2, 30_000)
  assert.equal((await ask('/', { headers: { range: 'bytes=0-0' } })).status, 206)
})

for (const protocol of ['HTTP/1.1', 'HTTP/2']) {
  test(`${protocol}: damage on the disk in one of several parts breaks the answer off, and is fetched anew`, async (t) => {
    const answer = { fields: { ...fields, 'content-length': String(LONG.length) }, body: LONG }
    const path = tempDir(t)
    const zone = { memory: '64k', maxObject: '1k', disk: { path, maxSize: '8m' } }
    const fastify = protocol === 'HTTP/2' ? { http2: true } : {}
    const { edge } = await startCached(t, answer, {}, { zone, fastify })
    const ask = await asking(t, edge.url, protocol)
    await ask({})
    assert.equal((await ask({ range: SEVERAL })).headers['x-cache-status'], 'HIT')
    damageEnd(path)
    await assert.rejects(ask({ range: 'bytes=0-9,200-209,299990-299999' }))
    const again = await ask({ range: SEVERAL })
    assert.deepEqual([again.status, again.headers['x-cache-status']], [200, 'MISS'])
    assert.ok(again.body.equals(LONG))
  })
}

/** Changes a byte in the last block of the only large file. */
function damageEnd(directory: string): void {
  const files = readdirSync(directory, { recursive: true }).map((name) => join(directory, String(name)))
  const file = files.find((name) => statSync(name).size > LONG.length) ?? assert.fail('nothing is stored')
  const bytes = readFileSync(file)
  const at = bytes.lastIndexOf(LONG.subarray(-100))
  assert.ok(at > 0)
  bytes.writeUInt8((bytes[at] ?? 0) ^ 1, at)
  writeFileSync(file, bytes)
}

test('ranges that are near are one, ranges that come to more than the whole are none', async (t) => {
  const { ask } = await warm(t)
  const near = await ask({ range: 'bytes=5-6,0-1' })
  assert.deepEqual([near.status, near.text, near.headers['content-range']], [206, '0123456', 'bytes 0-6/10'])
  for (const range of ['bytes=0-,0-', 'bytes=0-5,5-9', `bytes=${'0-,'.repeat(1000)}0-`]) {
    const answer = await ask({ range })
    assert.deepEqual([answer.status, answer.text, answer.headers['content-range']], [200, BODY, undefined])
  }
})

test('maxRanges: one, and none (max_ranges)', async (t) => {
  const answer = { fields, body: LONG }
  for (const [maxRanges, one, two, accepts] of [
    [2, 206, 206, 'bytes'],
    [1, 206, 200, 'bytes'],
    [0, 200, 200, undefined]
  ] as const) {
    const { ask } = await startCached(t, answer, { maxRanges })
    await ask('/')
    const single = await ask('/', { headers: { range: 'bytes=0-9' } })
    assert.deepEqual([single.status, single.headers['accept-ranges']], [one, accepts])
    assert.equal((await ask('/', { headers: { range: 'bytes=0-9,1000-1009' } })).status, two)
  }
})

test('If-Range: the part when the validator is the same, else the whole', async (t) => {
  const { ask } = await warm(t)
  const range = 'bytes=0-1'
  for (const [value, status] of [
    ['"v1"', 206],
    ['"v2"', 200],
    ['W/"v1"', 200],
    [DATE, 206]
  ] as const) {
    assert.equal((await ask({ range, 'if-range': value })).status, status, value)
  }
})

test('a range on a miss: cut from the whole, which is stored', async (t) => {
  const { ask, origin } = await startCached(t, {
    fields: { ...fields, 'content-length': '10' },
    body: BODY
  })
  const miss = await ask('/', { headers: { range: 'bytes=2-4' } })
  assert.deepEqual([miss.status, miss.text, wordOf(miss)], [206, '234', 'MISS'])
  assert.equal(origin.requests[0]?.headers.range, undefined)
  const hit = await ask('/')
  assert.deepEqual([hit.text, wordOf(hit)], [BODY, 'HIT'])
})

test('an origin that sends chunks: the hit has a length and ranges', async (t) => {
  const { ask } = await startCached(t, (_, response) => {
    response.writeHead(200, fields)
    response.write(BODY.slice(0, 5))
    setImmediate(() => response.end(BODY.slice(5)))
    return undefined
  })
  assert.equal((await ask('/')).text, BODY)
  const hit = await ask('/')
  assert.deepEqual([hit.headers['content-length'], hit.headers['accept-ranges']], ['10', 'bytes'])
  assert.equal((await ask('/', { headers: { range: 'bytes=8-' } })).text, '89')
})

test("a range of a response that cannot be stored is the origin's to answer", async (t) => {
  const { ask } = await startCached(t, ({ headers }) =>
    headers.range === 'bytes=2-4'
      ? { status: 206, fields: { 'content-range': 'bytes 2-4/10', 'cache-control': 'no-store' }, body: '234' }
      : { fields: { 'cache-control': 'no-store' }, body: BODY }
  )
  await ask('/')
  const part = await ask('/', { headers: { range: 'bytes=2-4' } })
  assert.deepEqual([part.status, part.text], [206, '234'])
  assert.equal((await ask('/')).text, BODY)
})

test('over HTTP/2: hits, 304 and ranges', async (t) => {
  const { edge } = await startCached(t, { fields, body: BODY }, {}, { fastify: { http2: true } })
  const client = await connectH2(edge.url)
  t.after(() => client.session.destroy())
  const words: unknown[] = []
  for (const [headers, status, body] of [
    [{}, 200, BODY],
    [{}, 200, BODY],
    [{ 'if-none-match': '"v1"' }, 304, ''],
    [{ range: 'bytes=2-4' }, 206, '234'],
    [{ ':method': 'HEAD' }, 200, '']
  ] as const) {
    const answer = await client.get('/', { headers })
    assert.deepEqual([answer.status, answer.text], [status, body])
    words.push(answer.headers['x-cache-status'])
  }
  assert.deepEqual(words, ['MISS', 'HIT', 'HIT', 'HIT', 'HIT'])
})

test('a range of what cannot be kept goes upstream as it is, from the first request on', async (t) => {
  const whole = Buffer.alloc(8 << 20, '.')
  const { ask, origin } = await startCached(
    t,
    ({ headers }, response) => {
      const { range } = headers
      const body = range === undefined ? whole : Buffer.from('tail')
      response.writeHead(range === undefined ? 200 : 206, {
        'cache-control': 'max-age=60',
        'content-length': body.length,
        ...(range !== undefined && {
          'content-range': `bytes ${whole.length - 4}-${whole.length - 1}/${whole.length}`
        })
      })
      response.end(body)
      return undefined
    },
    { maxObject: '1m' }
  )
  for (const _ of [1, 2]) {
    const answer = await ask('/', { headers: { range: 'bytes=-4' } })
    assert.deepEqual([answer.status, answer.text], [206, 'tail'])
  }
  assert.deepEqual(
    origin.requests.map(({ headers }) => headers.range),
    [undefined, 'bytes=-4', 'bytes=-4']
  )
})
