import assert from 'node:assert/strict'
import { BlockList } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Address, type AddressRange, parseAddress, parseCidr } from '../../src/http/address'
import { addressTable } from '../../src/http/address-table'

const range = (text: string): AddressRange => parseCidr(text) as AddressRange
const address = (text: string): Address => parseAddress(text) as Address
const table = (...rows: [cidr: string, value: string][]) =>
  addressTable(rows.map(([cidr, value]) => ({ range: range(cidr), value })))

test('an empty table holds no address', () => {
  assert.equal(table()(address('192.0.2.1')), undefined)
})

test('the first matching block wins, also over a narrower later one', () => {
  const find = table(['10.0.0.0/8', 'wide'], ['10.1.0.0/16', 'narrow'])
  assert.equal(find(address('10.1.2.3')), 'wide')
})

test('a narrower earlier block wins inside itself only', () => {
  const find = table(['10.1.0.0/16', 'narrow'], ['10.0.0.0/8', 'wide'])
  assert.equal(find(address('10.0.255.255')), 'wide')
  assert.equal(find(address('10.1.0.0')), 'narrow')
  assert.equal(find(address('10.1.255.255')), 'narrow')
  assert.equal(find(address('10.2.0.0')), 'wide')
  assert.equal(find(address('11.0.0.0')), undefined)
})

test('of two equal blocks the first counts', () => {
  assert.equal(table(['10.0.0.0/8', 'first'], ['10.0.0.0/8', 'second'])(address('10.0.0.1')), 'first')
})

test('blocks that end at the last address of the family match it', () => {
  const find = table(['255.255.255.255', 'last'], ['ffff::/16', 'last6'])
  assert.equal(find(address('255.255.255.255')), 'last')
  assert.equal(find(address('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff')), 'last6')
})

test('a block of one family never matches the other', () => {
  const find = table(['::/0', 'six'])
  assert.equal(find(address('192.0.2.1')), undefined)
  assert.equal(find(address('::ffff:192.0.2.1')), undefined)
})

/** Few distinct bits, so that blocks nest and touch. */
const nearby = fc.oneof(
  fc
    .tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3))
    .map((bytes) => ({ text: bytes.map((byte) => byte * 85).join('.'), width: 32 })),
  fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)).map((groups) => ({
    text: `${groups.map((group) => (group * 0x5555).toString(16)).join(':')}::`,
    width: 128
  }))
)
const cidr = fc.tuple(nearby, fc.double({ min: 0, max: 1, noNaN: true })).map(([{ text, width }, share]) => ({
  text,
  width,
  bits: Math.round(share * width)
}))

/** One block in net.BlockList; of its own family only, as BlockList takes `::/0` for IPv4 too. */
function oracle({ text, bits, width }: { text: string; bits: number; width: number }) {
  const list = new BlockList()
  const family = width === 32 ? 'ipv4' : 'ipv6'
  list.addSubnet(text, bits, family)
  return (probe: { text: string; width: number }): boolean =>
    probe.width === width && list.check(probe.text, family)
}

test('the value is that of the first block in which net.BlockList finds the address', () => {
  fc.assert(
    fc.property(fc.array(cidr, { maxLength: 12 }), fc.array(nearby, { minLength: 1 }), (blocks, probes) => {
      const holds = blocks.map(oracle)
      const find = addressTable(
        blocks.map(({ text, bits }, value) => ({ range: range(`${text}/${bits}`), value }))
      )
      for (const probe of probes) {
        const expected = holds.findIndex((inBlock) => inBlock(probe))
        assert.equal(find(address(probe.text)) ?? -1, expected)
      }
    }),
    { numRuns: 500 }
  )
})

test('5000 blocks are built and searched without a walk', () => {
  const entries = Array.from({ length: 5000 }, (_, index) => ({
    range: range(`10.${index >> 8}.${index & 255}.0/24`),
    value: index
  }))
  const find = addressTable(entries)
  const probe = address('10.19.135.9')
  assert.equal(find(probe), 4999)
  const started = process.hrtime.bigint()
  for (let round = 0; round < 20_000; round++) find(probe)
  // A walk over 5000 blocks takes about 50 µs; the bound leaves room for a machine that is busy.
  assert.ok(Number(process.hrtime.bigint() - started) / 20_000 < 10_000)
})
