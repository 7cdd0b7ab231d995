import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultOf } from '../../../src/proxy/diagnosis'
import { EDGE_FAULTS } from '../../../src/proxy/faults/edge'

test('a full pool is the group’s matter, a full route the route’s own', () => {
  const option = (server?: string) => faultOf({ code: 'SLUICE_CONCURRENCY', server })?.option
  assert.equal(option('http://a'), 'group.maxConnections')
  assert.equal(option(), 'concurrency')
})

test('none of them blames a server', () => {
  for (const { option, name } of EDGE_FAULTS) assert.notEqual(option, 'server', name)
})
