import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ResolveOptions, resolveResolve } from '../../../src/upstream/dns/options'

test('names are followed unless the option says no', () => {
  const all = { minMs: 1000, maxMs: 300_000, servers: undefined, family: 'any', allowsPrivate: true }
  assert.deepEqual(resolveResolve(undefined, 'resolve'), all)
  assert.deepEqual(resolveResolve({}, 'resolve'), all)
  assert.equal(resolveResolve(false, 'resolve'), undefined)
})

test('each option is taken over', () => {
  const servers = ['10.0.0.2', '10.0.0.2:5353', 'fd00::2', '[fd00::2]:53', '[fd00::2]']
  assert.deepEqual(resolveResolve({ min: '5s', max: '5s', servers, family: 6, private: false }, 'resolve'), {
    minMs: 5000,
    maxMs: 5000,
    servers,
    family: 6,
    allowsPrivate: false
  })
})

const WRONG: [ResolveOptions, RegExp][] = [
  [{ min: '500ms' }, /^x\.min: must be '1s' or longer/],
  [{ min: '10s', max: '5s' }, /^x\.max: must be no shorter than min, which is '10s'/],
  [{ servers: ['10.0.0.2', 'dns.example'] }, /^x\.servers\[1\]: "dns.example" is no address/],
  [{ servers: ['dns.example:53'] }, /is no address/],
  [{ servers: ['10.0.0.300'] }, /is no address/],
  [{ servers: [''] }, /is no address/]
]

for (const [options, message] of WRONG) {
  test(`${JSON.stringify(options)} is refused`, () => {
    assert.throws(() => resolveResolve(options, 'x'), { message })
  })
}
