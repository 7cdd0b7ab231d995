import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Directives,
  effectiveDirectives,
  parseCacheControl,
  parseTargeted
} from '../../src/cache/directives'
import type { Fields } from '../../src/http/message'

const none = parseCacheControl('')
/** Only what differs from a record without directives. */
function told(directives: Directives | undefined): Record<string, unknown> | undefined {
  if (directives === undefined) return undefined
  const entries = Object.entries(directives)
  return Object.fromEntries(
    entries.filter(
      ([name, value]) => JSON.stringify(value) !== JSON.stringify(none[name as keyof Directives])
    )
  )
}

const bad = { maxAge: 0, malformed: true }
const cacheControl: [string | string[] | undefined, Record<string, unknown>][] = [
  [undefined, {}],
  ['', {}],
  ['max-age=60', { maxAge: 60 }],
  ['max-age=003600', { maxAge: 3600 }],
  ['max-age="60"', { maxAge: 60 }],
  ['max-age=2147483648', { maxAge: 2_147_483_647 }],
  ['max-age=99999999999999999999999', { maxAge: 2_147_483_647 }],
  ['max-age=-60', bad],
  ["max-age='60'", bad],
  ['max-age=60.0', bad],
  ['max-age=a60', bad],
  ['max-age=60a', bad],
  ['max-age', bad],
  ['max-age=', bad],
  ['max-age=""', bad],
  ['max-age =60', bad],
  ['max-age= 60', bad],
  ['max-age=60 public', bad],
  ['max-age=60; public', bad],
  ['max-age="6', bad],
  ['max-age=60, max-age=10', { maxAge: 10 }],
  [['max-age=10', 'max-age=60'], { maxAge: 10 }],
  ['max-age=60, max-age=x', bad],
  ['MAX-AGE=60, S-MaxAge=5, No-CaChE, No-Store', { maxAge: 60, sMaxage: 5, noCache: true, noStore: true }],
  ['private, public', { private: true, public: true }],
  ['must-revalidate, proxy-revalidate', { mustRevalidate: true, proxyRevalidate: true }],
  ['must-understand, immutable, no-transform', { mustUnderstand: true, immutable: true, noTransform: true }],
  ['only-if-cached, min-fresh=5, max-stale', { onlyIfCached: true, minFresh: 5, maxStale: Infinity }],
  ['max-stale=5, min-fresh=9, min-fresh=3', { maxStale: 5, minFresh: 9 }],
  ['stale-while-revalidate=5, stale-if-error=7', { staleWhileRevalidate: 5, staleIfError: 7 }],
  ['stale-while-revalidate', { staleWhileRevalidate: 0, malformed: true }],
  ['no-cache="Set-Cookie, x-A"', { noCacheFields: ['set-cookie', 'x-a'] }],
  ['no-cache=foo', { noCacheFields: ['foo'] }],
  ['no-cache=""', { noCache: true }],
  ['no-cache="a b"', { noCache: true }],
  ['no-cache="a", no-cache', { noCache: true, noCacheFields: ['a'] }],
  ['private="a", private="b"', { privateFields: ['a', 'b'] }],
  ['private=" "', { private: true }],
  ['private="a', { private: true, malformed: true }],
  ['no-store=1, must-revalidate="x"', { noStore: true, mustRevalidate: true }],
  ['public=1, immutable=1', {}],
  ['no-store; max-age=0', { noStore: true, malformed: true }],
  ['private max-age=60', { private: true, malformed: true }],
  ['foo, bar=1, baz="x", qux="no-store, max-age=5"', {}],
  ['ext="max-age=3600", max-age=1', { maxAge: 1 }],
  ['max-age=1, ext="a\\", max-age=3600"', { maxAge: 1 }],
  ['ext="open, no-store', { malformed: true }],
  ['a"b, no-store, c"d', { malformed: true }],
  ['foo bar, =, ;;, max-age=5', { maxAge: 5 }],
  [',, max-age=5,,', { maxAge: 5 }],
  ['constructor, __proto__, toString=1', {}]
]
for (const [input, expected] of cacheControl) {
  test(`parseCacheControl: ${JSON.stringify(input)}`, () =>
    assert.deepEqual(told(parseCacheControl(input)), expected))
}

