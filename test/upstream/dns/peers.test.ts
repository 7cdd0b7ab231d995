import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { dialOrder, peersOf } from '../../../src/upstream/dns/peers'

const PEERS: [string, string[], string[][]][] = [
  ['no address', [], []],
  ['one family: each is a peer', ['10.0.0.1', '10.0.0.2'], [['10.0.0.1'], ['10.0.0.2']]],
  ['one machine with both families is one peer', ['10.0.0.1', 'fd00::1'], [['fd00::1', '10.0.0.1']]],
  [
    'as many of both: pairs',
    ['10.0.0.1', '10.0.0.2', 'fd00::1', 'fd00::2'],
    [
      ['fd00::1', '10.0.0.1'],
      ['fd00::2', '10.0.0.2']
    ]
  ],
  [
    'more IPv4: the others stand alone',
    ['10.0.0.1', '10.0.0.2', 'fd00::1'],
    [['fd00::1', '10.0.0.1'], ['10.0.0.2']]
  ],
  [
    'more IPv6: they share the way back',
    ['10.0.0.1', 'fd00::1', 'fd00::2'],
    [
      ['fd00::1', '10.0.0.1'],
      ['fd00::2', '10.0.0.1']
    ]
  ]
]

for (const [name, addresses, expected] of PEERS) {
  test(name, () => assert.deepEqual(peersOf(addresses), expected))
}

const ORDER: [string, string[], string | undefined, string[]][] = [
  ['one address', ['10.0.0.1'], 'fd00::1', ['10.0.0.1']],
  [
    'the families take turns',
    ['::1', '::2', '10.0.0.1', '10.0.0.2'],
    undefined,
    ['::1', '10.0.0.1', '::2', '10.0.0.2']
  ],
  ['what worked comes first', ['::1', '10.0.0.1', '10.0.0.2'], '10.0.0.2', ['10.0.0.2', '::1', '10.0.0.1']],
  ['what worked and is gone does not', ['::1', '10.0.0.1'], '10.0.0.2', ['::1', '10.0.0.1']]
]

for (const [name, addresses, preferred, expected] of ORDER) {
  test(`order: ${name}`, () => assert.deepEqual(dialOrder(addresses, preferred), expected))
}

test('no address is lost, neither to the peers nor to the order', () => {
  const address = fc.oneof(fc.ipV4(), fc.ipV6())
  fc.assert(
    fc.property(fc.uniqueArray(address), fc.option(address, { nil: undefined }), (list, preferred) => {
      assert.deepEqual([...dialOrder(list, preferred)].sort(), [...list].sort())
      assert.deepEqual([...new Set(peersOf(list).flat())].sort(), [...list].sort())
      const own = peersOf(list).map(([first]) => first)
      assert.equal(new Set(own).size, own.length)
    })
  )
})
