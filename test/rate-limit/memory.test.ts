import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type BucketRate, type BucketState, takeFromBucket } from '../../src/rate-limit/bucket'
import { memoryBuckets } from '../../src/rate-limit/memory'

const RATE: BucketRate = { ratePerMs: 1 / 60_000, burst: 0, delay: 0 }

test('peeking tells the verdict and takes nothing', () => {
  const buckets = memoryBuckets(() => 0)
  const count = (mode: 'take' | 'peek') => buckets.count({ key: 'a', rate: RATE, mode }).verdict
  assert.deepEqual(
    [count('peek'), count('peek'), count('take'), count('peek'), count('take')],
    ['pass', 'pass', 'pass', 'reject', 'reject']
  )
})

test('a flood of keys forgets the least recently used key and keeps the others', () => {
  const buckets = memoryBuckets(() => 0)
  const take = (key: string) => buckets.count({ key, rate: RATE, mode: 'take' }).verdict
  take('first')
  take('kept')
  for (let index = 0; index < 65_534; index++) take(`flood ${index}`)
  assert.equal(take('kept'), 'reject')
  assert.equal(take('one more'), 'pass')
  assert.equal(take('kept'), 'reject')
  assert.equal(take('first'), 'pass')
})

test('a new key takes two buckets with it that have run empty, and none that has not', () => {
  let now = 0
  const buckets = memoryBuckets(() => now)
  const take = (key: string) => buckets.count({ key, rate: RATE, mode: 'take' }).verdict
  for (const key of ['a', 'b', 'c']) take(key)
  now = 59_999
  take('d')
  assert.equal(buckets.size, 4)
  assert.equal(take('a'), 'reject')
  now = 60_000
  take('e')
  assert.equal(buckets.size, 3)
  assert.equal(take('d'), 'reject')
  assert.equal(take('b'), 'pass')
})

const call = fc.record({
  key: fc.constantFrom('a', 'b', 'c'),
  mode: fc.constantFrom<'take' | 'peek'>('take', 'peek'),
  laterMs: fc.integer({ min: 0, max: 400 })
})

test('what is forgotten has said nothing: every verdict is that of a table that forgets nothing', () => {
  const rate: BucketRate = { ratePerMs: 0.01, burst: 2, delay: 1 }
  fc.assert(
    fc.property(fc.array(call, { maxLength: 60 }), (calls) => {
      let now = 0
      const buckets = memoryBuckets(() => now)
      const states = new Map<string, BucketState>()
      for (const { key, mode, laterMs } of calls) {
        now += laterMs
        const { verdict, waitMs, state } = takeFromBucket(states.get(key), now, rate)
        if (mode === 'take' && verdict !== 'reject') states.set(key, state)
        assert.deepEqual(buckets.count({ key, rate, mode }), { verdict, waitMs })
      }
    }),
    { numRuns: 40 }
  )
})