const targeted: [string | string[] | undefined, Record<string, unknown> | undefined][] = [
  [undefined, undefined],
  ['', undefined],
  ['  ', undefined],
  ['max-age=60', { maxAge: 60 }],
  [['max-age=60', 'no-store'], { maxAge: 60, noStore: true }],
  ['foobar, max-age=60', { maxAge: 60 }],
  ['max-age=99999999999', { maxAge: 2_147_483_647 }],
  ['max-age=1, max-age=60', { maxAge: 60 }],
  ['max-age=60;p=1, no-store=?0', { maxAge: 60 }],
  ['MaX-aGe=60', undefined],
  ['max-age =60', undefined],
  ['max-age=60, &&&&&', undefined],
  ['max-age=60,', undefined],
  ['max-age="60"', bad],
  ['max-age=60.5', bad],
  ['max-age=-1', bad],
  ['max-age', bad],
  ['private', { private: true }],
  ['private="a, B"', { privateFields: ['a', 'b'] }],
  ['no-cache=("a" b)', { noCacheFields: ['a', 'b'] }],
  ['no-cache=()', { noCache: true }],
  ['no-cache=1.5', { noCache: true }],
  ['must-revalidate, stale-if-error=5', { mustRevalidate: true, staleIfError: 5 }]
]
for (const [input, expected] of targeted) {
  test(`parseTargeted: ${JSON.stringify(input)}`, () =>
    assert.deepEqual(told(parseTargeted(input)), expected))
}

const NOW = Date.UTC(2026, 0, 1, 12)
const LATER = 'Thu, 01 Jan 2026 12:01:00 GMT'
const DATE = 'Thu, 01 Jan 2026 12:00:00 GMT'
const sources: [string, Fields, string, number | undefined][] = [
  ['nothing', {}, 'none', undefined],
  ['no lifetime', { 'cache-control': 'public' }, 'none', undefined],
  ['max-age', { 'cache-control': 'max-age=5' }, 'cache-control', 5000],
  ['s-maxage over max-age', { 'cache-control': 'max-age=5, s-maxage=9' }, 'cache-control', 9000],
  ['a bad s-maxage over max-age', { 'cache-control': 'max-age=5, s-maxage=x' }, 'cache-control', 0],
  ['max-age over Expires', { 'cache-control': 'max-age=5', expires: LATER }, 'cache-control', 5000],
  ['Expires minus Date', { expires: LATER, date: 'Thu, 01 Jan 2026 11:59:00 GMT' }, 'expires', 120_000],
  ['Expires minus a Date that is ahead', { expires: LATER, date: LATER }, 'expires', 0],
  ['Expires minus receipt when Date is bad', { expires: LATER, date: 'x' }, 'expires', 60_000],
  [
    'Expires beside other directives',
    { 'cache-control': 'public', expires: LATER, date: DATE },
    'expires',
    60_000
  ],
  ['Expires: 0', { expires: '0' }, 'expires', 0],
  ['Expires in the past', { expires: DATE, date: LATER }, 'expires', 0],
  ['two Expires lines', { expires: [LATER, LATER], date: DATE }, 'expires', 0],
  [
    'targeted over all',
    { 'cdn-cache-control': 'max-age=7', 'cache-control': 'no-store', expires: '0' },
    'targeted',
    7000
  ],
  [
    'targeted without lifetime',
    { 'cdn-cache-control': 'public', 'cache-control': 'max-age=5' },
    'none',
    undefined
  ],
  [
    'broken targeted',
    { 'cdn-cache-control': 'max-age=7,', 'cache-control': 'max-age=5' },
    'cache-control',
    5000
  ],
  ['accel over all', { 'x-accel-expires': '3', 'cdn-cache-control': 'max-age=7' }, 'x-accel-expires', 3000],
  ['accel at a time', { 'x-accel-expires': `@${NOW / 1000 + 9}` }, 'x-accel-expires', 9000],
  ['accel at a past time', { 'x-accel-expires': `@${NOW / 1000 - 9}` }, 'x-accel-expires', -9000],
  ['accel: first line only', { 'x-accel-expires': ['3', '9'] }, 'x-accel-expires', 3000],
  ['accel negative', { 'x-accel-expires': '-1', 'cache-control': 'max-age=5' }, 'cache-control', 5000],
  ['accel with a unit', { 'x-accel-expires': '5s', 'cache-control': 'max-age=5' }, 'cache-control', 5000],
  ['accel empty', { 'x-accel-expires': '', 'cache-control': 'max-age=5' }, 'cache-control', 5000]
]
for (const [name, fields, source, lifetimeMs] of sources) {
  test(`effectiveDirectives: ${name}`, () => {
    const effective = effectiveDirectives(fields, NOW)
    assert.deepEqual([effective.source, effective.lifetimeMs], [source, lifetimeMs])
  })
}

