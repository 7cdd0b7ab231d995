import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  contentRange,
  DEFAULT_MAX_RANGES,
  parseRange,
  type RangeResult,
  spanLength,
  unsatisfiedRange
} from '../../src/http/range'

const whole: RangeResult = { kind: 'whole' }
const unsatisfiable: RangeResult = { kind: 'unsatisfiable' }
const spans = (...pairs: [number, number][]): RangeResult => ({
  kind: 'spans',
  spans: pairs.map(([start, end]) => ({ start, end }))
})
const HUGE = '9'.repeat(40)

// Every other hundred bytes of a long content: too far apart to be joined.
const apart = (count: number): [number, number][] =>
  Array.from({ length: count }, (_, i): [number, number] => [i * 200, i * 200 + 99])
const listOf = (pairs: readonly [number, number][]): string => pairs.map((pair) => pair.join('-')).join()

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
  ['bytes= 0-1 ,\t903-904 ', 1000, spans([0, 1], [903, 904])],
  ['bytes=,0-1,,', 100, spans([0, 1])],
  ['bytes=500-600, 0-1', 1000, spans([500, 600], [0, 1])],
  ['bytes=0-1,200-', 100, spans([0, 1])],
  ['bytes=0-1,-0', 100, spans([0, 1])],
  [`bytes=0-${HUGE}`, 100, spans([0, 99])],
  [`bytes=-${HUGE}`, 100, spans([0, 99])],
  [`bytes=${HUGE}-`, 100, unsatisfiable],
  [`bytes=${HUGE}-${HUGE}`, 100, unsatisfiable],
  ['bytes=9007199254740992-9007199254740993', 100, unsatisfiable],
  ['bytes=9007199254740993-9007199254740992', 100, whole],
  ['bytes=0009-8', 100, whole],
  ['bytes=09-0010', 100, spans([9, 10])],
  ['bytes=00-0', 100, spans([0, 0])],
  ['bytes=18446744073709551616-', 100, unsatisfiable],
  ['bytes=100-', 100, unsatisfiable],
  ['bytes=100-200', 100, unsatisfiable],
  ['bytes=-0', 100, unsatisfiable],
  ['bytes=-000', 100, unsatisfiable],
  ['bytes=100-,200-', 100, unsatisfiable],
  ['bytes=100-,-0', 100, unsatisfiable],
  ['bytes=0-', 0, unsatisfiable],
  ['bytes=0-0,1-1', 0, unsatisfiable],
  ['bytes=-1', 0, whole],
  ['bytes=0-,-1', 0, whole],
  ['bytes=-0', 0, unsatisfiable],
  ['bytes=9-0', 100, whole],
  ['bytes=0-1,9-0', 100, whole],
  ['bytes=200-,9-0', 100, whole],
  ['bytes=', 100, whole],
  ['bytes=,', 100, whole],
  ['bytes= ', 100, whole],
  ['bytes=-', 100, whole],
  ['bytes=a-b', 100, whole],
  ['bytes=0', 100, whole],
  ['bytes=0-1-2', 100, whole],
  ['bytes=0-1;2-3', 100, whole],
  ['bytes=--1', 100, whole],
  ['bytes=0 - 1', 100, whole],
  ['bytes=0- 1', 100, whole],
  ['bytes=+0-1', 100, whole],
  ['bytes=0x0-1', 100, whole],
  ['bytes=1e1-20', 100, whole],
  ['bytes=\u0660-1', 100, whole],
  ['bytes =0-1', 100, whole],
  ['bytes:0-1', 100, whole],
  ['bytes', 100, whole],
  [' bytes=0-1', 100, whole],
  ['bytes=0-1, bytes=2-3', 100, whole],
  ['lines=0-1', 100, whole],
  ['none', 100, whole],

  // Joined: what overlaps, touches, or has a gap that costs less than a part.
  ['bytes=0-1,2-3', 1000, spans([0, 3])],
  ['bytes=0-1,0-1', 1000, spans([0, 1])],
  ['bytes=0-9,5-14', 1000, spans([0, 14])],
  ['bytes=0-99,20-30', 1000, spans([0, 99])],
  ['bytes=0-0,80-80', 1000, spans([0, 80])],
  ['bytes=0-0,81-81', 1000, spans([0, 0], [81, 81])],
  ['bytes=81-81,0-0', 1000, spans([81, 81], [0, 0])],
  ['bytes=500-509,0-9,510-519', 1000, spans([500, 519], [0, 9])],
  ['bytes=500-509,0-9,490-499,-10', 1000, spans([490, 509], [0, 9], [990, 999])],
  ['bytes=300-309,0-9,150-159,90-94,220-229', 1000, spans([90, 309], [0, 9])],
  ['bytes=0-0,-1', 500, spans([0, 0], [499, 499])],
  ['bytes=0-0,-1', 2, spans([0, 1])],

  // More than the whole in sum is an attack or no use, however it would be joined.
  ['bytes=0-5,5-9', 10, whole],
  ['bytes=0-,0-', 100, whole],
  ['bytes=50-60,0-99', 100, whole],
  ['bytes=0-0,-1', 1, whole],
  [`bytes=${'0-,'.repeat(15)}0-`, 1_000_000, whole],
  ['bytes=0-49,50-99', 100, spans([0, 99])],

  // The number asked for counts, not what is left of it.
  [`bytes=${listOf(apart(16))}`, 10_000, spans(...apart(16))],
  [`bytes=${listOf(apart(17))}`, 10_000, whole],
  [`bytes=${'0-0,'.repeat(17)}`, 10_000, whole],
  [`bytes=${'20000-,'.repeat(17)}`, 10_000, whole],
  [`bytes=${','.repeat(5000)}0-1`, 100, spans([0, 1])],
  [`bytes=${'0-0,'.repeat(5000)}`, 100_000, whole]
]
for (const [value, size, expected] of cases) {
  test(`parseRange: ${String(value).slice(0, 40)} of ${size}`, () => {
    assert.deepEqual(parseRange(value, size, DEFAULT_MAX_RANGES), expected)
  })
}

