import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ageSeconds, currentAgeMs, freshness, ttlSeconds } from '../../src/cache/freshness'
import type { StoredHead } from '../../src/cache/store/store'
import { formatHttpDate } from '../../src/http/date'
import type { Fields } from '../../src/http/message'

const NOW = Date.UTC(2026, 0, 1, 12)
const DAY = 86_400_000
const on = { heuristics: true, targeted: ['cdn-cache-control'] }
const ago = (seconds: number) => formatHttpDate(NOW - seconds * 1000)

function head(fields: Fields, more: Partial<StoredHead> = {}): StoredHead {
  return { status: 200, fields: { date: ago(0), ...fields }, requestTime: NOW, responseTime: NOW, ...more }
}

const lifetimes: [string, StoredHead, number, string][] = [
  ['nothing said', head({}), 0, 'none'],
  ['max-age', head({ 'cache-control': 'max-age=60' }), 60_000, 'cache-control'],
  ['max-age over valid', head({ 'cache-control': 'max-age=60' }, { validFor: 5 }), 60_000, 'cache-control'],
  ['max-age=0 over valid', head({ 'cache-control': 'max-age=0' }, { validFor: 5 }), 0, 'cache-control'],
  ['Expires', head({ expires: ago(-60) }), 60_000, 'expires'],
  ['bad Expires over valid', head({ expires: '0' }, { validFor: 5 }), 0, 'expires'],
  ['valid', head({}, { validFor: 5000 }), 5000, 'valid'],
  ['valid over heuristics', head({ 'last-modified': ago(1000) }, { validFor: 5000 }), 5000, 'valid'],
  [
    'valid runs from receipt though Date is old',
    head({ date: ago(600) }, { validFor: 5000 }),
    604_001,
    'valid'
  ],
  [
    'accel runs from receipt though Age is high',
    head({ age: '100', 'x-accel-expires': '5' }),
    105_000,
    'x-accel-expires'
  ],
  ['accel at a past time', head({ 'x-accel-expires': `@${NOW / 1000 - 5}` }), -5000, 'x-accel-expires'],
  ['a tenth since Last-Modified', head({ 'last-modified': ago(1000) }), 100_000, 'heuristic'],
  ['a day at most', head({ 'last-modified': ago(20 * 86_400) }), DAY, 'heuristic'],
  ['Last-Modified after Date', head({ 'last-modified': ago(-5) }), 0, 'heuristic'],
  ['bad Last-Modified', head({ 'last-modified': 'x' }), 0, 'none'],
  ['a guess for 404', head({ 'last-modified': ago(1000) }, { status: 404 }), 100_000, 'heuristic'],
  ['no guess for 302', head({ 'last-modified': ago(1000) }, { status: 302 }), 0, 'none'],
  [
    'a guess for 599 when public',
    head({ 'last-modified': ago(1000), 'cache-control': 'public' }, { status: 599 }),
    100_000,
    'heuristic'
  ],
  ['malformed', head({ 'cache-control': 'max-age=60, no-store; x' }), 0, 'cache-control']
]
for (const [name, stored, lifetimeMs, source] of lifetimes) {
  test(`lifetime: ${name}`, () => {
    const result = freshness(stored, on)
    assert.deepEqual([result.lifetimeMs, result.source], [lifetimeMs, source])
  })
}

for (const status of [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501]) {
  test(`lifetime: a guess may be made for ${status}`, () => {
    assert.equal(freshness(head({ 'last-modified': ago(10) }, { status }), on).lifetimeMs, 1000)
  })
}

test('lifetime: no guess with heuristics off', () => {
  assert.equal(freshness(head({ 'last-modified': ago(1000) }), { ...on, heuristics: false }).lifetimeMs, 0)
})

