import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { leastConn } from '../../../src/upstream/balance/least-conn'
import { server } from '../fixtures'

test('the server with the fewest exchanges for its weight is chosen', () => {
  const a = { ...server('a', { weight: 1 }), active: 2 }
  const b = { ...server('b', { weight: 4 }), active: 5 }
  assert.equal(leastConn([a, b]), b)
  b.active = 9
  assert.equal(leastConn([a, b]), a)
})

test('ties go round by weight', () => {
  const servers = [server('a', { weight: 2 }), server('b', { weight: 1 })]
  const chosen = Array.from({ length: 6 }, () => leastConn(servers)?.url.at(-1)).join('')
  assert.equal(chosen, 'abaaba')
})

test('no server gives no choice', () => {
  assert.equal(leastConn([]), undefined)
})

test('no server of the set has a lower load than the chosen one', () => {
  const one = fc.record({ weight: fc.integer({ min: 1, max: 9 }), active: fc.nat(50) })
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 10 }), (list) => {
      const servers = list.map(({ weight, active }, index) => ({
        ...server(`s${index}`, { weight }),
        active
      }))
      const chosen = leastConn(servers)
      assert.ok(chosen)
      for (const other of servers) {
        assert.ok(chosen.active * other.weight <= other.active * chosen.weight)
      }
    })
  )
})

test('with nothing ending, the exchanges spread out by weight', () => {
  const servers = [server('a', { weight: 3 }), server('b', { weight: 1 })]
  for (let taken = 0; taken < 400; taken++) {
    const chosen = leastConn(servers)
    assert.ok(chosen)
    chosen.active++
  }
  assert.deepEqual(
    servers.map(({ active }) => active),
    [300, 100]
  )
})