for (const [maxRanges, value, expected] of [
  [0, 'bytes=0-0', whole],
  [0, 'bytes=2000-', whole],
  [1, 'bytes=0-0', spans([0, 0])],
  [1, 'bytes=2000-', unsatisfiable],
  [1, 'bytes=0-0,1-1', whole],
  [2, 'bytes=0-0,500-500', spans([0, 0], [500, 500])],
  [2, 'bytes=0-0,,500-500,', spans([0, 0], [500, 500])],
  [2, 'bytes=0-0,500-500,2000-', whole]
] as const) {
  test(`parseRange: at most ${maxRanges}: ${value}`, () => {
    assert.deepEqual(parseRange(value, 1000, maxRanges), expected)
  })
}

test('whatever is asked, spans lie inside, do not overlap, and nothing throws', () => {
  const number = fc.oneof(fc.nat(600).map(String), fc.constantFrom('', HUGE, '-1', 'x'))
  const asked = fc
    .array(fc.tuple(number, number))
    .map((list) => list.map((pair) => pair.join('-')).join(', '))
  const text = fc.oneof(asked, fc.string({ unit: 'binary' }))
  fc.assert(
    fc.property(text, fc.nat(500), (list, size) => {
      const result = parseRange(`bytes=${list}`, size, 8)
      if (result.kind !== 'spans') return
      const sorted = [...result.spans].sort((a, b) => a.start - b.start)
      assert.ok(sorted.length <= 8)
      let free = -80
      for (const { start, end } of sorted) {
        assert.ok(start >= free + 80 && start <= end && end < size)
        free = end + 1
      }
    }),
    { numRuns: 500 }
  )
})

test('contentRange and unsatisfiedRange', () => {
  assert.equal(contentRange({ start: 0, end: 9 }, 100), 'bytes 0-9/100')
  assert.equal(unsatisfiedRange(100), 'bytes */100')
  assert.equal(spanLength({ start: 5, end: 5 }), 1)
})

test('a Range of any length costs no more than to read it', () => {
  const bomb = `bytes=${'1-1,'.repeat(500_000)}`
  const start = process.cpuUsage()
  for (let i = 0; i < 200; i++) parseRange(bomb, 1e6, DEFAULT_MAX_RANGES)
  // Two hundred times 2 MB: reading all of it would take many seconds.
  assert.ok(process.cpuUsage(start).user < 2_000_000)
})
