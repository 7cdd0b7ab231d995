import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plain } from '../../src/setup/plain'

class Client {
  readonly secret = 'x'
}
const circle: Record<string, unknown> = { a: 1 }
circle.self = circle

const PLAIN: [name: string, value: unknown, shown: unknown][] = [
  ['a function', function choose() {}, '[function choose]'],
  [
    'a function without a name',
    (
      () => () =>
        1
    )(),
    '[function]'
  ],
  ['a pattern', /\.js$/i, '/\\.js$/i'],
  ['a set', new Set(['a', 'b']), ['a', 'b']],
  ['a map', new Map([[200, '1m']]), { 200: '1m' }],
  ['a number without end', Number.POSITIVE_INFINITY, null],
  ['nothing', { a: undefined, b: null }, { a: null, b: null }],
  ['an instance', { redis: new Client() }, { redis: '[Client]' }],
  ['a big number and a symbol', [1n, Symbol('s')], ['1', 'Symbol(s)']],
  ['a circle', circle, { a: 1, self: '[circular]' }],
  ['the same object twice', [{ a: 1 }, { a: 1 }], [{ a: 1 }, { a: 1 }]]
]
for (const [name, value, shown] of PLAIN) {
  test(`${name} as data`, () => {
    assert.deepEqual(plain(value), shown)
    assert.deepEqual(JSON.parse(JSON.stringify(plain(value))), shown)
  })
}
