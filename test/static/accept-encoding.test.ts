import assert from 'node:assert/strict'
import { test } from 'node:test'
import { acceptableCodings, type Coding, createNegotiation } from '../../src/static/accept-encoding'

const ALL: Coding[] = ['br', 'zstd', 'gzip']
const cases: [name: string, field: string | undefined, expected: Coding[]][] = [
  ['no field', undefined, []],
  ['an empty field', '', []],
  ['one coding', 'gzip', ['gzip']],
  ['equal weights keep the order of the server', 'gzip, deflate, br', ['br', 'gzip']],
  ['the usual browser', 'gzip, deflate, br, zstd', ['br', 'zstd', 'gzip']],
  ['weights order', 'br;q=0.5, gzip;q=0.8, zstd;q=0.6', ['gzip', 'zstd', 'br']],
  ['weight 0 refuses', 'br;q=0, gzip', ['gzip']],
  ['weight 0.000 refuses', 'br;q=0.000, gzip', ['gzip']],
  ['any', '*', ['br', 'zstd', 'gzip']],
  ['any but one', '*, br;q=0', ['zstd', 'gzip']],
  ['none', '*;q=0', []],
  ['identity preferred', 'identity, br;q=0.5', []],
  ['identity less than one of two', 'identity;q=0.7, br;q=0.5, gzip', ['gzip']],
  ['upper case and blanks', ' BR ; Q=1 ,GZIP', ['br', 'gzip']],
  ['the old name of gzip', 'x-gzip', ['gzip']],
  ['unknown codings', 'deflate, compress, foo', []],
  ['a weight that is none', 'br;q=high, gzip', ['gzip']],
  ['a weight over one', 'br;q=2, gzip', ['gzip']],
  ['other parameters', 'br;level=9;q=0, gzip', ['gzip']],
  ['nothing between commas', ',,br,,', ['br']]
]

for (const [name, field, expected] of cases) {
  test(`accept-encoding: ${name}`, () => assert.deepEqual(acceptableCodings(field, ALL), expected))
}

test('accept-encoding: only what is offered', () => {
  assert.deepEqual(acceptableCodings('br, gzip', ['gzip']), ['gzip'])
  assert.deepEqual(acceptableCodings('br, gzip', []), [])
})

test('accept-encoding: a field of a thousand elements is read in part', () => {
  assert.deepEqual(acceptableCodings(`${'a, '.repeat(1000)}br`, ALL), [])
})

test('accept-encoding: a route reads each field once, however many there are', () => {
  const negotiate = createNegotiation(['br', 'gzip'])
  const first = negotiate('gzip, br')
  assert.deepEqual(first, { codings: ['br', 'gzip'], key: 'br,gzip' })
  assert.equal(negotiate('gzip, br'), first)
  assert.equal(negotiate('br,gzip').key, first.key)
  assert.deepEqual(negotiate(undefined), { codings: [], key: '' })
  assert.deepEqual(negotiate('zstd'), { codings: [], key: '' })
  for (let at = 0; at < 1000; at++) assert.equal(negotiate(`gzip, x${at}`).key, 'gzip')
  assert.equal(negotiate(`gzip${' '.repeat(1000)}`).key, 'gzip')
  assert.deepEqual(negotiate('gzip, br'), first)
  assert.equal(createNegotiation([])('gzip').key, '')
})
