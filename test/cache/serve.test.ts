import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { represent, select, serve, validators } from '../../src/cache/serve'
import type { StoredEntry, StoredHead } from '../../src/cache/store/store'
import type { Fields } from '../../src/http/message'
import { partsOf } from '../support/multipart'
import { read, Scene, START } from './scene'

const HEAD: StoredHead = {
  status: 200,
  fields: {
    date: 'Thu, 01 Jan 2026 00:00:00 GMT',
    etag: '"a"',
    'last-modified': 'Wed, 31 Dec 2025 00:00:00 GMT',
    'content-type': 'text/plain',
    'cache-control': 'max-age=60',
    vary: 'accept',
    age: '100',
    'x-other': 'kept'
  },
  requestTime: START,
  responseTime: START
}
const CONTENT = '0123456789'.repeat(20)
const LIMITS = { maxRanges: 4 }

/** The same response, from memory or from disk. */
function entries(head = HEAD): StoredEntry[] {
  const content = Buffer.from(CONTENT)
  const read = (start = 0, end = content.length - 1) => Readable.from([content.subarray(start, end + 1)])
  const shared = { key: 'k', head, length: content.length, read }
  return [
    { ...shared, buffer: content },
    { ...shared, buffer: null }
  ]
}

for (const entry of entries()) {
  const where = entry.buffer === null ? 'on disk' : 'in memory'
  const representation = represent(entry.head, entry.length, LIMITS)
  const ask = (fields: Fields = {}, method = 'GET') =>
    serve(
      { method, fields },
      { entry, representation, fields: { ...representation.fields, age: '7' } },
      START
    )

  test(`${where}: whole, with Age, Content-Length and Accept-Ranges, the rest as received`, async () => {
    const { status, fields, body } = ask()
    assert.deepEqual([status, await read(body)], [200, CONTENT])
    assert.deepEqual(fields, { ...HEAD.fields, age: '7', 'content-length': '200', 'accept-ranges': 'bytes' })
  })

  test(`${where}: HEAD has the fields and no content`, () => {
    const { status, fields, body } = ask({ range: 'bytes=0-1' }, 'HEAD')
    assert.deepEqual([status, fields['content-length'], body], [200, '200', null])
  })

  for (const fields of [
    { 'if-none-match': '"a"' },
    { 'if-none-match': '"x", W/"a"' },
    { 'if-none-match': '*' },
    { 'if-modified-since': 'Wed, 31 Dec 2025 00:00:00 GMT' },
    { 'if-none-match': '"a"', range: 'bytes=0-1' }
  ]) {
    test(`${where}: 304 for ${JSON.stringify(fields)}`, () => {
      const answer = ask(fields)
      assert.deepEqual([answer.status, answer.body], [304, null])
      const {
        'content-type': type,
        'content-length': length,
        age,
        etag,
        vary,
        'x-other': other
      } = answer.fields
      assert.deepEqual(
        [type, length, age, etag, vary, other],
        [undefined, undefined, '7', '"a"', 'accept', 'kept']
      )
    })
  }

  for (const [range, contentRange, content] of [
    ['bytes=0-3', 'bytes 0-3/200', '0123'],
    ['bytes=197-', 'bytes 197-199/200', '789'],
    ['bytes=-2', 'bytes 198-199/200', '89'],
    ['bytes=195-299', 'bytes 195-199/200', '56789'],
    ['bytes=4-5, 0-1', 'bytes 0-5/200', '012345'],
    ['bytes=0-1, 200-', 'bytes 0-1/200', '01']
  ] as const) {
    test(`${where}: 206 for ${range}`, async () => {
      const { status, fields, body } = ask({ range })
      assert.deepEqual([status, fields['content-range'], await read(body)], [206, contentRange, content])
      assert.deepEqual([fields['content-length'], fields.age], [String(content.length), '7'])
    })
  }

  test(`${where}: several spans as multipart/byteranges of the announced length`, async () => {
    const { status, fields, body } = ask({ range: 'bytes=100-101, 5-6, -3' })
    const content = await read(body)
    assert.deepEqual([status, fields['content-length']], [206, String(content.length)])
    assert.deepEqual([fields.etag, fields.age, fields['content-range']], ['"a"', '7', undefined])
    assert.deepEqual(
      partsOf(fields['content-type'], Buffer.from(content)).map(({ fields: of, content: bytes }) => [
        of['content-type'],
        of['content-range'],
        bytes.toString()
      ]),
      [
        ['text/plain', 'bytes 100-101/200', '01'],
        ['text/plain', 'bytes 5-6/200', '56'],
        ['text/plain', 'bytes 197-199/200', '789']
      ]
    )
  })

  test(`${where}: more ranges than allowed get the whole`, async () => {
    const five = ask({ range: 'bytes=0-0,1-1,2-2,3-3,4-4' })
    assert.deepEqual([five.status, await read(five.body)], [200, CONTENT])
  })

  test(`${where}: 416 with the length, 412 when If-Match fails, neither with content or its fields`, () => {
    const beyond = ask({ range: 'bytes=200-' })
    assert.deepEqual([beyond.status, beyond.fields['content-range'], beyond.body], [416, 'bytes */200', null])
    const failed = ask({ 'if-match': '"b"' })
    assert.deepEqual([failed.status, failed.fields.etag, failed.body], [412, undefined, null])
    assert.deepEqual([beyond.fields['content-length'], failed.fields['content-length']], ['0', '0'])
  })

  test(`${where}: If-Range with another validator gets the whole`, () => {
    assert.equal(ask({ range: 'bytes=0-1', 'if-range': '"b"' }).status, 200)
    assert.equal(ask({ range: 'bytes=0-1', 'if-range': '"a"' }).status, 206)
  })
}

