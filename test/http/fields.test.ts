import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fieldLines, firstLine, isFieldValue, isToken, listMembers, trimOws } from '../../src/http/fields'

const lists: [string, string | string[] | undefined, string[]][] = [
  ['absent', undefined, []],
  ['empty', '', []],
  ['one', 'a', ['a']],
  ['spaces and tabs', ' a ,\tb\t', ['a', 'b']],
  ['empty members', ',a,, ,b,', ['a', 'b']],
  ['several lines', ['a, b', 'c'], ['a', 'b', 'c']],
  ['no lines', [], []],
  ['comma in quotes', 'a="x, y", b', ['a="x, y"', 'b']],
  ['escaped quote', 'a="x\\", y", b', ['a="x\\", y"', 'b']],
  ['backslash outside quotes is no escape', 'a\\, b', ['a\\', 'b']],
  ['open quote takes the rest of its own line only', ['a="x, b', 'c'], ['a="x, b', 'c']],
  ['no-break space is not white space', '\u00a0a', ['\u00a0a']]
]
for (const [name, input, expected] of lists) {
  test(`listMembers: ${name}`, () => assert.deepEqual(listMembers(input), expected))
}

test('listMembers gives back the members of any joined list of tokens', () => {
  const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/)
  fc.assert(
    fc.property(fc.array(token), (members) => {
      assert.deepEqual(listMembers(members.join(' ,\t')), members)
    })
  )
})

test('listMembers never throws and never gives an empty member', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assert.ok(listMembers(text).every((member) => member !== '' && member === trimOws(member)))
    })
  )
})

const tokens: [string, boolean][] = [
  ['GET', true],
  ["!#$%&'*+-.^_`|~", true],
  ['', false],
  ['a b', false],
  ['a:', false],
  ['a,', false],
  ['"a"', false],
  ['é', false],
  ['a\n', false],
  ['a\r\n', false]
]
for (const [input, expected] of tokens) {
  test(`isToken: ${JSON.stringify(input)}`, () => assert.equal(isToken(input), expected))
}

const values: [string, boolean][] = [
  ['', true],
  ['a b\t"c"', true],
  ['caf\xe9', true],
  ['a\r\nb', false],
  ['a\n', false],
  ['a\0', false],
  ['\x7f', false],
  ['\u20ac', false],
  ['\u0100', false]
]
for (const [input, expected] of values) {
  test(`isFieldValue: ${JSON.stringify(input)}`, () => assert.equal(isFieldValue(input), expected))
}

test('fieldLines and firstLine ignore what fields inherit', () => {
  assert.deepEqual(fieldLines({}, 'constructor'), [])
  assert.deepEqual(fieldLines({}, '__proto__'), [])
  assert.equal(firstLine({}, 'toString'), undefined)
})

test('fieldLines and firstLine read one line and several', () => {
  assert.deepEqual(fieldLines({ a: 'x' }, 'a'), ['x'])
  assert.deepEqual(fieldLines({ a: ['x', 'y'] }, 'a'), ['x', 'y'])
  assert.equal(firstLine({ a: ['x', 'y'] }, 'a'), 'x')
  assert.equal(firstLine({ a: 'x' }, 'a'), 'x')
  assert.equal(firstLine({ a: 'x' }, 'b'), undefined)
})
