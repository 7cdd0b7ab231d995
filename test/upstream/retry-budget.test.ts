import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type RetryBudget, RetryLedger } from '../../src/upstream/retry-budget'

/** Of requests that all fail, how many are sent once more. */
function repeats(count: number, budget: RetryBudget, everyMs: number): number {
  const ledger = new RetryLedger()
  let sum = 0
  for (let n = 0; n < count; n++) {
    ledger.request(n * everyMs)
    if (!ledger.allows(budget, n * everyMs)) continue
    ledger.repeat(n * everyMs)
    sum++
  }
  return sum
}

test('an upstream that fails altogether gets its share on top, not twice the load', () => {
  const sum = repeats(10_000, { percent: 20, min: 0 }, 1)
  assert.ok(sum > 1900 && sum <= 2000, `${sum}`)
})

test('the minimum is there however few requests there are', () => {
  assert.equal(repeats(100, { percent: 0, min: 3 }, 1), 30)
  assert.equal(repeats(20, { percent: 20, min: 3 }, 500), 20)
})

test('nothing is nothing', () => {
  assert.equal(repeats(100, { percent: 0, min: 0 }, 1), 0)
})

test('what was used comes back as time passes', () => {
  const ledger = new RetryLedger()
  for (let n = 0; n < 10; n++) ledger.repeat(0)
  assert.equal(ledger.allows({ percent: 0, min: 1 }, 5000), false)
  assert.equal(ledger.allows({ percent: 0, min: 1 }, 10_000), true)
})
