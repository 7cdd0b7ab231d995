import assert from 'node:assert/strict'
import { PassThrough, Readable } from 'node:stream'
import { test } from 'node:test'
import type { FastifyRequest } from 'fastify'
import { parsedContent } from '../../src/proxy/own-content'

interface Parsed {
  readonly type?: string
  readonly body: unknown
  readonly length?: number
  readonly read?: boolean
  readonly fields?: Record<string, string>
}

function request({ type = 'text/plain', body, length, read = true, fields = {} }: Parsed): FastifyRequest {
  const framing =
    length === undefined ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(length) }
  const raw = {
    httpVersionMajor: 1,
    readableDidRead: read,
    headers: { 'content-type': type, ...framing, ...fields }
  }
  return { raw, body } as unknown as FastifyRequest
}

const JSON_TYPE = 'application/json; charset=utf-8'
const FORM = 'application/x-www-form-urlencoded'

const WRITTEN: readonly [name: string, parsed: Parsed, bytes: string][] = [
  ['bytes', { body: Buffer.from('a'), length: 1 }, 'a'],
  ['text', { body: 'ä', length: 2 }, 'ä'],
  ['an object of JSON', { type: JSON_TYPE, body: { a: 1 }, length: 9 }, '{"a":1}'],
  ['a number of JSON', { type: JSON_TYPE, body: 1, length: 1 }, '1'],
  ['a text of JSON', { type: JSON_TYPE, body: 'a', length: 3 }, '"a"'],
  ['a text of JSON in chunks', { type: JSON_TYPE, body: 'a' }, '"a"'],
  ['JSON left as it came', { type: JSON_TYPE, body: '{"a":1}', length: 7 }, '{"a":1}'],
  ['JSON left as it came, in chunks', { type: JSON_TYPE, body: '{"a":1}' }, '{"a":1}'],
  ['a +json type', { type: 'application/ld+json', body: [1], length: 3 }, '[1]'],
  ['a form', { type: FORM, body: { a: '1', b: ['2', '3'] }, length: 11 }, 'a=1&b=2&b=3']
]

for (const [name, parsed, bytes] of WRITTEN) {
  test(`${name} is written as it was`, () => {
    const content = parsedContent(request(parsed))
    assert.equal(String(content?.body), bytes)
    assert.equal(content?.fields['content-length'], String(Buffer.byteLength(bytes)))
  })
}

test('content that nobody has read stays where it is', () => {
  assert.equal(parsedContent(request({ body: undefined, read: false })), undefined)
  const none = request({ body: undefined, length: 0 })
  assert.equal(parsedContent(none), undefined)
  const same = request({ body: null })
  assert.equal(parsedContent({ raw: same.raw, body: same.raw } as never), undefined)
})

test('a stream of the app’s is sent in its place, without the client’s length', () => {
  const body = Readable.from(['a']).pipe(new PassThrough())
  const content = parsedContent(request({ body, length: 5 }))
  assert.equal(content?.body, body)
  assert.equal(content?.fields['content-length'], undefined)
})

test('content that was decoded on the way in is no longer encoded', () => {
  const fields = { 'content-encoding': 'gzip' }
  assert.equal(
    parsedContent(request({ body: Buffer.from('abc'), length: 9, fields }))?.fields['content-encoding'],
    undefined
  )
  assert.equal(
    parsedContent(request({ body: Buffer.from('abc'), length: 3, fields }))?.fields['content-encoding'],
    'gzip'
  )
})

for (const [name, parsed] of [
  ['an object of no known type', { type: 'application/xml', body: { a: 1 }, length: 4 }],
  ['a form with objects in it', { type: FORM, body: { a: { b: 'c' } }, length: 6 }],
  ['content that was read and not kept', { body: undefined, length: 6 }]
] as const) {
  test(`${name} is refused`, () => {
    assert.throws(
      () => parsedContent(request(parsed)),
      ({ detail }: { detail: string }) => /addContentTypeParser/.test(detail)
    )
  })
}
