import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type BucketRate, type BucketState, takeFromBucket } from '../../src/rate-limit/bucket'

const NODELAY = Number.POSITIVE_INFINITY
const limit = (perSecond: number, burst = 0, delay = NODELAY): BucketRate => ({
  ratePerMs: perSecond / 1000,
  burst,
  delay
})

/** The verdicts of requests at these times, `delay` with its wait. */
function run(rate: BucketRate, times: number[]): string[] {
  let state: BucketState | undefined
  return times.map((now) => {
    const result = takeFromBucket(state, now, rate)
    state = result.state
    return result.verdict === 'pass' ? 'pass' : `${result.verdict} ${result.waitMs}`
  })
}

const RUNS: [name: string, rate: BucketRate, times: number[], expected: string[]][] = [
  ['the first request passes', limit(10), [0], ['pass']],
  [
    'without burst one request per interval',
    limit(10),
    [0, 99, 100, 150, 200],
    ['pass', 'reject 1', 'pass', 'reject 50', 'pass']
  ],
  [
    'a rejected request does not consume',
    limit(10),
    [0, 50, 60, 70, 100],
    ['pass', 'reject 50', 'reject 40', 'reject 30', 'pass']
  ],
  ['a burst passes at once', limit(10, 2), [0, 0, 0, 0], ['pass', 'pass', 'pass', 'reject 100']],
  [
    'the burst comes back at the rate',
    limit(10, 2),
    [0, 0, 0, 100, 100, 300, 300],
    ['pass', 'pass', 'pass', 'pass', 'reject 100', 'pass', 'pass']
  ],
  [
    'with delay 0 a burst is spread over time',
    limit(10, 2, 0),
    [0, 0, 0, 0],
    ['pass', 'delay 100', 'delay 200', 'reject 100']
  ],
  [
    'delay N lets N through and spreads the rest',
    limit(10, 3, 1),
    [0, 0, 0, 0, 0],
    ['pass', 'pass', 'delay 100', 'delay 200', 'reject 100']
  ],
  ['a rate below one a second', limit(0.5), [0, 1999, 2000], ['pass', 'reject 1', 'pass']],
  [
    'a long pause saves up no more than the burst',
    limit(10, 1),
    [0, 1e9, 1e9, 1e9],
    ['pass', 'pass', 'pass', 'reject 100']
  ],
  [
    'a clock set back changes nothing',
    limit(10),
    [1000, 0, 1000, 1100],
    ['pass', 'reject 100', 'reject 100', 'pass']
  ]
]

for (const [name, rate, times, expected] of RUNS) {
  test(name, () => assert.deepEqual(run(rate, times), expected))
}

test('steps of exactly the interval pass for ever', () => {
  for (const perSecond of [3, 7, 10, 30, 1000 / 7]) {
    const interval = 1000 / perSecond
    const times = Array.from({ length: 2000 }, (_, index) => index * interval)
    assert.ok(run(limit(perSecond), times).every((verdict) => verdict === 'pass'))
  }
})

const arbitraryRate = fc.record({
  ratePerMs: fc.integer({ min: 1, max: 5000 }).map((perSecond) => perSecond / 1000),
  burst: fc.nat(20),
  delay: fc.oneof(fc.nat(20), fc.constant(NODELAY))
})
const gaps = fc.array(fc.nat(200), { minLength: 1, maxLength: 200 })

test('in any window no more than 1 + burst + rate · time pass', () => {
  fc.assert(
    fc.property(arbitraryRate, gaps, (rate, steps) => {
      const passed: number[] = []
      let state: BucketState | undefined
      let now = 0
      for (const step of steps) {
        now += step
        const result = takeFromBucket(state, now, rate)
        state = result.state
        if (result.verdict !== 'reject') passed.push(now)
      }
      for (const [index, from] of passed.entries()) {
        for (let last = index; last < passed.length; last++) {
          const time = (passed[last] as number) - from
          assert.ok(last - index + 1 <= 1 + rate.burst + rate.ratePerMs * time + 1e-6)
        }
      }
    })
  )
})

test('delayed requests start no more than 1 + delay at once and then at the rate', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100 }), fc.nat(10), fc.nat(10), (perSecond, burst, delay) => {
      const rate = limit(perSecond, burst, delay)
      let state: BucketState | undefined
      const starts: number[] = []
      for (let index = 0; index <= burst; index++) {
        const result = takeFromBucket(state, 0, rate)
        state = result.state
        assert.notEqual(result.verdict, 'reject')
        starts.push(result.waitMs)
      }
      assert.equal(starts.filter((wait) => wait === 0).length, 1 + Math.min(burst, delay))
      for (const [index, wait] of starts.entries()) {
        if (index > delay) assert.equal(wait, Math.ceil(((index - delay) * 1000) / perSecond - 1e-6))
      }
    })
  )
})

test('a rejected request passes after the wait it was told', () => {
  fc.assert(
    fc.property(arbitraryRate, gaps, (rate, steps) => {
      let state: BucketState | undefined
      let now = 0
      for (const step of steps) {
        now += step
        const result = takeFromBucket(state, now, rate)
        state = result.state
        if (result.verdict !== 'reject') continue
        assert.ok(result.waitMs > 0)
        assert.notEqual(takeFromBucket(state, now + result.waitMs, rate).verdict, 'reject')
      }
    })
  )
})
