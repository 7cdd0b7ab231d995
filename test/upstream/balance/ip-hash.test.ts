import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ipHash } from '../../../src/upstream/balance/ip-hash'
import { nameOf, servers, tally, turn } from '../fixtures'

const list = servers(5, (index) => ({ weight: index + 1 }))
const choose = ipHash(list)
const of = (key: string) => nameOf(choose(turn({ key }))?.url ?? '')

test('the last number of an IPv4 address does not count', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.nat(255), (address, last) => {
      assert.equal(of(address), of(address.replace(/\d+$/, String(last))))
    })
  )
})

test('all of an IPv6 address counts, in any spelling', () => {
  assert.equal(of('2001:db8::1'), of('2001:0DB8:0:0::0:1'))
  const hosts = Array.from({ length: 50 }, (_, n) => of(`2001:db8::${n}`))
  assert.ok(new Set(hosts).size > 1)
})

test('clients without an address share one server', () => {
  assert.equal(of('unix:'), of(''))
})

test('networks spread out by weight', () => {
  const names = Array.from({ length: 15_000 }, (_, n) =>
    of(`${n % 223}.${(n >> 4) % 256}.${(n * 7) % 256}.1`)
  )
  const counts = tally(names)
  for (let index = 0; index < 5; index++) {
    const share = (counts[`s${index}`] ?? 0) / names.length
    assert.ok(Math.abs(share - (index + 1) / 15) < 0.03, `s${index}: ${share}`)
  }
})

test('when a server is out only its own networks move', () => {
  const less = servers(5, (index) => ({ weight: index + 1, down: index === 3 }))
  const without = ipHash(less)
  fc.assert(
    fc.property(fc.ipV4(), (key) => {
      const before = of(key)
      const after = nameOf(without(turn({ key }))?.url ?? '')
      if (before === 's3') assert.notEqual(after, 's3')
      else assert.equal(after, before)
    })
  )
})

test('with one server left of many it is found', () => {
  const one = servers(200, (index) => ({ down: index !== 77 }))
  assert.equal(ipHash(one)(turn({ key: '1.2.3.4' })), one[77])
  assert.equal(ipHash(servers(3, () => ({ down: true })))(turn({ key: '1.2.3.4' })), undefined)
  assert.equal(ipHash([])(turn({ key: '1.2.3.4' })), undefined)
})
