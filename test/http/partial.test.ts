import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import type { Fields } from '../../src/http/message'
import { byteranges, partialFields } from '../../src/http/partial'
import type { Span } from '../../src/http/range'
import { partsOf } from '../support/multipart'

const CONTENT = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251))
const SPANS: Span[] = [
  { start: 500, end: 999 },
  { start: 0, end: 0 }
]
const WHOLE: Fields = {
  'content-type': 'text/plain; charset=utf-8',
  'content-length': '1000',
  etag: '"a"',
  'content-digest': 'sha-256=:AAAA:',
  'content-md5': 'AAAA',
  'content-range': 'bytes 0-1/2',
  'repr-digest': 'sha-256=:BBBB:'
}

async function joined(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

const slices = (step: number) =>
  async function* (start: number, end: number): AsyncGenerator<Buffer> {
    for (let at = start; at <= end; at += step) yield CONTENT.subarray(at, Math.min(at + step, end + 1))
  }

test('one span: its length and place, and no digest of the content as a whole', () => {
  assert.deepEqual(partialFields(WHOLE, { start: 10, end: 19 }, 1000), {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': '10',
    'content-range': 'bytes 10-19/1000',
    etag: '"a"',
    'repr-digest': 'sha-256=:BBBB:'
  })
  assert.equal(WHOLE['content-length'], '1000')
})

test('several spans: the same content from memory and from any pieces, of the length announced', async () => {
  const parts = byteranges(WHOLE, SPANS, 1000)
  const cut = parts.cut(CONTENT)
  for (const step of [1, 7, 1000]) assert.deepEqual(await joined(parts.read(slices(step))), cut)
  assert.equal(parts.fields['content-length'], String(cut.length))
  assert.deepEqual(partsOf(parts.fields['content-type'], cut), [
    {
      fields: { 'content-type': WHOLE['content-type'], 'content-range': 'bytes 500-999/1000' },
      content: CONTENT.subarray(500)
    },
    {
      fields: { 'content-type': WHOLE['content-type'], 'content-range': 'bytes 0-0/1000' },
      content: CONTENT.subarray(0, 1)
    }
  ])
})

test('several spans: the fields of the whole stay but those of its content', () => {
  const { fields } = byteranges(WHOLE, SPANS, 1000)
  const { 'content-type': type, 'content-length': _, ...rest } = fields
  assert.match(String(type), /^multipart\/byteranges; boundary=[0-9a-f]{24}$/)
  assert.deepEqual(rest, { etag: '"a"', 'repr-digest': 'sha-256=:BBBB:' })
  assert.equal(WHOLE['content-type'], 'text/plain; charset=utf-8')
})

test('a coding is the parts’ own: the content as a whole has none', () => {
  const { fields, cut } = byteranges({ 'content-encoding': 'br' }, SPANS, 1000)
  assert.equal(fields['content-encoding'], undefined)
  assert.deepEqual(
    partsOf(fields['content-type'], cut(CONTENT)).map((part) => part.fields),
    [
      { 'content-encoding': 'br', 'content-range': 'bytes 500-999/1000' },
      { 'content-encoding': 'br', 'content-range': 'bytes 0-0/1000' }
    ]
  )
})

test('each answer has a boundary of its own', () => {
  const types = Array.from({ length: 100 }, () => byteranges(WHOLE, SPANS, 1000).fields['content-type'])
  assert.equal(new Set(types).size, 100)
})

test('a part that ends too soon, or goes on, is an error and no end', async () => {
  for (const off of [-1, 1]) {
    const parts = byteranges(WHOLE, SPANS, 1000)
    const wrong = (start: number, end: number) => slices(1000)(start, end + off)
    const reading =
      off === 1
        ? byteranges(
            WHOLE,
            [
              { start: 0, end: 9 },
              { start: 500, end: 509 }
            ],
            1000
          )
        : parts
    await assert.rejects(joined(reading.read(wrong)), { code: 'SLUICE_INTERNAL' })
  }
})

test('only one part is open at a time, and none when nobody reads on', async () => {
  const { read } = byteranges(WHOLE, SPANS, 1000)
  const opened: Readable[] = []
  const body = Readable.from(
    read((start, end) => {
      const part = Readable.from(slices(10)(start, end), { objectMode: false })
      opened.push(part)
      return part
    }),
    { objectMode: false, highWaterMark: 1 }
  )
  for await (const _ of body.iterator({ destroyOnReturn: false })) {
    if (opened.length === 1) break
  }
  assert.deepEqual(
    opened.map(({ destroyed }) => destroyed),
    [false]
  )
  body.destroy()
  await new Promise((resolve) => body.once('close', resolve))
  assert.deepEqual(
    opened.map(({ destroyed }) => destroyed),
    [true]
  )
})
