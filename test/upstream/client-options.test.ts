import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveClient } from '../../src/upstream/client-options'

test('undici by default, and the limits of our own connections', () => {
  const expected = { client: 'undici', keepaliveRequests: 1000, keepaliveTimeMs: 3_600_000 }
  assert.deepEqual(resolveClient({}, 'http1', 'upstreams.app'), expected)
  assert.deepEqual(resolveClient({}, 'h2', 'upstreams.app'), expected)
})

test('what is given is taken over', () => {
  const given = { client: 'http1', keepaliveRequests: 5, keepaliveTime: '10m' } as const
  const expected = { client: 'http1', keepaliveRequests: 5, keepaliveTimeMs: 600_000 }
  assert.deepEqual(resolveClient(given, 'http1', 'upstreams.app'), expected)
})

test('what would mean nothing is an error', () => {
  assert.throws(
    () => resolveClient({ client: 'http1' }, 'h2', 'upstreams.app'),
    /upstreams\.app\.client: is about HTTP\/1\.1/
  )
  assert.throws(
    () => resolveClient({ keepaliveRequests: 5 }, 'http1', 'upstreams.app'),
    /upstreams\.app\.keepaliveRequests: needs client: 'http1'/
  )
  assert.throws(
    () => resolveClient({ client: 'undici', keepaliveTime: '1s' }, 'http1', 'upstreams.app'),
    /upstreams\.app\.keepaliveTime: needs client: 'http1'/
  )
})