const ages: [string, StoredHead, number][] = [
  ['none', head({}), 0],
  ['Date in the past', head({ date: ago(10) }), 9001],
  [
    'Date within its own second',
    head({ date: ago(0) }, { responseTime: NOW + 900, requestTime: NOW + 900 }),
    0
  ],
  ['Date in the future', head({ date: ago(-10) }), 0],
  ['no readable Date', head({ date: 'x' }), 0],
  ['Age', head({ age: '7' }), 7000],
  ['the larger of both', head({ age: '7', date: ago(60) }), 59_001],
  ['time under way', head({ age: '7' }, { requestTime: NOW - 300 }), 7300],
  ['a clock set back meanwhile', head({ age: '7' }, { requestTime: NOW + 300 }), 7000],
  ['first member', head({ age: '7, 0' }), 7000],
  ['first member is 0', head({ age: '0,7' }), 0],
  ['first line', head({ age: ['7', '0'] }), 7000],
  ['leading zeros', head({ age: '007' }), 7000],
  ['huge', head({ age: '99999999999999999999' }), 2_147_483_647_000],
  ['negative', head({ age: '-7' }), 0],
  ['a float', head({ age: '7.0' }), 0],
  ['text', head({ age: 'abc' }), 0],
  ['empty', head({ age: '' }), 0]
]
for (const [name, stored, initialAgeMs] of ages) {
  test(`initial age: ${name}`, () => assert.equal(freshness(stored, on).initialAgeMs, initialAgeMs))
}

test('Age counts from the request, floored', () => {
  const stored = head({ age: '5' }, { requestTime: NOW - 600 })
  const result = freshness(stored, on)
  assert.equal(ageSeconds(stored, result, NOW + 2399), 7)
  assert.equal(ageSeconds(stored, result, NOW + 2400), 8)
})

test('a clock that was set back makes nothing younger', () => {
  const stored = head({ age: '5' })
  assert.equal(currentAgeMs(stored, freshness(stored, on), NOW - 60_000), 5000)
})

test('ttl is what is left, and negative afterwards', () => {
  const stored = head({ 'cache-control': 'max-age=60' })
  const result = freshness(stored, on)
  assert.equal(ttlSeconds(stored, result, NOW + 20_000), 40)
  assert.equal(ttlSeconds(stored, result, NOW + 65_000), -5)
})

const prohibitions: [string, boolean, boolean, boolean?][] = [
  ['max-age=1', false, false],
  ['max-age=1, must-revalidate', true, false],
  ['max-age=1, proxy-revalidate', true, false],
  ['s-maxage=1', false, false, true],
  ['s-maxage=1, stale-while-revalidate=5', false, false, true],
  ['no-cache, max-age=1', true, true],
  ['no-cache="a", max-age=1', false, false],
  ['max-age=1, stale-while-revalidate=5', false, false]
]
for (const [text, forbidsStale, alwaysValidate, onlyInWindows = false] of prohibitions) {
  test(`stale: ${text}`, () => {
    const result = freshness(head({ 'cache-control': text }), on)
    assert.deepEqual([result.forbidsStale, result.alwaysValidate], [forbidsStale, alwaysValidate])
    assert.equal(result.onlyInWindows, onlyInWindows)
  })
}

test('stale windows in milliseconds, an absent one told apart from 0', () => {
  const some = freshness(head({ 'cache-control': 'stale-while-revalidate=5, stale-if-error=0' }), on)
  assert.deepEqual([some.staleWhileRevalidateMs, some.staleIfErrorMs], [5000, 0])
  const none = freshness(head({}), on)
  assert.deepEqual([none.staleWhileRevalidateMs, none.staleIfErrorMs], [0, undefined])
})

test('whatever the fields say, nothing throws and every number is finite', () => {
  const text = fc.string({ unit: 'binary' })
  const date = fc.integer({ min: -1e5, max: 1e5 }).map(ago)
  const value = fc.oneof(text, date, fc.nat().map(String))
  const fields = fc.record({
    date: value,
    age: value,
    expires: value,
    'last-modified': value,
    'x-accel-expires': value
  })
  fc.assert(
    fc.property(fields, fc.integer({ min: 100, max: 999 }), (it, status) => {
      const stored = head(it, { status })
      const result = freshness(stored, on)
      assert.ok(Number.isFinite(result.lifetimeMs) && result.initialAgeMs >= 0)
      assert.ok(ageSeconds(stored, result, NOW) >= 0)
    })
  )
})
