import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type KeyFacts,
  keyPlace,
  primaryKey,
  selectingValues,
  variantKey,
  varyNames
} from '../../src/cache/key'
import type { Fields } from '../../src/http/message'
import { canonicalAuthority } from '../../src/http/origin'

const facts: KeyFacts = { scheme: 'http', authority: 'a.example', target: '/x?y', upstream: 'app' }

const same: [string, KeyFacts][] = [
  ['case of the authority', { ...facts, authority: 'A.EXAMPLE' }],
  ['default port', { ...facts, authority: 'a.example:80' }]
]
for (const [name, other] of same) {
  test(`primaryKey does not tell apart: ${name}`, () => assert.equal(primaryKey(other), primaryKey(facts)))
}

const different: [string, KeyFacts][] = [
  ['scheme', { ...facts, scheme: 'https' }],
  ['authority', { ...facts, authority: 'b.example' }],
  ['port', { ...facts, authority: 'a.example:443' }],
  ['path', { ...facts, target: '/X?y' }],
  ['query', { ...facts, target: '/x?z' }],
  ['empty query', { ...facts, target: '/x?' }],
  ['upstream', { ...facts, upstream: 'api' }],
  ['version', { ...facts, version: '1' }],
  ['empty version', { ...facts, version: '' }],
  ['custom key', { ...facts, custom: 'x' }]
]
for (const [name, other] of different) {
  test(`primaryKey tells apart: ${name}`, () => assert.notEqual(primaryKey(other), primaryKey(facts)))
}

test('a custom key stands in place of the URL, not of upstream and version', () => {
  const custom = { ...facts, custom: 'k' }
  assert.equal(primaryKey(custom), primaryKey({ ...custom, authority: 'b', target: '/', scheme: 'https' }))
  assert.notEqual(primaryKey(custom), primaryKey({ ...custom, upstream: 'api' }))
  assert.notEqual(primaryKey(custom), primaryKey({ ...custom, version: '2' }))
})

const text = fc.oneof(fc.constantFrom('', 'a', '1:a', '-', 'u', 'c', 'v', ':', '0:'), fc.string())
const optional = fc.option(text, { nil: undefined })
const anyFacts = fc.record({
  scheme: fc.constantFrom('http', 'https'),
  authority: text,
  target: text,
  upstream: text,
  version: optional,
  custom: optional
})
function tuple(it: KeyFacts): string {
  const { version = null, custom, upstream, scheme, target } = it
  if (custom !== undefined) return JSON.stringify([version, upstream, custom])
  return JSON.stringify([version, upstream, scheme, canonicalAuthority(scheme, it.authority), target])
}

test('different facts never share a primary key', () => {
  fc.assert(
    fc.property(anyFacts, anyFacts, (a, b) => {
      assert.equal(primaryKey(a) === primaryKey(b), tuple(a) === tuple(b))
    }),
    { numRuns: 2000 }
  )
})

test('different selecting values never share a variant key, and none is a primary key', () => {
  const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'accept-encoding', 'cookie'), { maxLength: 3 })
  const fields = fc.dictionary(fc.constantFrom('a', 'b', 'accept-encoding', 'cookie'), text)
  fc.assert(
    fc.property(anyFacts, anyFacts, names, fields, fields, (one, two, list, a, b) => {
      const left = variantKey(primaryKey(one), list, a, true)
      const right = variantKey(primaryKey(two), list, b, true)
      const values = (it: Fields) => JSON.stringify(selectingValues(list, it, true))
      assert.equal(left === right, tuple(one) === tuple(two) && values(a) === values(b))
      assert.notEqual(left, primaryKey(two))
    }),
    { numRuns: 2000 }
  )
})

