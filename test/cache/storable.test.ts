import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type CacheFacts,
  hasPersonalCookie,
  type StorePolicy,
  storable,
  storedFields
} from '../../src/cache/storable'
import { formatHttpDate } from '../../src/http/date'
import type { Fields } from '../../src/http/message'

const NOW = Date.UTC(2026, 0, 1, 12)
const get: CacheFacts = { method: 'GET', fields: {}, hasBody: false, private: false }
const policy: StorePolicy = {
  valid: new Map(),
  cookies: 'bypass',
  heuristics: true,
  targeted: ['cdn-cache-control'],
  setCookie: 'skip'
}
const fresh = { 'cache-control': 'max-age=60' }
const modified = formatHttpDate(NOW - 1e6)

function decide(
  fields: Fields,
  request: Partial<CacheFacts> = {},
  more: Partial<StorePolicy> = {},
  status = 200
) {
  const decision = storable({ ...get, ...request }, { status, fields }, { ...policy, ...more }, NOW)
  return decision.store ? 'stored' : decision.reason
}

const byFields: [Fields, string][] = [
  [{}, 'no-freshness'],
  [{ 'cache-control': 'max-age=60' }, 'stored'],
  [{ 'cache-control': 's-maxage=60' }, 'stored'],
  [{ 'cache-control': 'max-age=60, foo' }, 'stored'],
  [{ 'cache-control': 'max-age=0' }, 'no-freshness'],
  [{ 'cache-control': 'max-age=0', etag: '"a"' }, 'stored'],
  [{ 'cache-control': 'max-age=0, stale-while-revalidate=5' }, 'stored'],
  [{ 'cache-control': 'max-age=0, stale-if-error=5' }, 'stored'],
  [{ 'cache-control': 'public' }, 'no-freshness'],
  [{ expires: formatHttpDate(NOW + 5000), date: formatHttpDate(NOW) }, 'stored'],
  [{ expires: '0' }, 'no-freshness'],
  [{ etag: '"a"' }, 'stored'],
  [{ etag: '' }, 'no-freshness'],
  [{ 'last-modified': modified }, 'stored'],
  [{ 'last-modified': 'yesterday' }, 'no-freshness'],
  [{ 'cache-control': 'no-cache', etag: '"a"' }, 'stored'],
  [{ 'cache-control': 'no-cache', 'last-modified': modified }, 'stored'],
  [{ 'cache-control': 'no-cache, max-age=60' }, 'no-cache'],
  [{ 'cache-control': 'no-cache="x", max-age=60' }, 'stored'],
  [{ 'cache-control': 'private="x", max-age=60' }, 'stored'],
  [{ 'cache-control': 'private, max-age=60' }, 'private'],
  [{ 'cache-control': 'PRIVATE="", max-age=60' }, 'private'],
  [{ 'cache-control': ['max-age=60', 'No-Store'] }, 'no-store'],
  [{ 'cache-control': 'public, no-store, max-age=60' }, 'no-store'],
  [{ 'cache-control': 'no-store, must-understand, max-age=60' }, 'stored'],
  [{ 'cache-control': 'max-age=60x', etag: '"a"' }, 'malformed'],
  [{ 'cache-control': 'no-store; max-age=60' }, 'malformed'],
  [{ 'cache-control': 'ext="a, no-store' }, 'malformed'],
  [{ ...fresh, 'set-cookie': 'a=1' }, 'set-cookie'],
  [{ 'cache-control': 'public, s-maxage=60', 'set-cookie': ['a=1', 'b=2'] }, 'set-cookie'],
  [{ ...fresh, vary: '*' }, 'vary'],
  [{ ...fresh, vary: ['accept', 'a, *'] }, 'vary'],
  [{ ...fresh, vary: 'accept, cookie' }, 'stored'],
  [{ ...fresh, 'x-accel-expires': '0' }, 'no-store'],
  [{ 'cache-control': 'private, no-store', 'x-accel-expires': '5' }, 'stored'],
  [{ 'x-accel-expires': '@1' }, 'no-freshness'],
  [{ 'x-accel-expires': '@1', 'cache-control': 'stale-while-revalidate=5' }, 'stored'],
  [{ ...fresh, 'cdn-cache-control': 'no-store' }, 'no-store'],
  [{ ...fresh, 'cdn-cache-control': 'private' }, 'private'],
  [{ 'cache-control': 'no-store', 'cdn-cache-control': 'max-age=60' }, 'stored'],
  [{ ...fresh, 'cdn-cache-control': 'max-age="60"' }, 'malformed'],
  [{ ...fresh, 'content-range': 'bytes 0-1/2' }, 'stored'],
  [{ ...fresh, pragma: 'no-cache' }, 'stored']
]
for (const [fields, expected] of byFields) {
  test(`storable: ${JSON.stringify(fields)}`, () => assert.equal(decide(fields), expected))
}

