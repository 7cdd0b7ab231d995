import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Budget } from '../../src/spool/budget'

test('it lends up to its size and no further', () => {
  const budget = new Budget(100)
  assert.equal(budget.take(60), true)
  assert.equal(budget.take(41), false)
  assert.equal(budget.take(40), true)
  assert.equal(budget.bytes, 100)
  budget.give(100)
  assert.equal(budget.bytes, 0)
})

test('who waits is served in the order in which they came, and before whoever comes later', () => {
  const budget = new Budget(100)
  const served: string[] = []
  budget.take(100)
  budget.wait(50, () => served.push('first'))
  budget.wait(10, () => served.push('second'))
  budget.give(20)
  // There would be enough for the second, and for a newcomer.
  assert.deepEqual(served, [])
  assert.equal(budget.take(5), false)
  budget.give(30)
  assert.deepEqual(served, ['first'])
  budget.give(10)
  assert.deepEqual([served, budget.bytes], [['first', 'second'], 100])
})

test('who leaves the line makes way for those behind, and is not served', () => {
  const budget = new Budget(100)
  const served: string[] = []
  budget.take(90)
  const leave = budget.wait(50, () => served.push('first'))
  budget.wait(10, () => served.push('second'))
  leave()
  leave()
  assert.deepEqual([served, budget.bytes], [['second'], 100])
  budget.give(100)
  assert.deepEqual([served, budget.bytes], [['second'], 0])
})

test('who is served may wait again, and comes last', () => {
  const budget = new Budget(10)
  const served: string[] = []
  const again = (name: string) => (): void => {
    served.push(name)
    if (served.length < 5) budget.wait(10, again(name))
  }
  budget.take(10)
  budget.wait(10, again('a'))
  budget.wait(10, again('b'))
  for (let n = 0; n < 5; n++) budget.give(10)
  assert.deepEqual(served, ['a', 'b', 'a', 'b', 'a'])
})

test('whatever is taken, given, awaited and left, the account is right and never above its size', () => {
  const step = fc.record({
    act: fc.constantFrom('take', 'give', 'wait', 'leave'),
    bytes: fc.integer({ min: 1, max: 60 })
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const budget = new Budget(100)
      const held: number[] = []
      const leaves: (() => void)[] = []
      for (const { act, bytes } of steps) {
        if (act === 'take' && budget.take(bytes)) held.push(bytes)
        if (act === 'give') budget.give(held.pop() ?? 0)
        if (act === 'wait') leaves.push(budget.wait(bytes, () => held.push(bytes)))
        if (act === 'leave') leaves.shift()?.()
        assert.equal(
          budget.bytes,
          held.reduce((sum, each) => sum + each, 0)
        )
        assert.ok(budget.bytes <= 100)
      }
      for (const leave of leaves) leave()
      for (const bytes of held.splice(0)) budget.give(bytes)
      assert.equal(budget.bytes, 0)
    })
  )
})
