import assert from 'node:assert/strict'
import { test } from 'node:test'
import { returnedFlag, returnedText } from '../../src/http/returned'

const TEXTS: [string, unknown, string | null][] = [
  ['text', 'a', 'a'],
  ['empty text', '', ''],
  ['a number', 7, '7'],
  ['a bigint', 7n, '7'],
  ['false', false, 'false'],
  ['null', null, null],
  ['undefined', undefined, null]
]
for (const [name, value, expected] of TEXTS) {
  test(`returnedText: ${name}`, () => assert.equal(returnedText('key', value), expected))
}

const REFUSED: [string, () => unknown, RegExp][] = [
  ['a promise', () => Promise.resolve('a'), /^key: .*promise/],
  ['a promise that rejects', () => Promise.reject(new Error('x')), /^key: .*promise/],
  ['an object', () => ({}), /^key: .*object/],
  ['an object without a prototype', () => Object.create(null), /^key: .*object/],
  ['a symbol', () => Symbol('a'), /^key: .*symbol/],
  ['a function', () => () => 'a', /^key: .*function/]
]
for (const [name, make, detail] of REFUSED) {
  test(`returnedText refuses ${name}`, () =>
    assert.throws(() => returnedText('key', make()), { code: 'SLUICE_INTERNAL', detail }))
}

test('returnedFlag goes by truth and refuses a promise, which is always true', () => {
  for (const value of [true, 1, 'a', {}]) assert.equal(returnedFlag('bypass', value), true)
  for (const value of [false, 0, '', null, undefined]) assert.equal(returnedFlag('bypass', value), false)
  const refusal = { code: 'SLUICE_INTERNAL', detail: /^bypass: .*promise/ }
  assert.throws(() => returnedFlag('bypass', Promise.resolve(false)), refusal)
})
