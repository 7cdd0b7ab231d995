// The states of a name, on a clock that the test moves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Answer,
  combine,
  differs,
  GRACE_MS,
  hasten,
  MAX_ADDRESSES,
  noteAnswer,
  type Resolution,
  UNKNOWN
} from '../../../src/upstream/dns/resolution'

const BOUNDS = { minMs: 1000, maxMs: 300_000 }
const NXDOMAIN: Answer = { kind: 'absent', reason: 'ENOTFOUND' }
const SERVFAIL: Answer = { kind: 'failed', reason: 'ESERVFAIL' }

function found(addresses: readonly string[], ttlMs = 30_000): Answer {
  return { kind: 'found', addresses, ttlMs, source: 'dns' }
}

function after(before: Resolution, answer: Answer, now: number): Resolution {
  return noteAnswer(before, answer, { ...BOUNDS, now })
}

const DUE: [string, number, number][] = [
  ['a TTL in bounds', 30_000, 31_000],
  ['TTL 0', 0, 2000],
  ['a TTL above the bound', 86_400_000, 301_000]
]

for (const [name, ttlMs, due] of DUE) {
  test(`${name}: asked again a second after it`, () => {
    assert.equal(after(UNKNOWN, found(['10.0.0.1'], ttlMs), 5000).dueAt, 5000 + due)
  })
}

test('min and max of the same length: an answer holds for just that', () => {
  const one = noteAnswer(UNKNOWN, found(['10.0.0.1'], 600_000), { minMs: 10_000, maxMs: 10_000, now: 0 })
  assert.equal(one.dueAt, 11_000)
})

test('the order of an answer, and an address twice, are no change', () => {
  const one = after(UNKNOWN, found(['10.0.0.2', '10.0.0.1']), 0)
  const other = after(one, found(['10.0.0.1', '10.0.0.2', '10.0.0.1']), 31_000)
  assert.deepEqual(other.addresses, ['10.0.0.1', '10.0.0.2'])
  assert.equal(differs(one, other), false)
  assert.equal(differs(one, after(other, found(['10.0.0.1']), 62_000)), true)
})

test('a flood of addresses is cut', () => {
  const many = Array.from({ length: 300 }, (_, index) => `10.0.${index >> 8}.${index & 255}`)
  assert.equal(after(UNKNOWN, found(many), 0).addresses.length, MAX_ADDRESSES)
})

test('a resolver that fails: the last good addresses stay for good, it is asked ever more seldom', () => {
  let one = after(UNKNOWN, found(['10.0.0.1']), 0)
  const waits: number[] = []
  for (let now = 31_000, round = 0; round < 8; round++, now = one.dueAt) {
    one = after(one, SERVFAIL, now)
    waits.push(one.dueAt - now)
    assert.deepEqual(one.addresses, ['10.0.0.1'])
  }
  assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  assert.equal(one.reason, 'ESERVFAIL')
  const back = after(one, found(['10.0.0.2']), one.dueAt)
  assert.deepEqual([back.status, back.failures, back.reason], ['found', 0, undefined])
})

test('a name that is gone keeps its addresses for the grace, and loses them when it ends', () => {
  let one = after(UNKNOWN, found(['10.0.0.1']), 0)
  const start = one.dueAt
  one = after(one, NXDOMAIN, start)
  while (one.dueAt < start + GRACE_MS) {
    assert.deepEqual(one.addresses, ['10.0.0.1'])
    one = after(one, NXDOMAIN, one.dueAt)
  }
  assert.equal(one.dueAt, start + GRACE_MS)
  one = after(one, NXDOMAIN, one.dueAt)
  assert.deepEqual(one.addresses, [])
  assert.ok(one.dueAt > start + GRACE_MS)
})

test('a resolver that fails within the grace stops its clock: nobody says any more that the name is gone', () => {
  const known = after(UNKNOWN, found(['10.0.0.1']), 0)
  const gone = after(known, NXDOMAIN, 31_000)
  const failed = after(gone, SERVFAIL, 32_000)
  assert.deepEqual(after(failed, NXDOMAIN, 31_000 + GRACE_MS).addresses, ['10.0.0.1'])
})

test('a name that never was has no addresses at once', () => {
  const one = after(UNKNOWN, NXDOMAIN, 0)
  assert.deepEqual([one.status, one.addresses, one.reason], ['absent', [], 'ENOTFOUND'])
})

test('hasten: sooner, yet min apart from the last question, and never later', () => {
  const one = after(UNKNOWN, found(['10.0.0.1'], 60_000), 5000)
  assert.equal(hasten(one, 1000).dueAt, 6000)
  const soon = { ...one, dueAt: 5500 }
  assert.equal(hasten(soon, 1000), soon)
})

const both = (four: Answer, six: Answer, last: readonly string[] = []): Answer => combine([four, six], last)

test('both families make one answer, with the shorter TTL', () => {
  const answer = both(found(['10.0.0.1'], 60_000), found(['fd00::1'], 5000))
  assert.deepEqual(answer, found(['fd00::1', '10.0.0.1'], 5000))
})

test('a family without addresses is none; one that could not be asked for keeps what it had', () => {
  const last = ['10.0.0.9', 'fd00::9']
  const none = both(found(['10.0.0.1']), { kind: 'absent', reason: 'ENODATA' }, last)
  assert.deepEqual(none, found(['10.0.0.1']))
  assert.deepEqual(both(found(['10.0.0.1']), SERVFAIL, last), found(['10.0.0.1', 'fd00::9']))
})

test('neither family: that nobody knows weighs more than that there is none', () => {
  assert.deepEqual(both(NXDOMAIN, SERVFAIL), SERVFAIL)
  assert.deepEqual(both(NXDOMAIN, NXDOMAIN), NXDOMAIN)
  assert.deepEqual(combine([NXDOMAIN, undefined], []), NXDOMAIN)
})

test('whatever the answers, the next question is never sooner than min and never later than max and a second', () => {
  const answers = fc.oneof(
    fc.constantFrom(NXDOMAIN, SERVFAIL),
    fc.record({
      kind: fc.constant('found' as const),
      addresses: fc.array(fc.ipV4(), { minLength: 1 }),
      ttlMs: fc.nat(),
      source: fc.constant('dns' as const)
    })
  )
  fc.assert(
    fc.property(fc.array(answers), (list) => {
      let one = UNKNOWN
      let now = 0
      for (const answer of list) {
        const hadAddresses = one.addresses.length > 0
        one = after(one, answer, now)
        const wait = one.dueAt - now
        assert.ok(wait <= BOUNDS.maxMs + 1000)
        // Only the end of the grace may cut a wait short.
        assert.ok(wait >= BOUNDS.minMs || one.dueAt === (one.absentSince ?? 0) + GRACE_MS)
        if (answer.kind === 'failed') assert.equal(one.addresses.length > 0, hadAddresses)
        now = one.dueAt
      }
    })
  )
})
