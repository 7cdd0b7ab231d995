import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveRetry } from '../../src/proxy/retry-options'

test('without the option: errors, two tries, a budget, no server twice', () => {
  assert.deepEqual(resolveRetry(undefined, 'retry'), {
    on: new Set(['error']),
    max: 2,
    timeoutMs: 0,
    budget: { percent: 20, min: 3 },
    backoff: null
  })
})

test('false is one try', () => {
  const { on, max } = resolveRetry(false, 'retry')
  assert.deepEqual([on.size, max], [0, 1])
})

test('budget and backoff: each part has a default of its own, false switches off', () => {
  const { budget, backoff } = resolveRetry({ budget: { min: 10 }, backoff: {} }, 'retry')
  assert.deepEqual(
    [budget, backoff],
    [
      { percent: 20, min: 10 },
      { baseMs: 25, maxMs: 250 }
    ]
  )
  const off = resolveRetry({ budget: false, backoff: false }, 'retry')
  assert.deepEqual([off.budget, off.backoff], [null, null])
})

test('a base beyond max is refused', () => {
  assert.throws(() => resolveRetry({ backoff: { base: '1s' } }, 'retry'), {
    message: /^retry\.backoff\.base: 1s is longer than max, 250ms/
  })
})
