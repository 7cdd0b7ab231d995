import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BucketAnswer } from '../../src/rate-limit/memory'
import { decodeAnswers, decodeCalls, encodeAnswers, encodeCalls } from '../../src/rate-limit/questions'

const call = fc.record({
  key: fc.string({ unit: 'binary' }),
  rate: fc.record({
    ratePerMs: fc.double({ min: 1e-9, max: 1000, noNaN: true }),
    burst: fc.nat(),
    delay: fc.oneof(fc.nat(), fc.constant(Number.POSITIVE_INFINITY))
  }),
  mode: fc.constantFrom<'take' | 'peek'>('take', 'peek')
})

const answer = fc.oneof(
  fc.constant<BucketAnswer>({ verdict: 'pass', waitMs: 0 }),
  fc.record({ verdict: fc.constantFrom<'delay' | 'reject'>('delay', 'reject'), waitMs: fc.maxSafeNat() })
)

/** Equal, whatever prototypes the generators give. */
function assertSame(actual: unknown, expected: object): void {
  assert.deepEqual(actual, structuredClone(expected))
}

test('calls arrive as they were, whatever the keys', () => {
  fc.assert(fc.property(fc.array(call), (calls) => assertSame(decodeCalls(encodeCalls(calls)), calls)))
})

test('answers arrive as they were', () => {
  const some = fc.array(answer, { minLength: 1 })
  fc.assert(
    fc.property(some, (answers) => assertSame(decodeAnswers(encodeAnswers(answers), answers.length), answers))
  )
})

const NO_CALLS: readonly (readonly [name: string, text: string])[] = [
  ['no JSON', 'x'],
  ['no list', '{}'],
  ['a list of other things', '[null]'],
  ['too short', '[["a",0.01,0,-1]]'],
  ['too long', '[["a",0.01,0,-1,1,1]]'],
  ['a key that is no text', '[[1,0.01,0,-1,1]]'],
  ['a rate of nothing', '[["a",0,0,-1,1]]'],
  ['a rate that is no number', '[["a","1",0,-1,1]]'],
  ['a negative burst', '[["a",0.01,-1,-1,1]]'],
  ['a delay below none', '[["a",0.01,0,-2,1]]'],
  ['another mode', '[["a",0.01,0,-1,2]]']
]
for (const [name, text] of NO_CALLS) {
  test(`no calls: ${name}`, () => assert.equal(decodeCalls(text), undefined))
}

for (const text of ['', 'x', 'p,', 'd', 'r-1', 'd1.5', 'px', 'rNaN', 'p,p']) {
  test(`no answer to one call: ${JSON.stringify(text)}`, () =>
    assert.equal(decodeAnswers(text, 1), undefined))
}

test('whatever is read, nothing throws', () => {
  fc.assert(
    fc.property(fc.string(), fc.json(), (text, json) => {
      for (const each of [text, json]) {
        decodeCalls(each)
        decodeAnswers(each, 1)
      }
    })
  )
})