const byRequest: [Partial<CacheFacts>, Fields, string][] = [
  [{ method: 'HEAD' }, fresh, 'method'],
  [{ method: 'POST' }, fresh, 'method'],
  [{ method: 'get' }, fresh, 'method'],
  [{ hasBody: true }, { 'cache-control': 'public, max-age=60' }, 'body'],
  [{ fields: { 'cache-control': 'no-store' } }, fresh, 'request-no-store'],
  [{ fields: { 'cache-control': 'no-cache' } }, fresh, 'stored'],
  [{ fields: { authorization: 'x' } }, fresh, 'authorization'],
  [{ fields: { authorization: '' } }, fresh, 'authorization'],
  [{ fields: { authorization: 'x' } }, { 'cache-control': 'public, max-age=60' }, 'stored'],
  [{ fields: { authorization: 'x' } }, { 'cache-control': 's-maxage=60' }, 'stored'],
  [{ fields: { authorization: 'x' } }, { 'cache-control': 'must-revalidate, max-age=60' }, 'stored'],
  [{ fields: { authorization: 'x' } }, { 'cache-control': 'proxy-revalidate, max-age=60' }, 'authorization'],
  [{ fields: { authorization: 'x' } }, { 'cache-control': 'public=1, max-age=60' }, 'authorization'],
  [{ fields: { authorization: 'x' } }, { 'x-accel-expires': '60' }, 'authorization'],
  [{ private: true }, fresh, 'authorization'],
  [{ private: true }, { 'cache-control': 'public, max-age=60' }, 'stored'],
  [{ fields: { cookie: 'a=1' } }, fresh, 'stored'],
  [{ fields: { cookie: 'a=1' } }, { etag: '"a"' }, 'cookie'],
  [{ fields: { cookie: 'a=1' } }, { 'last-modified': modified }, 'cookie'],
  [{ fields: { cookie: 'a=1' } }, { 'last-modified': modified, 'cache-control': 'public' }, 'stored']
]
for (const [request, fields, expected] of byRequest) {
  test(`storable: ${JSON.stringify(request)} ${JSON.stringify(fields)}`, () => {
    assert.equal(decide(fields, request), expected)
  })
}

for (const status of [100, 102, 103, 199, 206, 304]) {
  test(`storable: never ${status}`, () => assert.equal(decide(fresh, {}, {}, status), 'status'))
}
for (const status of [200, 203, 204, 299, 301, 302, 303, 307, 308, 400, 404, 410, 499, 500, 503, 504, 599]) {
  test(`storable: ${status} with explicit freshness`, () =>
    assert.equal(decide(fresh, {}, {}, status), 'stored'))
}
for (const status of [299, 499, 599]) {
  test(`storable: ${status} is not understood`, () => {
    assert.equal(
      decide({ 'cache-control': 'must-understand, max-age=60' }, {}, {}, status),
      'must-understand'
    )
  })
}

test("the client's no-store can be ignored", () => {
  const request = { fields: { 'cache-control': 'no-store' } }
  assert.equal(decide(fresh, request, { requestDirectives: false }), 'stored')
})

test('Set-Cookie is stored only where the route says so', () => {
  assert.equal(decide({ ...fresh, 'set-cookie': 'a=1' }, {}, { setCookie: 'store' }), 'stored')
})

test('heuristics off: Last-Modified still is a validator', () => {
  assert.equal(decide({ 'last-modified': modified }, {}, { heuristics: false }), 'stored')
})

const valid = new Map([
  [200, 5000],
  [404, 1000],
  [302, 0]
])
const byValid: [string, Fields, number, ReadonlyMap<number, number>, unknown][] = [
  ['its status', {}, 404, valid, { store: true, validForMs: 1000 }],
  ['another status', {}, 500, valid, { store: false, reason: 'no-freshness' }],
  ['any', {}, 500, new Map([...valid, [0, 7]]), { store: true, validForMs: 7 }],
  ['its status over any', {}, 404, new Map([...valid, [0, 7]]), { store: true, validForMs: 1000 }],
  ['zero', { etag: '"a"' }, 302, valid, { store: false, reason: 'valid-zero' }],
  ['max-age rules', fresh, 200, valid, { store: true }],
  ['max-age=0 rules', { 'cache-control': 'max-age=0' }, 200, valid, { store: false, reason: 'no-freshness' }],
  ['no-cache rules', { 'cache-control': 'no-cache', etag: '"a"' }, 200, valid, { store: true }],
  ['no-store rules', { 'cache-control': 'no-store' }, 200, valid, { store: false, reason: 'no-store' }],
  ['public alone says no time', { 'cache-control': 'public' }, 200, valid, { store: true, validForMs: 5000 }],
  [
    'a bad max-age is not absent',
    { 'cache-control': 'max-age=x' },
    200,
    valid,
    { store: false, reason: 'malformed' }
  ],
  ['206', {}, 206, new Map([[206, 5]]), { store: false, reason: 'status' }],
  ['412', fresh, 412, valid, { store: false, reason: 'status' }],
  ['416', fresh, 416, valid, { store: false, reason: 'status' }],
  ['any is not 400', {}, 400, new Map([[0, 5]]), { store: false, reason: 'no-freshness' }],
  ['any is not 405', {}, 405, new Map([[0, 5]]), { store: false, reason: 'no-freshness' }],
  ['any is not 431', {}, 431, new Map([[0, 5]]), { store: false, reason: 'no-freshness' }],
  ['400 by its name', {}, 400, new Map([[400, 5]]), { store: true, validForMs: 5 }],
  ['400 by the word of its origin', fresh, 400, valid, { store: true }]
]
for (const [name, fields, status, table, expected] of byValid) {
  test(`valid: ${name}`, () => {
    assert.deepEqual(storable(get, { status, fields }, { ...policy, valid: table }, NOW), expected)
  })
}