const vary: [string, Fields, string[] | '*' | null][] = [
  ['absent', {}, null],
  ['empty', { vary: '' }, null],
  ['only commas', { vary: ' , ,' }, null],
  ['one', { vary: 'Accept' }, ['accept']],
  ['case, order, duplicates', { vary: 'B, a, b' }, ['a', 'b']],
  ['several lines', { vary: ['b', 'a, B'] }, ['a', 'b']],
  ['star', { vary: '*' }, '*'],
  ['star twice', { vary: '*, *' }, '*'],
  ['star after empty', { vary: ', *' }, '*'],
  ['star among names', { vary: 'a, *' }, '*'],
  ['star in another line', { vary: ['', 'a', '*'] }, '*'],
  ['not a field name', { vary: 'a b' }, '*'],
  ['a name that objects have', { vary: '__proto__, constructor' }, ['__proto__', 'constructor']]
]
for (const [name, fields, expected] of vary) {
  test(`varyNames: ${name}`, () => assert.deepEqual(varyNames(fields), expected))
}

const selecting: [string, string, string | string[] | undefined, string | null][] = [
  ['absent', 'a', undefined, null],
  ['empty is not absent', 'a', '', ''],
  ['lines are combined', 'a', ['1', '2'], '1, 2'],
  ['white space around commas', 'a', ' 1,2 ', '1, 2'],
  ['case is kept', 'a', 'X', 'X'],
  ['commas in a user agent', 'user-agent', 'x (a,b)', 'x (a,b)'],
  ['commas in a cookie', 'cookie', 'a=1,2', 'a=1,2'],
  ['encodings in any order', 'accept-encoding', 'gzip, br', 'br, gzip'],
  ['encodings in any case', 'accept-encoding', 'GZIP', 'gzip'],
  ['weight 1', 'accept-encoding', 'gzip;q=1.000, br ; q=1', 'br, gzip'],
  ['weights in one spelling', 'accept-encoding', 'gzip;Q=0.50', 'gzip;q=0.5'],
  ['weight 0 is a wish', 'accept-encoding', 'br;q=0, gzip', 'gzip, br;q=0'],
  ['languages by weight', 'accept-language', 'de;q=0.5, en-GB, EN;q=0.8', 'en-gb, en;q=0.8, de;q=0.5'],
  ['languages of one weight', 'accept-language', 'en, de', 'de, en'],
  ['no wish', 'accept-language', 'en;q=2, de', 'en;q=2, de'],
  ['parameters are no wish', 'accept-encoding', 'gzip;x=1', 'gzip;x=1']
]
for (const [name, field, value, expected] of selecting) {
  test(`selectingValues: ${name}`, () => {
    const fields: Fields = value === undefined ? {} : { [field]: value }
    assert.equal(selectingValues([field], fields, true)[field], expected)
  })
}

test('selectingValues without normalising combines lines and changes nothing else', () => {
  const fields = { 'accept-encoding': 'GZIP,br', a: ['1', ' 2'] }
  assert.deepEqual(
    { ...selectingValues(['accept-encoding', 'a'], fields, false) },
    {
      'accept-encoding': 'GZIP,br',
      a: '1,  2'
    }
  )
})

test('selectingValues has no prototype and ignores inherited names', () => {
  const values = selectingValues(['__proto__', 'constructor'], {}, true)
  assert.deepEqual(Object.entries(values), [
    ['__proto__', null],
    ['constructor', null]
  ])
})

test('a key tells its place, whatever stands in it', () => {
  const text = fc.string({ unit: fc.constantFrom('a', ':', '1', 'é', '-', 'v') })
  fc.assert(
    fc.property(text, text, text, fc.option(text, { nil: undefined }), (target, upstream, name, version) => {
      const authority = `x${name.replaceAll(':', '')}`
      const key = primaryKey({ scheme: 'https', authority, target, upstream, version })
      for (const each of [key, variantKey(key, ['x-kind'], { 'x-kind': 'a' }, true)]) {
        assert.deepEqual(keyPlace(each), { scheme: 'https', authority, target })
      }
    })
  )
  assert.equal(keyPlace(primaryKey({ ...facts, custom: 'u1:a' })), undefined)
})
