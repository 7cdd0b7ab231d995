import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { decodeBan, encodeBan } from '../../src/cache/ban-line'
import type { Ban, BanOf } from '../../src/cache/bans'

const text = fc.string({ unit: 'binary' })
const plain = { noNullPrototype: true }
const ban: fc.Arbitrary<Ban> = fc.record(
  {
    of: fc.oneof<fc.Arbitrary<BanOf>[]>(
      fc.record({ url: text }, plain),
      fc.record({ prefix: text }, plain),
      fc.record({ host: text }, plain),
      fc.record({ tags: fc.array(text, { maxLength: 50 }) }, plain),
      fc.record({ groups: fc.array(text), origin: text }, plain),
      fc.constant({ all: true as const })
    ),
    at: fc.nat(),
    soft: fc.boolean()
  },
  plain
)

test('a ban is one line, and comes back as it was', () => {
  fc.assert(
    fc.property(ban, (given) => {
      const [before, line = '', after, ...more] = encodeBan(given).split('\n')
      assert.deepEqual([before, after, more], ['', '', []])
      assert.deepEqual(decodeBan(line), given)
    })
  )
})

test('a change says so', () => {
  const change = { of: { url: 'http://one.example/' }, at: 1.5, soft: false, change: true } as const
  assert.deepEqual(decodeBan(encodeBan(change).trim()), change)
})

test('a long list of tags is several lines', () => {
  const tags = Array.from({ length: 120 }, (_, index) => `t${index}`)
  const lines = encodeBan({ of: { tags }, at: 1, soft: true }).split('\n').filter(Boolean)
  const bans = lines.map((line) => decodeBan(line))
  assert.equal(bans.length, 3)
  assert.deepEqual(
    bans.flatMap((each) => (each?.of as { tags: string[] } | undefined)?.tags ?? []),
    tags
  )
})

test('a line that was cut, or changed in one place, is damaged', () => {
  const change = fc.tuple(fc.nat(), fc.constantFrom('0', '9', 'x', '"', ' '))
  fc.assert(
    fc.property(ban, change, fc.nat(), (given, [at, by], length) => {
      const line = encodeBan(given).trim()
      const place = at % line.length
      const changed = line.slice(0, place) + by + line.slice(place + 1)
      if (changed !== line) assert.equal(decodeBan(changed), undefined)
      assert.equal(decodeBan(line.slice(0, length % line.length)), undefined)
    })
  )
})

test('no text makes it throw', () => {
  fc.assert(fc.property(text, (line) => void decodeBan(line)))
})

for (const [name, value, expected] of [
  ['another release', { v: 2, at: 7, of: { moon: 'full' } }, { of: { all: true }, at: 7, soft: false }],
  [
    'a kind that is not known',
    { v: 1, at: 7, soft: true, of: { moon: 1 } },
    { of: { all: true }, at: 7, soft: false }
  ],
  ['nothing', null, undefined],
  ['no time', { v: 1, of: { all: true } }, undefined]
] as const) {
  test(`a line of ${name}`, () => {
    const json = JSON.stringify(value)
    assert.deepEqual(decodeBan(`${crc32(json).toString(16).padStart(8, '0')} ${json}`), expected)
  })
}