test('maxRanges 0: no ranges, and nobody is told that there are', () => {
  const head = { ...HEAD, fields: { ...HEAD.fields, 'accept-ranges': 'bytes' } }
  for (const entry of entries(head)) {
    const representation = represent(head, entry.length, { maxRanges: 0 })
    const stored = { entry, representation, fields: representation.fields }
    const answer = serve({ method: 'GET', fields: { range: 'bytes=0-1' } }, stored, START)
    assert.deepEqual([answer.status, answer.fields['accept-ranges']], [200, undefined])
  }
})

test('what speaks of the content as a whole is not said of a part, nor of none', () => {
  const fields = { ...HEAD.fields, 'content-digest': 'sha-256=:AAAA:', 'content-md5': 'AAAA' }
  for (const entry of entries({ ...HEAD, fields })) {
    const representation = represent(entry.head, entry.length, LIMITS)
    const stored = { entry, representation, fields: representation.fields }
    for (const [asked, status, digest] of [
      [{}, 200, 'sha-256=:AAAA:'],
      [{ range: 'bytes=0-1' }, 206, undefined],
      [{ range: 'bytes=0-1,-1' }, 206, undefined],
      [{ 'if-none-match': '*' }, 304, undefined],
      [{ range: 'bytes=200-' }, 416, undefined]
    ] as const) {
      const answer = serve({ method: 'GET', fields: asked }, stored, START)
      assert.deepEqual([answer.status, answer.fields['content-digest']], [status, digest])
      if (status !== 200) assert.equal(answer.fields['content-md5'], undefined)
    }
  }
})

test('conditions and ranges mean nothing to a stored error', () => {
  for (const status of [301, 404, 502]) {
    const target = { validators: validators(status, { etag: '"a"' }), length: 10, ...LIMITS }
    for (const fields of [{ 'if-none-match': '"a"' }, { 'if-match': '"b"' }, { range: 'bytes=0-1' }]) {
      assert.deepEqual(select({ method: 'GET', fields }, target, START), { kind: 'whole' })
    }
  }
})

test('the hits of one second share their fields, which nobody can change', async () => {
  const scene = new Scene()
  await scene.get()
  const first = await scene.get()
  const second = await scene.get()
  assert.equal(first.fields, second.fields)
  assert.throws(() => {
    first.fields['x-other'] = 'changed'
  }, TypeError)
  scene.at(1)
  assert.equal((await scene.get()).fields.age, '1')
})
