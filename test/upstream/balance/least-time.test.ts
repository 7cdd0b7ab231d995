import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leastTime } from '../../../src/upstream/balance/least-time'
import { change, noteLatency } from '../../../src/upstream/server'
import { choices, server, turn } from '../fixtures'

function pair(a: number | undefined, b: number | undefined) {
  const list = [server('a'), server('b')] as const
  if (a !== undefined) noteLatency(list[0], a, 0)
  if (b !== undefined) noteLatency(list[1], b, 0)
  return list
}

test('the quicker server is chosen, until it has so much under way that the slower is sooner', () => {
  const [a, b] = pair(30, 95)
  const choose = leastTime([a, b])
  const order: string[] = []
  for (let n = 0; n < 5; n++) {
    const chosen = choose(turn({ now: 0 }))
    assert.ok(chosen)
    chosen.active++
    order.push(chosen === a ? 'a' : 'b')
  }
  // a: 2, 4, 6 against 5 of b; then 6, 8 against 10.
  assert.equal(order.join(''), 'aabaa')
})

test('a difference below 20 ms is none: they take turns', () => {
  assert.equal(choices(leastTime(pair(21, 39)), 4, { now: 0 }).join(''), 'abab')
})

test('a server that was never used is tried', () => {
  assert.equal(choices(leastTime(pair(50, undefined)), 2, { now: 0 }).join(''), 'bb')
})

test('weight makes up for time', () => {
  const a = server('a', { weight: 5 })
  const b = server('b')
  noteLatency(a, 70, 0)
  noteLatency(b, 10, 0)
  assert.equal(leastTime([a, b])(turn({ now: 0 })), a)
})

test('what was slow is asked again after a while, for the memory of it fades', () => {
  const [a, b] = pair(10, 600)
  const choose = leastTime([a, b])
  a.active = 3
  assert.equal(choose(turn({ now: 5000 })), a)
  noteLatency(a, 10, 60_000)
  assert.equal(choose(turn({ now: 60_000 })), b)
})

test('beyond 5 s slow is slow', () => {
  const [a, b] = pair(6000, 60_000)
  assert.equal(choices(leastTime([a, b]), 4, { now: 0 }).join(''), 'abab')
})

test('who is out is not chosen', () => {
  const [a, b] = pair(10, 900)
  change(a, { down: true })
  assert.equal(leastTime([a, b])(turn({ now: 0 })), b)
  assert.equal(leastTime([])(turn()), undefined)
})
