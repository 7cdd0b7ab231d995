import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freezeCopy, mergeOptions } from '../../src/setup/merge'

test('plain objects merge by key, the route wins', () => {
  const merged = mergeOptions({ timeouts: { connect: '5s', read: '60s' } }, { timeouts: { read: '1h' } })
  assert.deepEqual(merged, { timeouts: { connect: '5s', read: '1h' } })
})

test('arrays, strings and functions replace', () => {
  const key = (): string => 'x'
  assert.deepEqual(
    mergeOptions({ hosts: ['a'], upstream: 'a', key: 1 }, { hosts: ['b'], upstream: 'b', key }),
    { hosts: ['b'], upstream: 'b', key }
  )
})

test('false switches off and true replaces an object', () => {
  assert.deepEqual(
    mergeOptions(
      { cache: { zone: 'a' }, websocket: { idleTimeout: '1h' } },
      { cache: false, websocket: true }
    ),
    {
      cache: false,
      websocket: true
    }
  )
})

test('null removes an inherited option, undefined leaves it', () => {
  assert.deepEqual(mergeOptions({ cache: 'a', upstream: 'b' }, { cache: null, upstream: undefined }), {
    upstream: 'b'
  })
})

test('null within an object stays: it removes a field from a message', () => {
  assert.deepEqual(
    mergeOptions({ headers: { request: { a: '1' } } }, { headers: { request: { a: null } } }),
    {
      headers: { request: { a: null } }
    }
  )
})

test('hooks run the default first, then the route', () => {
  const one = (): void => {}
  const two = (): void => {}
  assert.deepEqual(mergeOptions({ preHandler: one }, { preHandler: [two] }).preHandler, [one, two])
})

test('the inputs stay as they are and an instance goes by reference', () => {
  class Client {}
  const redis = new Client()
  const defaults = { a: { b: 1 } }
  const frozen = freezeCopy({ redis, list: [{ x: 1 }] })
  mergeOptions(defaults, { a: { b: 2 } })
  assert.deepEqual(defaults, { a: { b: 1 } })
  assert.equal(frozen.redis, redis)
  assert.equal(Object.isFrozen(redis), false)
  assert.equal(Object.isFrozen(frozen.list[0]), true)
})
