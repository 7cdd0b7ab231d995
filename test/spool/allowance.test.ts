import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Allowance } from '../../src/spool/allowance'
import { Budget } from '../../src/spool/budget'

const KIB = 1024

test('up to its floor a body asks nobody', () => {
  const budget = new Budget(0)
  const allowance = new Allowance(1024 * KIB, budget)
  assert.equal(allowance.hasRoomBeyond(64 * KIB - 1), true)
  assert.equal(allowance.hasRoomBeyond(64 * KIB), false)
})

test('beyond the floor it takes steps of the budget, up to its own limit', () => {
  const budget = new Budget(1024 * KIB)
  const allowance = new Allowance(200 * KIB, budget)
  assert.equal(allowance.hasRoomBeyond(64 * KIB), true)
  assert.equal(budget.bytes, 64 * KIB)
  assert.equal(allowance.hasRoomBeyond(199 * KIB), true)
  assert.equal(allowance.hasRoomBeyond(200 * KIB), false)
  assert.equal(budget.bytes, 136 * KIB)
})

test('what is no longer needed goes back, all of it at the end', () => {
  const budget = new Budget(1024 * KIB)
  const allowance = new Allowance(1024 * KIB, budget)
  allowance.hasRoomBeyond(500 * KIB)
  assert.equal(budget.bytes, 448 * KIB)
  allowance.shrinkTo(100 * KIB)
  assert.equal(budget.bytes, 64 * KIB)
  allowance.close()
  assert.equal(budget.bytes, 0)
})

test('a step that comes while it waits is its own; one that waits no more gets none', () => {
  const budget = new Budget(64 * KIB)
  const first = new Allowance(1024 * KIB, budget)
  const second = new Allowance(1024 * KIB, budget)
  const third = new Allowance(1024 * KIB, budget)
  let told = 0
  first.hasRoomBeyond(64 * KIB)
  for (const waiting of [second, third]) {
    assert.equal(waiting.hasRoomBeyond(64 * KIB), false)
    waiting.awaitStep(() => told++)
    waiting.awaitStep(() => told++)
  }
  second.close()
  first.close()
  assert.deepEqual([told, budget.bytes], [1, 64 * KIB])
  assert.equal(third.hasRoomBeyond(100 * KIB), true)
  third.close()
  assert.equal(budget.bytes, 0)
})

test('without a budget the limit is all there is', () => {
  const allowance = new Allowance(300 * KIB, undefined)
  assert.equal(allowance.hasRoomBeyond(300 * KIB - 1), true)
  assert.equal(allowance.hasRoomBeyond(300 * KIB), false)
  allowance.close()
})
