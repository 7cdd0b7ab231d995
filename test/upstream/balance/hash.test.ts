import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { hash } from '../../../src/upstream/balance/hash'
import { choices, nameOf, servers, tally, turn } from '../fixtures'

const KEYS = Array.from({ length: 20_000 }, (_, n) => `/item/${n}`)

test('keys spread out by weight', () => {
  const choose = hash(servers(4, (index) => ({ weight: index + 1 })))
  const counts = tally(KEYS.map((key) => nameOf(choose(turn({ key }))?.url ?? '')))
  for (let index = 0; index < 4; index++) {
    const share = (counts[`s${index}`] ?? 0) / KEYS.length
    assert.ok(Math.abs(share - (index + 1) / 10) < 0.02, `s${index}: ${share}`)
  }
})

test('a key has one server, and when that is out or was tried one other', () => {
  const list = servers(7)
  const choose = hash(list)
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (key) => {
      const first = choose(turn({ key }))
      assert.ok(first)
      assert.equal(choose(turn({ key })), first)
      const tried = new Set([first])
      const second = choose(turn({ key, tried }))
      assert.notEqual(second, first)
      assert.equal(choose(turn({ key, tried })), second)
    })
  )
})

test('without a key in turn', () => {
  assert.equal(choices(hash(servers(3)), 6).join(' '), 's0 s1 s2 s0 s1 s2')
})

test('with one server left of many it is found', () => {
  const list = servers(200, (index) => ({ down: index !== 77 }))
  assert.equal(hash(list)(turn({ key: 'x' })), list[77])
  assert.equal(hash(servers(2, () => ({ down: true })))(turn({ key: 'x' })), undefined)
  assert.equal(hash([])(turn({ key: 'x' })), undefined)
})
