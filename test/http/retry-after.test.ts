import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatHttpDate } from '../../src/http/date'
import { retryAfterMs } from '../../src/http/retry-after'

const NOW = Date.UTC(2026, 0, 1)

const CASES: [string, string | string[] | undefined, number | undefined][] = [
  ['no field', undefined, undefined],
  ['seconds', '120', 120_000],
  ['at once', '0', 0],
  ['a date', formatHttpDate(NOW + 30_000), 30_000],
  ['a date in the past', formatHttpDate(NOW - 30_000), 0],
  ['an old form of date', 'Thursday, 01-Jan-26 00:00:05 GMT', 5000],
  ['no number', 'soon', undefined],
  ['a fraction', '1.5', undefined],
  ['a sign', '-1', undefined],
  ['nothing', '', undefined],
  ['two lines', ['1', '2'], undefined]
]

for (const [name, value, expected] of CASES) {
  test(`Retry-After: ${name}`, () => {
    assert.equal(retryAfterMs(value, NOW), expected)
  })
}
