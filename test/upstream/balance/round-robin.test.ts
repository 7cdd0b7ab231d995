import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { roundRobin } from '../../../src/upstream/balance/round-robin'
import { change, rise } from '../../../src/upstream/server'
import { choices, server, turn } from '../fixtures'

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

function sequence(weights: number[], length: number): string {
  const servers = weights.map((weight, index) => server(names[index] ?? 'x', { weight }))
  return choices(roundRobin(servers), length).join('')
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
  assert.equal(roundRobin([])(turn()), undefined)
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
  choices(roundRobin(servers), 12)
  assert.equal(a.effectiveWeight, 10)
})

test('servers that are out are left out, and the others keep their shares', () => {
  const servers = [server('a', { weight: 2 }), server('b', { weight: 9 }), server('c')]
  const [, b] = servers
  assert.ok(b)
  change(b, { down: true })
  assert.equal(choices(roundRobin(servers), 6).join(''), 'acaaca')
})

test('a slow start: the share grows with the time, from nothing to the whole weight', () => {
  const servers = [server('a'), server('b', { slowStart: '100s' })]
  const balance = roundRobin(servers)
  const [, b] = servers
  assert.ok(b)
  rise(b, 0)
  const shareAt = (now: number) => choices(balance, 300, { now }).filter((name) => name === 'b').length
  assert.equal(shareAt(0), 0)
  assert.equal(shareAt(50_000), 100)
  assert.equal(shareAt(100_000), 150)
})

test('alone, a server in its slow start gets everything', () => {
  const only = server('a', { slowStart: '100s' })
  rise(only, 0)
  assert.equal(choices(roundRobin([only]), 3, { now: 0 }).join(''), 'aaa')
})