const targets: [string, Fields, string[], number | undefined][] = [
  [
    'the first that is there',
    { 'b-cache': 'max-age=2', 'cache-control': 'max-age=9' },
    ['a-cache', 'b-cache'],
    2
  ],
  ['the first of two', { 'b-cache': 'max-age=2', 'a-cache': 'max-age=1' }, ['a-cache', 'b-cache'], 1],
  ['past an unreadable one', { 'a-cache': '&&&', 'b-cache': 'max-age=2' }, ['a-cache', 'b-cache'], 2],
  ['past an empty one', { 'a-cache': '', 'b-cache': 'max-age=2' }, ['a-cache', 'b-cache'], 2],
  ['none is asked for', { 'cdn-cache-control': 'max-age=2', 'cache-control': 'max-age=9' }, [], 9]
]
for (const [name, fields, names, seconds] of targets) {
  test(`targeted fields: ${name}`, () => {
    const { lifetimeMs } = effectiveDirectives(fields, NOW, names)
    assert.equal(lifetimeMs, seconds === undefined ? undefined : seconds * 1000)
  })
}

test('X-Accel-Expires: 0 forbids storing, a time right now does not', () => {
  assert.equal(effectiveDirectives({ 'x-accel-expires': '0' }, NOW).noStore, true)
  assert.equal(effectiveDirectives({ 'x-accel-expires': `@${NOW / 1000}` }, NOW).noStore, false)
})

test('X-Accel-Expires overrules no-store, private and no-cache, and keeps the extensions', () => {
  const text = 'no-store, private, no-cache, must-revalidate, stale-while-revalidate=4, stale-if-error=5'
  assert.deepEqual(told(effectiveDirectives({ 'x-accel-expires': '60', 'cache-control': text }, NOW)), {
    mustRevalidate: true,
    staleWhileRevalidate: 4,
    staleIfError: 5,
    source: 'x-accel-expires',
    lifetimeMs: 60_000
  })
})

const piece = fc.constantFrom('max-age', 'no-store', 'private', '=', '"', ',', ' ', '5', 'x', '\\', ';', '\t')
test('no text makes a parser throw, and every number is sane', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(piece).map((pieces) => pieces.join(''))
  )
  fc.assert(
    fc.property(text, fc.array(text), (line, lines) => {
      for (const directives of [parseCacheControl(line), parseCacheControl(lines), parseTargeted(line)]) {
        if (directives === undefined) continue
        for (const value of [directives.maxAge, directives.sMaxage, directives.staleIfError]) {
          assert.ok(value === undefined || (Number.isInteger(value) && value >= 0 && value < 2 ** 31))
        }
      }
      effectiveDirectives(
        { 'x-accel-expires': line, expires: lines, date: line, 'cdn-cache-control': line },
        NOW
      )
    }),
    { numRuns: 500 }
  )
})

test('a response that says no-store in any case and place says it here', () => {
  const other = fc.constantFrom('max-age=5', 'public', 'x', 'x="a, b"', '', ' s-maxage=9 ', 'private="a"')
  const noStore = fc.constantFrom('no-store', 'NO-STORE', 'No-Store', ' no-store\t')
  fc.assert(
    fc.property(fc.array(other), noStore, fc.array(other), (before, it, after) => {
      assert.equal(parseCacheControl([...before, it, ...after].join(',')).noStore, true)
      assert.equal(parseCacheControl([...before, it, ...after]).noStore, true)
    })
  )
})