test('our own valid does not apply to a request with a Cookie', () => {
  const request = { fields: { cookie: 'a=1' } }
  assert.equal(decide({}, request, { valid }), 'cookie')
  assert.equal(decide({}, request, { valid, cookies: 'ignore' }), 'stored')
  assert.equal(decide({}, request, { valid, cookies: ['b'] }), 'stored')
  assert.equal(decide({}, request, { valid, cookies: ['a'] }), 'cookie')
  assert.equal(decide({ 'cache-control': 'public' }, request, { valid }), 'stored')
})

const cookies: [string | string[] | undefined, StorePolicy['cookies'], boolean][] = [
  [undefined, 'bypass', false],
  ['', 'bypass', false],
  [' ', 'bypass', false],
  ['a=1', 'bypass', true],
  ['a=1', 'ignore', false],
  ['x=1; session=2', ['session'], true],
  ['xsession=2', ['session'], false],
  ['session', ['session'], true],
  [['x=1', 'session=2'], ['session'], true],
  ['x=session', ['session'], false],
  ['a=1', [], false]
]
for (const [cookie, which, expected] of cookies) {
  test(`hasPersonalCookie: ${JSON.stringify([cookie, which])}`, () => {
    assert.equal(hasPersonalCookie(cookie === undefined ? {} : { cookie }, which), expected)
  })
}

test('storedFields drops what private and no-cache name and leaves its input alone', () => {
  const fields = {
    'cache-control': 'private="X-A", no-cache="b, c"',
    'x-a': '1',
    b: '2',
    c: '3',
    d: '4',
    date: 'x'
  }
  assert.deepEqual(
    { ...storedFields(fields, NOW, policy.targeted) },
    { 'cache-control': fields['cache-control'], d: '4', date: 'x' }
  )
  assert.equal(fields['x-a'], '1')
})

test('storedFields adds a Date where there is none', () => {
  assert.equal(storedFields({}, NOW, []).date, formatHttpDate(NOW))
})

const directive = fc.constantFrom(
  'max-age=60',
  's-maxage=60',
  'public',
  'must-revalidate',
  'no-cache',
  'immutable',
  'x="y"',
  'stale-if-error=5'
)
const table = new Map([[0, 5000]])
test('no combination stores what is private, no-store, personal or sets a cookie', () => {
  const lines = fc.array(directive).map((members) => members.join(', '))
  const forbidden = fc.constantFrom<Fields>(
    { 'cache-control': 'no-store' },
    { 'cache-control': 'private' },
    { 'set-cookie': 'a=1' },
    { vary: '*' },
    { 'cache-control': 'Private' },
    { 'cache-control': 'max-age=1;x' }
  )
  fc.assert(
    fc.property(lines, forbidden, fc.integer({ min: 100, max: 999 }), (text, more, status) => {
      const line = more['cache-control']
      const fields = { etag: '"a"', ...more, 'cache-control': typeof line === 'string' ? [text, line] : text }
      assert.notEqual(decide(fields, {}, { valid: table }, status), 'stored')
    })
  )
})

test('credentials, a cookie, a body or no-store of the client only ever make it stricter', () => {
  const lines = fc.array(directive).map((members) => members.join(', '))
  const request = fc.constantFrom<Partial<CacheFacts>>(
    { private: true },
    { hasBody: true },
    { fields: { authorization: 'x' } },
    { fields: { cookie: 'a=1' } },
    { fields: { 'cache-control': 'no-store' } },
    { fields: { 'cache-control': 'max-stale, public, max-age=9' } }
  )
  fc.assert(
    fc.property(lines, request, fc.boolean(), (text, it, validator) => {
      const fields: Fields = validator ? { 'cache-control': text, etag: '"a"' } : { 'cache-control': text }
      if (decide(fields, it, { valid: table }) === 'stored')
        assert.equal(decide(fields, {}, { valid: table }), 'stored')
    })
  )
})
