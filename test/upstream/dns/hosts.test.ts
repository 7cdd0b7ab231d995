import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLocalName, namesOfHosts } from '../../../src/upstream/dns/hosts'

const FILE = '127.0.0.1 localhost\n10.0.0.5\tApp  app.internal # other\n# 10.0.0.6 gone\n\n::1 ip6\r\n'

const NAMES: [string, boolean][] = [
  ['localhost', true],
  ['LOCALHOST.', true],
  ['api.localhost', true],
  ['app', true],
  ['APP.internal', true],
  ['other', false],
  ['gone', false],
  ['internal', false],
  ['10.0.0.5', false],
  ['ip6', true]
]

for (const [name, expected] of NAMES) {
  test(`${name}: ${expected ? 'the platform' : 'DNS'} is asked`, () => {
    assert.equal(isLocalName(name, namesOfHosts(FILE)), expected)
  })
}

test('without a hosts file only localhost is local', () => {
  assert.equal(isLocalName('app', namesOfHosts('')), false)
  assert.equal(isLocalName('localhost', namesOfHosts('')), true)
})
