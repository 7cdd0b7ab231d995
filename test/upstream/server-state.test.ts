import assert from 'node:assert/strict'
import { test } from 'node:test'
import { release, take } from '../../src/upstream/server'
import { stateOf } from '../../src/upstream/server-state'
import { server } from './fixtures'

test('the public state names what keeps a server from being used', () => {
  const a = server('a', { maxFails: 1, weight: 2 })
  assert.deepEqual(stateOf(a, 0), {
    url: 'http://a',
    addresses: [],
    weight: 2,
    state: 'up',
    backup: false,
    active: 0,
    fails: 0,
    latencyMs: undefined,
    lastError: undefined,
    lastErrorAgoMs: undefined,
    lastCheck: undefined
  })
  take(a, 0)
  release(a, 'failed', 0)
  assert.equal(stateOf(a, 1).state, 'failed')
  assert.equal(stateOf({ ...a, draining: true }, 1).state, 'drain')
  assert.equal(stateOf(server('b', { down: true }), 0).state, 'down')
})

test('a server remembers its last failure and how long ago it was', () => {
  const a = server('a')
  take(a, 100)
  release(a, 'failed', 100, 'ECONNREFUSED (connect)')
  take(a, 200)
  release(a, 'ok', 200)
  const { lastError, lastErrorAgoMs } = stateOf(a, 1100)
  assert.deepEqual([lastError, lastErrorAgoMs], ['ECONNREFUSED (connect)', 1000])
})
