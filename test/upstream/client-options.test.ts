import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveClient } from '../../src/upstream/client-options'

test('connections of our own by default, and their limits', () => {
  const expected = { client: 'http1', keepaliveRequests: 1000, keepaliveTimeMs: 3_600_000, tolerate: [] }
  assert.deepEqual(resolveClient({}, 'http1', 'upstreams.app'), expected)
  assert.deepEqual(resolveClient({}, 'h2', 'upstreams.app'), expected)
})

test('what is given is taken over', () => {
  const given = {
    client: 'http1',
    keepaliveRequests: 5,
    keepaliveTime: '10m',
    tolerate: ['bare-lf']
  } as const
  const expected = { client: 'http1', keepaliveRequests: 5, keepaliveTimeMs: 600_000, tolerate: ['bare-lf'] }
  assert.deepEqual(resolveClient(given, 'http1', 'upstreams.app'), expected)
})

test('what would mean nothing is an error', () => {
  assert.throws(
    () => resolveClient({ client: 'http1' }, 'h2', 'upstreams.app'),
    /upstreams\.app\.client: is about HTTP\/1\.1/
  )
  assert.throws(
    () => resolveClient({ client: 'undici', keepaliveRequests: 5 }, 'http1', 'upstreams.app'),
    /upstreams\.app\.keepaliveRequests: does not go with client: 'undici'/
  )
  assert.throws(
    () => resolveClient({ client: 'undici', keepaliveTime: '1s' }, 'http1', 'upstreams.app'),
    /upstreams\.app\.keepaliveTime: does not go with client: 'undici'/
  )
  assert.throws(
    () => resolveClient({ client: 'undici', tolerate: ['bare-lf'] }, 'http1', 'upstreams.app'),
    /upstreams\.app\.tolerate: does not go with client: 'undici'/
  )
  assert.throws(
    () => resolveClient({ keepaliveRequests: 5 }, 'h2c', 'upstreams.app'),
    /upstreams\.app\.keepaliveRequests: is about HTTP\/1\.1/
  )
})
