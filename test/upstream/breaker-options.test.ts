import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveBreaker } from '../../src/upstream/breaker-options'

test('without the option there is no breaker', () => {
  assert.equal(resolveBreaker(undefined, 'b'), undefined)
})

test('an empty object is all defaults', () => {
  const expected = { errors: 0.5, windowMs: 10_000, minRequests: 20, openMs: 10_000, rampMs: 10_000 }
  assert.deepEqual(resolveBreaker({}, 'b'), expected)
})

test('a window of nothing and a bare number are refused', () => {
  assert.throws(() => resolveBreaker({ window: '0s' }, 'b'), { message: /^b\.window: must be longer than 0/ })
  assert.throws(() => resolveBreaker({ open: '5' as '5s' }, 'b'), { message: /^b\.open: "5" is not/ })
})
