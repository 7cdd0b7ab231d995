import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DiskBreaker } from '../../../src/cache/store/disk-breaker'

test('trouble turns the disk off, one try in each pause, each pause twice as long up to a minute', () => {
  const breaker = new DiskBreaker()
  assert.equal(breaker.allows(0), true)
  breaker.fail('EIO', 0)
  assert.equal(breaker.errno, 'EIO')
  let now = 0
  for (const pause of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
    assert.equal(breaker.allows(now + pause - 1), false)
    now += pause
    assert.equal(breaker.allows(now), true)
    assert.equal(breaker.allows(now), false)
    breaker.fail('EIO', now)
  }
})

test('one good try turns it on, and the next trouble starts small', () => {
  const breaker = new DiskBreaker()
  breaker.fail('EIO', 0)
  assert.equal(breaker.allows(5_000), true)
  breaker.fail('EIO', 5_000)
  assert.equal(breaker.allows(15_000), true)
  breaker.succeed()
  assert.equal(breaker.errno, undefined)
  assert.equal(breaker.allows(15_000), true)
  breaker.fail('ENOSPC', 16_000)
  assert.equal(breaker.allows(21_000), true)
})

test('what began before the trouble neither mends nor worsens it', () => {
  const breaker = new DiskBreaker()
  breaker.fail('EIO', 0)
  breaker.succeed()
  assert.equal(breaker.allows(1), false)
  breaker.fail('EIO', 4_000)
  assert.equal(breaker.allows(5_000), true)
})

test('a try that never tells is followed by another', () => {
  const breaker = new DiskBreaker()
  breaker.fail('EIO', 0)
  assert.equal(breaker.allows(5_000), true)
  assert.equal(breaker.allows(9_999), false)
  assert.equal(breaker.allows(10_000), true)
})

test('it tells when the disk goes off and when it is back, not each failure in between', () => {
  const told: (string | undefined)[] = []
  const breaker = new DiskBreaker((errno) => told.push(errno))
  breaker.fail('ENOSPC', 0)
  breaker.fail('ENOSPC', 1)
  assert.equal(breaker.allows(5_000), true)
  breaker.fail('EIO', 5_000)
  assert.equal(breaker.allows(15_000), true)
  breaker.succeed()
  breaker.succeed()
  assert.deepEqual(told, ['ENOSPC', undefined])
})
