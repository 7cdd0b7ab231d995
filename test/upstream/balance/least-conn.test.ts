import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { leastConn } from '../../../src/upstream/balance/least-conn'
import { rise } from '../../../src/upstream/server'
import { choices, server, turn } from '../fixtures'

test('the server with the fewest exchanges for its weight is chosen', () => {
  const a = { ...server('a', { weight: 1 }), active: 2 }
  const b = { ...server('b', { weight: 4 }), active: 5 }
  assert.equal(leastConn([a, b])(turn()), b)
  b.active = 9
  assert.equal(leastConn([a, b])(turn()), a)
})

test('ties go round by weight', () => {
  const servers = [server('a', { weight: 2 }), server('b', { weight: 1 })]
  assert.equal(choices(leastConn(servers), 6).join(''), 'abaaba')
})

test('no server gives no choice', () => {
  assert.equal(leastConn([])(turn()), undefined)
})

test('no server of the set has a lower load than the chosen one', () => {
  const one = fc.record({ weight: fc.integer({ min: 1, max: 9 }), active: fc.nat(50) })
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 10 }), (list) => {
      const servers = list.map(({ weight, active }, index) => ({
        ...server(`s${index}`, { weight }),
        active
      }))
      const chosen = leastConn(servers)(turn())
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
    const chosen = leastConn(servers)(turn())
    assert.ok(chosen)
    chosen.active++
  }
  assert.deepEqual(
    servers.map(({ active }) => active),
    [300, 100]
  )
})

test('a server in its slow start gets its growing share, though it is idle', () => {
  const a = { ...server('a'), active: 9 }
  const b = server('b', { slowStart: '100s' })
  const balance = leastConn([a, b])
  rise(b, 0)
  const at = (now: number) => balance(turn({ now }))
  assert.equal(at(0), a)
  assert.equal(at(9_000), a)
  assert.equal(at(11_000), b)
  b.active = 4
  assert.equal(at(49_000), a)
  assert.equal(at(51_000), b)
})
