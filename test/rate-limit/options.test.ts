import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RateLimitOptions, resolveRateLimit } from '../../src/rate-limit/options'

test('no limit is an empty list', () => {
  assert.deepEqual(resolveRateLimit(false, 'rateLimit'), [])
  assert.deepEqual(resolveRateLimit(undefined, 'rateLimit'), [])
})

test('a limit alone gets the defaults: no burst, no delay, 429', () => {
  assert.deepEqual(resolveRateLimit({ rate: '600r/m' }, 'rateLimit'), [
    { ratePerMs: 0.01, burst: 0, delay: Number.POSITIVE_INFINITY, key: 'ip', status: 429 }
  ])
})

test('several limits keep their order and values', () => {
  const key = () => 'all'
  const limits = resolveRateLimit(
    [
      { rate: '10r/s', burst: 20, delay: 5 },
      { rate: '1r/s', key, status: 503, delay: 0 }
    ],
    'rateLimit'
  )
  assert.deepEqual(limits, [
    { ratePerMs: 0.01, burst: 20, delay: 5, key: 'ip', status: 429 },
    { ratePerMs: 0.001, burst: 0, delay: 0, key, status: 503 }
  ])
})

const REFUSED: [name: string, options: RateLimitOptions, message: RegExp][] = [
  ['a rate of zero', { rate: '0r/s' }, /^rateLimit\.rate: "0r\/s" is no rate/],
  ['a wait over an hour', { rate: '1r/h', burst: 3, delay: 1 }, /^rateLimit\.burst: at 1r\/h the last of 3/]
]

for (const [name, options, message] of REFUSED) {
  test(`resolveRateLimit refuses ${name}`, () =>
    assert.throws(() => resolveRateLimit(options, 'rateLimit'), { code: 'SLUICE_OPTIONS', message }))
}
