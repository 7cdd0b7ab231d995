import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Duration,
  durationMs,
  formatDuration,
  formatSize,
  parseDuration,
  parseRate,
  parseSize,
  type Rate,
  type Size,
  sizeBytes
} from '../src/units'

const DAY = 86_400_000

const DURATIONS: [text: string, expected: number | undefined][] = [
  ['500ms', 500],
  ['0s', 0],
  ['30s', 30_000],
  ['5m', 300_000],
  ['1h30m', 5_400_000],
  ['1d12h', 1.5 * DAY],
  ['1w', 7 * DAY],
  ['1M', 30 * DAY],
  ['1y', 365 * DAY],
  ['1y2M3w4d5h6m7s8ms', (365 + 60 + 21 + 4) * DAY + 5 * 3_600_000 + 6 * 60_000 + 7008],
  ['1m500ms', 60_500],
  ['', undefined],
  ['60', undefined],
  ['-1s', undefined],
  ['+1s', undefined],
  ['1.5s', undefined],
  ['1e3s', undefined],
  ['1 h', undefined],
  [' 1s', undefined],
  ['1s\n', undefined],
  ['1S', undefined],
  ['1hour', undefined],
  ['s', undefined],
  ['30m1h', undefined],
  ['1s1s', undefined],
  ['1ms1s', undefined],
  ['1h30', undefined],
  ['١s', undefined],
  [`${'9'.repeat(400)}s`, undefined],
  ['285616415y', undefined]
]
for (const [text, expected] of DURATIONS) {
  test(`duration ${JSON.stringify(text.slice(0, 40))} is ${expected}`, () =>
    assert.equal(parseDuration(text), expected))
}

const SIZES: [text: string, expected: number | undefined][] = [
  ['0k', 0],
  ['16k', 16_384],
  ['64m', 67_108_864],
  ['1g', 1_073_741_824],
  ['2t', 2_199_023_255_552],
  ['1K', 1024],
  ['', undefined],
  ['16', undefined],
  ['k', undefined],
  ['-1k', undefined],
  ['1.5m', undefined],
  ['1kb', undefined],
  ['1 k', undefined],
  ['1k\n', undefined],
  ['8192t', undefined],
  [`${'9'.repeat(400)}k`, undefined]
]
for (const [text, expected] of SIZES) {
  test(`size ${JSON.stringify(text.slice(0, 40))} is ${expected}`, () =>
    assert.equal(parseSize(text), expected))
}

const RATES: [text: string, expected: number | undefined][] = [
  ['10r/s', 0.01],
  ['600r/m', 0.01],
  ['36000r/h', 0.01],
  ['1r/h', 1 / 3_600_000],
  ['0r/s', undefined],
  ['000r/s', undefined],
  ['10', undefined],
  ['10/s', undefined],
  ['10r/d', undefined],
  ['10r/S', undefined],
  ['1.5r/s', undefined],
  ['-1r/s', undefined],
  ['10r/s ', undefined],
  [`${'9'.repeat(400)}r/s`, undefined]
]
for (const [text, expected] of RATES) {
  test(`rate ${JSON.stringify(text.slice(0, 40))} is ${expected}`, () =>
    assert.equal(parseRate(text), expected))
}

test('a duration is the sum of its parts', () => {
  const UNITS = ['y', 'M', 'w', 'd', 'h', 'm', 's', 'ms']
  const parts = fc
    .subarray(UNITS, { minLength: 1 })
    .chain((units) => fc.tuple(...units.map((unit) => fc.nat(1000).map((count) => `${count}${unit}`))))
  fc.assert(
    fc.property(parts, (each) => {
      const sum = each.reduce((total, part) => total + (parseDuration(part) ?? Number.NaN), 0)
      assert.equal(parseDuration(each.join('')), sum)
      if (each.length > 1) assert.equal(parseDuration([...each].reverse().join('')), undefined)
    })
  )
})

test('any text gives a safe whole number of milliseconds or bytes, or nothing', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[0-9smhdwMykgtr/]{0,12}$/))
  fc.assert(
    fc.property(text, (each) => {
      for (const value of [parseDuration(each), parseSize(each)]) {
        assert.ok(value === undefined || (Number.isSafeInteger(value) && value >= 0))
      }
      const rate = parseRate(each)
      assert.ok(rate === undefined || (Number.isFinite(rate) && rate > 0))
    }),
    { numRuns: 2000 }
  )
})

test('a long text that is no duration is refused at once', () => {
  const started = process.hrtime.bigint()
  assert.equal(parseDuration(`${'1s'.repeat(50_000)}!`), undefined)
  assert.equal(parseDuration(`${'1'.repeat(100_000)}!`), undefined)
  assert.ok(process.hrtime.bigint() - started < 1_000_000_000n)
})

test('the types take what the parsers take, and no bare number', () => {
  const durations: Duration[] = ['500ms', '30s', '1h30m', '1d12h', '1y', '1y6M', '1M2w']
  const sizes: Size[] = ['16k', '64m', '1g', '2t']
  const rates: Rate[] = ['10r/s', '600r/m', '1r/h']
  // @ts-expect-error a bare number has no unit
  const bare: Duration[] = ['60', 60]
  // @ts-expect-error nor has this one
  const bytes: Size = '1024'
  assert.ok(durations.every((text) => parseDuration(text) !== undefined))
  assert.ok(sizes.every((text) => parseSize(text) !== undefined))
  assert.ok(rates.every((text) => parseRate(text) !== undefined))
  assert.equal(parseDuration(String(bare[0])), undefined)
  assert.equal(parseSize(bytes), undefined)
})

test('a wrong option is named with what to write', () => {
  assert.equal(durationMs('1h30m', 'a.b'), 5_400_000)
  assert.equal(sizeBytes('16k', 'a.b'), 16_384)
  assert.throws(() => durationMs('60', 'a.b'), {
    message: `a.b: "60" is not a duration; write '500ms', '30s' or '1h30m'`
  })
  assert.throws(() => sizeBytes('60', 'a.b'), {
    message: `a.b: "60" is not a size; write '16k', '64m' or '1g'`
  })
})

const SHOWN: [ms: number, text: string][] = [
  [0, '0s'],
  [5, '5ms'],
  [60_000, '1m'],
  [5_400_000, '1h30m'],
  [7 * DAY, '7d'],
  [365 * DAY, '1y'],
  [365 * DAY + 1500, '1y1s500ms']
]
for (const [ms, text] of SHOWN)
  test(`${ms} ms is shown as ${text}`, () => assert.equal(formatDuration(ms), text))

test('a shown duration or size means what it was', () => {
  fc.assert(
    fc.property(fc.nat(Number.MAX_SAFE_INTEGER), (value) => {
      assert.equal(parseDuration(formatDuration(value)), value)
      const size = formatSize(value)
      assert.equal(size.endsWith(' bytes') ? Number.parseInt(size, 10) : parseSize(size), value)
    })
  )
  assert.deepEqual([0, 1000, 65_536, 1 << 30].map(formatSize), ['0 bytes', '1000 bytes', '64k', '1g'])
})
