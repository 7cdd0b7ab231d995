import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { roundRobin } from '../../../src/upstream/balance/round-robin'
import { nameOf, server } from '../fixtures'

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

function sequence(weights: number[], length: number): string {
  const servers = weights.map((weight, index) => server(names[index] ?? 'x', { weight }))
  return Array.from({ length }, () => nameOf(roundRobin(servers)?.url ?? '')).join('')
}

const SEQUENCES: [number[], string][] = [
  [[5, 1, 1], 'aabacaa'],
  [[1, 1], 'abababab'],
  [[1, 1, 1], 'abcabc'],
  [[3, 1], 'aabaaaba'],
  [[1], 'aaa']
]

for (const [weights, expected] of SEQUENCES) {
  test(`weights ${weights} give ${expected}`, () => {
    assert.equal(sequence(weights, expected.length), expected)
  })
}

test('no server gives no choice', () => {
  assert.equal(roundRobin([]), undefined)
})

test('over one cycle each server is chosen exactly as often as its weight says', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 })
  fc.assert(
    fc.property(weights, fc.integer({ min: 1, max: 3 }), (list, cycles) => {
      const total = list.reduce((sum, weight) => sum + weight, 0)
      const chosen = sequence(list, total * cycles)
      for (const [index, weight] of list.entries()) {
        assert.equal(chosen.split(names[index] ?? '').length - 1, weight * cycles)
      }
    })
  )
})

test('a server that lost weight gets it back by being looked at', () => {
  const servers = [server('a', { weight: 10 }), server('b', { weight: 10 })]
  const [a] = servers
  assert.ok(a)
  a.effectiveWeight = 0.5
  for (let round = 0; round < 12; round++) roundRobin(servers)
  assert.equal(a.effectiveWeight, 10)
})
