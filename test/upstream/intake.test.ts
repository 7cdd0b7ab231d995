import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveBreaker } from '../../src/upstream/breaker-options'
import { Intake } from '../../src/upstream/intake'

test('without a breaker everybody goes in, whatever has failed', () => {
  const it = new Intake(undefined, { now: () => 0 })
  for (let n = 0; n < 100; n++) it.report('failed', 0)
  assert.equal(it.admit(), 0)
  assert.equal(it.breaker, undefined)
})

test('the breaker is told of requests, and opening is told once', () => {
  let now = 0
  let told = 0
  const rules = resolveBreaker({ minRequests: 2, open: '5s' }, 'b')
  const it = new Intake(rules, { now: () => now, onOpen: () => told++ })
  it.report(undefined, 0)
  it.report('failed', 0)
  assert.equal(it.breaker, 'closed')
  for (let n = 0; n < 5; n++) it.report('failed', 0)
  assert.deepEqual([it.breaker, it.admit(), told], ['open', 5000, 1])
  now = 5000
  assert.equal(it.admit(), 0)
  now = 5001
  it.report('failed', 1)
  assert.deepEqual([it.breaker, told], ['open', 2])
})

test('requests that were turned away do not widen the budget', () => {
  let now = 0
  const rules = resolveBreaker({ minRequests: 1, open: '5s' }, 'b')
  const it = new Intake(rules, { now: () => now })
  it.report('failed', 0)
  for (now = 1; now < 100; now++) assert.ok(it.admit() > 0)
  assert.equal(it.mayRepeat({ percent: 100, min: 0 }), false)
})

test('repeats of all routes count together', () => {
  const it = new Intake(undefined, { now: () => 0 })
  for (let n = 0; n < 10; n++) it.admit()
  it.repeated()
  assert.equal(it.mayRepeat({ percent: 20, min: 0 }), true)
  it.repeated()
  assert.equal(it.mayRepeat({ percent: 20, min: 0 }), false)
})
