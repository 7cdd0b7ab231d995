import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type DictionaryValue, parseDictionary, parseStrings } from '../../src/http/dictionary'

const flag: DictionaryValue = { type: 'boolean', value: true }

const valid: [string, Record<string, DictionaryValue>][] = [
  ['', {}],
  ['  ', {}],
  ['a', { a: flag }],
  ['a, b\t,\tc ', { a: flag, b: flag, c: flag }],
  ['a=1', { a: { type: 'integer', value: 1 } }],
  ['a=-1', { a: { type: 'integer', value: -1 } }],
  ['a=999999999999999', { a: { type: 'integer', value: 999_999_999_999_999 } }],
  ['a=1.5', { a: { type: 'decimal', value: 1.5 } }],
  ['a="x, \\"y\\""', { a: { type: 'string', value: 'x, "y"' } }],
  ['a=tok/en:1', { a: { type: 'token', value: 'tok/en:1' } }],
  ['a=?0, b=?1', { a: { type: 'boolean', value: false }, b: flag }],
  ['a=:YQ==:', { a: { type: 'other', value: ':YQ==:' } }],
  ['a=@-1', { a: { type: 'other', value: '@-1' } }],
  ['a=%"f%c3%bc"', { a: { type: 'other', value: '%"f%c3%bc"' } }],
  ['a=("x"  y;p=1 );q', { a: { type: 'list', value: 'x,y' } }],
  ['a=()', { a: { type: 'list', value: '' } }],
  ['a;p;q=1; r="x", b=2;*=?0', { a: flag, b: { type: 'integer', value: 2 } }],
  ['a=1, a=2', { a: { type: 'integer', value: 2 } }],
  ['*a-b_c.d*=1', { '*a-b_c.d*': { type: 'integer', value: 1 } }]
]
for (const [input, expected] of valid) {
  test(`parseDictionary reads ${JSON.stringify(input)}`, () => {
    assert.deepEqual(Object.fromEntries(parseDictionary(input) ?? [['failed', flag]]), expected)
  })
}

const invalid = [
  ',',
  'a,',
  'a,,b',
  'A',
  'aB',
  'a b',
  'a =1',
  'a= 1',
  'a=',
  'a=1000000000000000',
  'a=1.',
  'a=1.2345',
  'a=1e3',
  'a=-',
  'a="x',
  'a="\\x"',
  'a="é"',
  'a=?2',
  'a=?',
  'a=(',
  'a=(1',
  'a=(1"2")',
  'a=(1,2)',
  'a=1;',
  'a=1;P',
  'a=1;p=',
  'a=1 ;p',
  'a=:a',
  'a=:é:',
  'a=@1.5',
  'a=%"%C3"',
  '1a',
  'a=1, &&&&&',
  'é',
  'a\n',
  'a=\u0661'
]
for (const input of invalid) {
  test(`parseDictionary refuses ${JSON.stringify(input)}`, () =>
    assert.equal(parseDictionary(input), undefined))
}

test('parseDictionary never throws', () => {
  const piece = fc.constantFrom(
    'a',
    '=',
    '(',
    ')',
    '"',
    ';',
    ',',
    ' ',
    '1',
    '.',
    '?',
    ':',
    '\\',
    '@',
    '%',
    'é'
  )
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      parseDictionary(pieces.join(''))
    }),
    { numRuns: 1000 }
  )
})

for (const [text, strings] of [
  ['', []],
  [' "a"', ['a']],
  ['"a","b"\t, "c" ', ['a', 'b', 'c']],
  ['"a\\"b";x;y="z", ""', ['a"b', '']],
  ['a', undefined],
  ['"a", 1', undefined],
  ['("a")', undefined],
  ['"a",', undefined],
  ['"a" "b"', undefined],
  ['"a', undefined],
  ['"a";=', undefined],
  ['"é"', undefined]
] as const) {
  test(`strings: ${JSON.stringify(text)}`, () => assert.deepEqual(parseStrings(text), strings))
}
