import assert from 'node:assert/strict'
import { isIP, SocketAddress } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  clientAddress,
  formatAddress,
  isPrivate,
  limitKey,
  normaliseAddress,
  parseAddress,
  parseCidr
} from '../../src/http/address'

const NORMALISED: [name: string, input: string | undefined, expected: string | undefined][] = [
  ['an IPv4 address as it is', '192.0.2.1', '192.0.2.1'],
  ['IPv4 with a port', '192.0.2.1:443', '192.0.2.1'],
  ['IPv4 with the highest port', '192.0.2.1:65535', '192.0.2.1'],
  ['no port above 65535', '192.0.2.1:65536', undefined],
  ['no empty port', '192.0.2.1:', undefined],
  ['no port of letters', '192.0.2.1:http', undefined],
  ['IPv4-mapped, dotted', '::ffff:192.0.2.1', '192.0.2.1'],
  ['IPv4-mapped, hexadecimal', '::FFFF:c000:201', '192.0.2.1'],
  ['IPv4-mapped, written out', '0:0:0:0:0:ffff:c000:0201', '192.0.2.1'],
  ['IPv4-mapped with brackets and port', '[::ffff:192.0.2.1]:80', '192.0.2.1'],
  ['IPv6 in one spelling', '2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['the longest run of zeros', '2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['no gap for a single zero', '2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['IPv6 in brackets', '[2001:db8::1]', '2001:db8::1'],
  ['IPv6 in brackets with a port', '[::1]:4', '::1'],
  ['a zone id', 'fe80::1%eth0', 'fe80::1'],
  ['a zone id in brackets', '[fe80::1%eth0]:80', 'fe80::1'],
  ['the unspecified address', '::', '::'],
  ['IPv6 with an IPv4 tail that is not mapped', '64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ['no IPv4 in brackets', '[192.0.2.1]', undefined],
  ['no unclosed bracket', '[::1', undefined],
  ['no text after the bracket', '[::1]x', undefined],
  ['no leading zeros', '192.0.2.01', undefined],
  ['no short IPv4', '127.1', undefined],
  ['no hexadecimal IPv4', '0x7f.0.0.1', undefined],
  ['no number', '2130706433', undefined],
  ['no host name', 'localhost', undefined],
  ['no list', '192.0.2.1, 192.0.2.2', undefined],
  ['no space', ' 192.0.2.1', undefined],
  ['no empty text', '', undefined],
  ['no unix peer', 'unix:', undefined],
  ['nothing', undefined, undefined]
]

for (const [name, input, expected] of NORMALISED) {
  test(`normaliseAddress takes ${name}`, () => assert.equal(normaliseAddress(input), expected))
}

test('the client address is the one that trustProxy found', () => {
  assert.equal(clientAddress('2001:db8::7', '192.0.2.1'), '2001:db8::7')
})

test('a client address that is no address gives way to the peer', () => {
  assert.equal(clientAddress('unknown', '::ffff:192.0.2.1'), '192.0.2.1')
})

test('the client address is normalised also when it is the peer', () => {
  assert.equal(clientAddress('::ffff:192.0.2.1', '::ffff:192.0.2.1'), '192.0.2.1')
  assert.equal(clientAddress('fe80::1%eth0', 'fe80::1%eth0'), 'fe80::1')
  assert.equal(clientAddress('2001:db8::7', '2001:db8::7'), '2001:db8::7')
})

test('a peer without an address is unix:', () => {
  assert.equal(clientAddress(undefined, undefined), 'unix:')
  assert.equal(clientAddress('', ''), 'unix:')
})

const KEYS: [name: string, input: string, expected: string][] = [
  ['IPv4 alone', '192.0.2.1', '192.0.2.1'],
  ['IPv6 by its /64', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['IPv6 with a short prefix', '::1', '::/64'],
  ['all unix peers together', 'unix:', 'unix:']
]

for (const [name, input, expected] of KEYS) {
  test(`limitKey counts ${name}`, () => assert.equal(limitKey(input), expected))
}

const PEERS: [peer: string | undefined, private_: boolean][] = [
  ['127.0.0.1', true],
  ['10.1.2.3', true],
  ['172.16.0.1', true],
  ['172.31.255.255', true],
  ['192.168.0.1', true],
  ['169.254.1.1', true],
  ['100.64.0.1', true],
  ['100.127.0.1', true],
  ['::1', true],
  ['::ffff:10.0.0.1', true],
  ['fd00::1', true],
  ['fe80::1', true],
  [undefined, true],
  ['172.15.0.1', false],
  ['172.32.0.1', false],
  ['100.63.0.1', false],
  ['100.128.0.1', false],
  ['11.0.0.1', false],
  ['203.0.113.1', false],
  ['2001:db8::1', false],
  ['::ffff:8.8.8.8', false]
]

for (const [peer, expected] of PEERS) {
  test(`${peer} is ${expected ? '' : 'not '}private`, () => assert.equal(isPrivate(peer), expected))
}

const CIDRS: [input: string, expected: string | undefined][] = [
  ['10.0.0.0/8', '10.0.0.0-10.255.255.255'],
  ['10.1.2.3/8', '10.0.0.0-10.255.255.255'],
  ['10.1.2.3', '10.1.2.3-10.1.2.3'],
  ['10.1.2.3/32', '10.1.2.3-10.1.2.3'],
  ['0.0.0.0/0', '0.0.0.0-255.255.255.255'],
  ['192.0.2.128/25', '192.0.2.128-192.0.2.255'],
  ['2001:db8::/33', '2001:db8::-2001:db8:7fff:ffff:ffff:ffff:ffff:ffff'],
  ['::/0', '::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'],
  ['::ffff:10.0.0.0/104', '10.0.0.0-10.255.255.255'],
  ['::ffff:0:0/96', '0.0.0.0-255.255.255.255'],
  ['::ffff:0:0/95', undefined],
  ['10.0.0.0/33', undefined],
  ['::/129', undefined],
  ['10.0.0.0/', undefined],
  ['10.0.0.0/-1', undefined],
  ['10.0.0.0/8/8', undefined],
  ['10.0.0.0/255.0.0.0', undefined],
  ['fe80::1%eth0', undefined],
  ['10.0.0', undefined],
  ['all', undefined]
]

for (const [input, expected] of CIDRS) {
  test(`parseCidr reads ${input}`, () => {
    const range = parseCidr(input)
    const text =
      range &&
      [range.first, range.last].map((groups) => formatAddress({ family: range.family, groups })).join('-')
    assert.equal(text, expected)
  })
}

test('parseAddress takes exactly what node:net takes for an address', () => {
  const nearly = fc.stringMatching(/^[0-9a-f:.%]{0,24}$/)
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), nearly), (text) => {
      assert.equal(parseAddress(text) !== undefined, isIP(text) !== 0)
    })
  )
})

test('an address reads back as itself from its canonical text', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      const address = parseAddress(text)
      assert.ok(address)
      assert.deepEqual(parseAddress(formatAddress(address)), address)
    })
  )
})

test('the canonical text of IPv6 is that of node:net', () => {
  const group = fc.oneof(fc.constant(0), fc.nat(0xffff))
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
      const text = groups.map((value) => value.toString(16)).join(':')
      const ours = normaliseAddress(text)
      // inet_ntop writes ::1.2.3.4 for the deprecated IPv4-compatible form, RFC 5952 does not.
      if (groups.slice(0, 6).every((value) => value === 0)) return
      if (groups[5] === 0xffff && groups.slice(0, 5).every((value) => value === 0)) return
      assert.equal(ours, new SocketAddress({ address: text, family: 'ipv6' }).address)
    })
  )
})

test('normaliseAddress is stable and never throws', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), (text) => {
      const once = normaliseAddress(text)
      if (once !== undefined) assert.equal(normaliseAddress(once), once)
    })
  )
})
