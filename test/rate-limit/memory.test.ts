import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BucketRate } from '../../src/rate-limit/bucket'
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
