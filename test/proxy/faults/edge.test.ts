import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultOf } from '../../../src/proxy/diagnosis'
import { EDGE_FAULTS } from '../../../src/proxy/faults/edge'

test('a full pool is the group’s matter, a full route the route’s own', () => {
  const option = (server?: string) => faultOf({ code: 'SLUICE_CONCURRENCY', server })?.option
  assert.equal(option('http://a'), 'group.maxConnections')
  assert.equal(option(), 'concurrency')
})

for (const [detail, name] of [
  ['the spool file cannot be read', 'file of an answer cannot be read'],
  ['the cache file is gone', 'file of an answer cannot be read'],
  ['headers: a function returned "a\\n", which is no field value', 'the app says what cannot be done'],
  [undefined, 'a hook or function failed']
] as const) {
  test(`${detail ?? 'an exception'} is: ${name}`, () => {
    assert.equal(faultOf({ code: 'SLUICE_INTERNAL', detail })?.name, name)
  })
}

test('none of them blames a server', () => {
  for (const { option, name } of EDGE_FAULTS) assert.notEqual(option, 'server', name)
})
