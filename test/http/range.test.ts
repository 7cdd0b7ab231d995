import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  contentRange,
  parseRange,
  partHead,
  partsLength,
  partsTail,
  type RangeResult,
  type Span,
  unsatisfiedRange
} from '../../src/http/range'

const whole: RangeResult = { kind: 'whole' }
const unsatisfiable: RangeResult = { kind: 'unsatisfiable' }
const spans = (...pairs: [number, number][]): RangeResult => ({
  kind: 'spans',
  spans: pairs.map(([start, end]) => ({ start, end }))
})
const HUGE = '9'.repeat(40)

const cases: [string | undefined, number, RangeResult][] = [
  [undefined, 100, whole],
  ['', 100, whole],
  ['bytes=0-9', 100, spans([0, 9])],
  ['BYTES=0-9', 100, spans([0, 9])],
  ['bytes=0-0', 100, spans([0, 0])],
  ['bytes=0-', 100, spans([0, 99])],
  ['bytes=90-', 100, spans([90, 99])],
  ['bytes=99-', 100, spans([99, 99])],
  ['bytes=-1', 100, spans([99, 99])],
  ['bytes=-100', 100, spans([0, 99])],
  ['bytes=-1000', 100, spans([0, 99])],
  ['bytes=50-1000', 100, spans([50, 99])],
  ['bytes=0007-0009', 100, spans([7, 9])],
  ['bytes= 0-1 ,\t3-4 ', 100, spans([0, 1], [3, 4])],
  ['bytes=,0-1,,', 100, spans([0, 1])],
  ['bytes=50-60, 0-1', 100, spans([50, 60], [0, 1])],
  ['bytes=0-1,2-3', 100, spans([0, 1], [2, 3])],
  ['bytes=0-1,200-', 100, spans([0, 1])],
  ['bytes=0-1,-0', 100, spans([0, 1])],
  [`bytes=0-${HUGE}`, 100, spans([0, 99])],
  [`bytes=-${HUGE}`, 100, spans([0, 99])],
  [`bytes=${HUGE}-`, 100, unsatisfiable],
  ['bytes=100-', 100, unsatisfiable],
  ['bytes=100-200', 100, unsatisfiable],
  ['bytes=-0', 100, unsatisfiable],
  ['bytes=100-,200-', 100, unsatisfiable],
  ['bytes=0-', 0, unsatisfiable],
  ['bytes=-1', 0, whole],
  ['bytes=-0', 0, unsatisfiable],
  ['bytes=9-0', 100, whole],
  ['bytes=0-1,9-0', 100, whole],
  ['bytes=', 100, whole],
  ['bytes=,', 100, whole],
  ['bytes=-', 100, whole],
  ['bytes=a-b', 100, whole],
  ['bytes=0', 100, whole],
  ['bytes=0-1-2', 100, whole],
  ['bytes=--1', 100, whole],
  ['bytes=0 - 1', 100, whole],
  ['bytes=+0-1', 100, whole],
  ['bytes=0x0-1', 100, whole],
  ['bytes =0-1', 100, whole],
  ['bytes:0-1', 100, whole],
  ['lines=0-1', 100, whole],
  ['bytes=0-5,5-9', 100, whole],
  ['bytes=0-,0-', 100, whole],
  ['bytes=50-60,0-99', 100, whole],
  ['bytes=0-0,-1', 1, whole],
  [
    `bytes=${Array.from({ length: 16 }, (_, i) => `${i * 2}-${i * 2}`).join()}`,
    100,
    spans(...Array.from({ length: 16 }, (_, i): [number, number] => [i * 2, i * 2]))
  ],
  [`bytes=${Array.from({ length: 17 }, (_, i) => `${i * 2}-${i * 2}`).join()}`, 100, whole],
  [`bytes=${'0-0,'.repeat(5000)}`, 100, whole]
]
for (const [value, size, expected] of cases) {
  test(`parseRange: ${String(value).slice(0, 40)} of ${size}`, () => {
    assert.deepEqual(parseRange(value, size), expected)
  })
}

test('whatever is asked, spans lie inside, do not overlap, and nothing throws', () => {
  const number = fc.oneof(fc.nat(120).map(String), fc.constantFrom('', HUGE, '-1', 'x'))
  const asked = fc
    .array(fc.tuple(number, number))
    .map((list) => list.map((pair) => pair.join('-')).join(', '))
  const text = fc.oneof(asked, fc.string({ unit: 'binary' }))
  fc.assert(
    fc.property(text, fc.nat(100), (list, size) => {
      const result = parseRange(`bytes=${list}`, size)
      if (result.kind !== 'spans') return
      const seen = new Set<number>()
      for (const { start, end } of result.spans) {
        assert.ok(start >= 0 && start <= end && end < size)
        for (let i = start; i <= end; i++) {
          assert.ok(!seen.has(i))
          seen.add(i)
        }
      }
    }),
    { numRuns: 1000 }
  )
})

test('contentRange and unsatisfiedRange', () => {
  assert.equal(contentRange({ start: 0, end: 9 }, 100), 'bytes 0-9/100')
  assert.equal(unsatisfiedRange(100), 'bytes */100')
})

test('partHead leaves out a type that is not known', () => {
  const span: Span = { start: 1, end: 2 }
  assert.equal(
    partHead('b', 'text/x', span, 9),
    '\r\n--b\r\nContent-Type: text/x\r\nContent-Range: bytes 1-2/9\r\n\r\n'
  )
  assert.equal(partHead('b', undefined, span, 9), '\r\n--b\r\nContent-Range: bytes 1-2/9\r\n\r\n')
})

test('partsLength is the length of heads, bytes and tail', () => {
  const content = 'x'.repeat(1000)
  const parts: Span[] = [
    { start: 0, end: 9 },
    { start: 500, end: 999 }
  ]
  const text = parts
    .map((span) => partHead('bo', 'a/b', span, 1000) + content.slice(span.start, span.end + 1))
    .join('')
  assert.equal(partsLength('bo', 'a/b', parts, 1000), (text + partsTail('bo')).length)
})
