import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AccessRule, compileAccess } from '../../src/guard/access'
import { clientAddress } from '../../src/http/address'

const OFFICE: AccessRule[] = [
  { deny: '192.168.1.1' },
  { allow: '192.168.1.0/24' },
  { allow: '10.1.0.0/16' },
  { allow: '2001:db8::/32' },
  { deny: 'all' }
]

const DECISIONS: [name: string, rules: AccessRule[], address: string, expected: 'allow' | 'deny'][] = [
  ['an address denied before its block is allowed', OFFICE, '192.168.1.1', 'deny'],
  ['the rest of the block', OFFICE, '192.168.1.2', 'allow'],
  ['the first address of a block', OFFICE, '10.1.0.0', 'allow'],
  ['the last address of a block', OFFICE, '10.1.255.255', 'allow'],
  ['the address after a block', OFFICE, '10.2.0.0', 'deny'],
  ['an IPv6 block', OFFICE, '2001:db8::1', 'allow'],
  ['another IPv6 address', OFFICE, '2001:db9::1', 'deny'],
  ['an IPv4-mapped client as IPv4', OFFICE, '::ffff:192.168.1.2', 'allow'],
  ['an IPv4-mapped rule as IPv4', [{ deny: '::ffff:10.0.0.0/104' }], '10.9.9.9', 'deny'],
  ['a unix-socket peer by "all" alone', OFFICE, 'unix:', 'deny'],
  ['a unix-socket peer without "all"', [{ deny: '0.0.0.0/0' }, { deny: '::/0' }], 'unix:', 'allow'],
  ['a unix-socket peer that "all" allows', [{ allow: 'all' }], 'unix:', 'allow'],
  ['an address that no rule matches', [{ deny: '10.0.0.0/8' }], '192.0.2.1', 'allow'],
  ['an address with only allow rules, as nginx', [{ allow: '10.0.0.0/8' }], '192.0.2.1', 'allow'],
  ['"deny all" alone', [{ deny: 'all' }], '192.0.2.1', 'deny'],
  ['no rules', [], '192.0.2.1', 'allow']
]

for (const [name, rules, address, expected] of DECISIONS) {
  test(`access decides about ${name}`, () => assert.equal(compileAccess(rules, 'access')(address), expected))
}

test('a spoofed text in place of an address is judged by the peer', () => {
  const access = compileAccess([{ allow: '10.0.0.0/8' }, { deny: 'all' }], 'access')
  assert.equal(access(clientAddress('10.0.0.1, 1.1.1.1', '192.0.2.1')), 'deny')
})

const REFUSED: [name: string, rules: AccessRule[], message: RegExp][] = [
  ['text', [{ allow: 'localhost' }], /^routes\[2\]\.access\[0\]\.allow: "localhost" is no IP address/],
  ['a prefix that is too long', [{ deny: '10.0.0.0/33' }], /access\[0\]\.deny: "10\.0\.0\.0\/33" is no IP/],
  ['"unix:"', [{ allow: 'unix:' }], /match only "all"/],
  ['bits below the prefix', [{ allow: '10.1.2.3/8' }], /write "10\.0\.0\.0\/8"/],
  [
    'a rule after "all"',
    [{ deny: 'all' }, { allow: '10.0.0.1' }],
    /^routes\[2\]\.access\[1\]: is never reached/
  ]
]

for (const [name, rules, message] of REFUSED) {
  test(`access refuses ${name} and names the option`, () => {
    assert.throws(() => compileAccess(rules, 'routes[2].access'), { code: 'SLUICE_OPTIONS', message })
  })
}
