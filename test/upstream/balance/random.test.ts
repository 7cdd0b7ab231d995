import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { random } from '../../../src/upstream/balance/random'
import { chance, choices, nameOf, server, servers, tally, turn } from '../fixtures'

/** Draws in the order given. */
function draws(...values: number[]): () => number {
  return () => values.shift() ?? 0
}

test('of two by chance the less busy one is chosen, and the first when they are even', () => {
  const list = servers(4)
  const [s0, s1] = list
  assert.ok(s0 && s1)
  const choose = random(list)
  const of = (...values: number[]) => choose(turn({ random: draws(...values) }))
  assert.equal(of(0, 0.25), s0)
  assert.equal(of(0.25, 0), s1)
  s0.active = 1
  assert.equal(of(0, 0.25), s1)
})

test('load counts for the weight', () => {
  const a = { ...server('a', { weight: 4 }), active: 3 }
  const b = { ...server('b'), active: 1 }
  assert.equal(random([a, b])(turn({ random: draws(0.9, 0) })), a)
})

test('one drawn twice is not two', () => {
  const list = servers(2)
  const [s0, s1] = list
  assert.ok(s0 && s1)
  s0.active = 9
  assert.equal(random(list)(turn({ random: draws(0, 0, 0.1, 0.9) })), s1)
})

test('among idle servers each gets its share by weight', () => {
  const weights = [1, 2, 5]
  const list = servers(3, (index) => ({ weight: weights[index] ?? 1 }))
  const counts = tally(choices(random(list), 40_000, { random: chance(1) }))
  // While nobody is busy the first draw is the answer.
  for (const [index, weight] of weights.entries()) {
    const share = (counts[`s${index}`] ?? 0) / 40_000
    assert.ok(Math.abs(share - weight / 8) < 0.02, `s${index}: ${share}`)
  }
})

test('with exchanges that never end the busiest has little more than the idlest', () => {
  const list = servers(20)
  const choose = random(list)
  const draw = chance(2)
  for (let n = 0; n < 2000; n++) {
    const chosen = choose(turn({ random: draw }))
    assert.ok(chosen)
    chosen.active++
  }
  const loads = list.map(({ active }) => active)
  assert.ok(Math.max(...loads) - Math.min(...loads) <= 8, loads.join(' '))
})

test('who is out or was tried is never chosen, and somebody is while one is left', () => {
  const states = fc.array(fc.constantFrom('up', 'down', 'tried'), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(states, fc.integer(), (list, seed) => {
      const all = servers(list.length, (index) => ({ down: list[index] === 'down' }))
      const tried = new Set(all.filter((_, index) => list[index] === 'tried'))
      const chosen = random(all)(turn({ tried, random: chance(seed) }))
      if (!list.includes('up')) assert.equal(chosen, undefined)
      else assert.equal(list[Number(nameOf(chosen?.url ?? '').slice(1))], 'up')
    })
  )
})

test('every server is chosen in the end', () => {
  const list = servers(50)
  assert.equal(Object.keys(tally(choices(random(list), 2000, { random: chance(3) }))).length, 50)
})

test('no server gives no choice', () => {
  assert.equal(random([])(turn()), undefined)
})
