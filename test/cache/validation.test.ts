import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoredHead } from '../../src/cache/store/store'
import { clearConditional, conditionalFields, confirms, freshen } from '../../src/cache/validation'
import { formatHttpDate } from '../../src/http/date'
import type { Fields } from '../../src/http/message'

const T0 = Date.UTC(2026, 0, 1, 12)
const DATE = formatHttpDate(T0)
const MODIFIED = formatHttpDate(T0 - 1e6)
const times = { requestTime: T0 + 5000, responseTime: T0 + 5100, targeted: [] }

function head(fields: Fields): StoredHead {
  return {
    status: 200,
    fields: { date: DATE, ...fields },
    requestTime: T0,
    responseTime: T0,
    tags: ['t'],
    validFor: 7
  }
}

const conditions: [string, Fields, Fields | undefined][] = [
  ['nothing', {}, undefined],
  ['empty ETag', { etag: '' }, undefined],
  ['unreadable date', { 'last-modified': 'x' }, undefined],
  ['ETag', { etag: 'W/"a"' }, { 'if-none-match': 'W/"a"' }],
  ['two ETag lines', { etag: ['"a"', '"b"'] }, { 'if-none-match': '"a"' }],
  ['Last-Modified', { 'last-modified': MODIFIED }, { 'if-modified-since': MODIFIED }],
  [
    'both',
    { etag: '"a"', 'last-modified': MODIFIED },
    { 'if-none-match': '"a"', 'if-modified-since': MODIFIED }
  ]
]
for (const [name, fields, expected] of conditions) {
  test(`conditionalFields: ${name}`, () => {
    const result = conditionalFields(head(fields))
    assert.deepEqual(result && { ...result }, expected)
  })
}

test("clearConditional drops the client's conditions and Range, and nothing else", () => {
  const fields = {
    accept: 'a',
    'if-match': '*',
    'if-none-match': '"a"',
    'if-modified-since': DATE,
    'if-unmodified-since': DATE,
    'if-range': '"a"',
    range: 'bytes=0-1',
    'cache-control': 'no-cache'
  }
  assert.deepEqual({ ...clearConditional(fields) }, { accept: 'a', 'cache-control': 'no-cache' })
  assert.equal(fields.range, 'bytes=0-1')
})

const confirmations: [string, Fields, Fields, boolean][] = [
  ['same ETag', { etag: '"a"' }, { etag: '"a"' }, true],
  ['another ETag', { etag: '"a"' }, { etag: '"b"' }, false],
  ['weak and strong', { etag: '"a"' }, { etag: 'W/"a"' }, true],
  ['a 304 without validators', { etag: '"a"' }, {}, true],
  ['an ETag that we did not have', {}, { etag: '"b"' }, true]
]
for (const [name, stored, fields, expected] of confirmations) {
  test(`confirms: ${name}`, () => assert.equal(confirms(head(stored), { fields }), expected))
}

function after(stored: Fields, fields: Fields): Fields {
  return { ...freshen(head(stored), { fields }, times).fields }
}

test('freshen replaces fields and adds new ones', () => {
  const result = after(
    { a: '1', b: '2', 'cache-control': 'max-age=1' },
    { a: ['3', '4'], c: '5', date: DATE, 'cache-control': 'max-age=9' }
  )
  assert.deepEqual(result, { a: ['3', '4'], b: '2', c: '5', date: DATE, 'cache-control': 'max-age=9' })
})

test('freshen keeps what describes the stored bytes', () => {
  const content = {
    'content-length': '5',
    'content-encoding': 'br',
    'content-range': 'x',
    'content-md5': 'a',
    'content-digest': 'sha-256=:a:'
  }
  const other = {
    'content-length': '0',
    'content-encoding': 'gzip',
    'content-range': 'y',
    'content-md5': 'b',
    'content-digest': 'sha-256=:b:'
  }
  assert.deepEqual(after(content, { ...other, date: DATE }), { ...content, date: DATE })
  assert.deepEqual(after({}, { ...other, 'content-language': 'de', date: DATE }), {
    'content-language': 'de',
    date: DATE
  })
})

test('freshen takes the media type from the 304', () => {
  const result = after({ 'content-type': 'a/b' }, { 'content-type': 'a/b;charset=utf-8', date: DATE })
  assert.deepEqual(result, { 'content-type': 'a/b;charset=utf-8', date: DATE })
})

test('freshen takes Age and Date from the 304, also when it has none', () => {
  assert.deepEqual(after({ age: '500' }, {}), { date: formatHttpDate(times.responseTime) })
  assert.deepEqual(after({ age: '500' }, { age: '3', date: MODIFIED }), { age: '3', date: MODIFIED })
})

test('freshen never gives the cookie of one client to the others', () => {
  assert.deepEqual(after({}, { 'set-cookie': 'a=1', date: DATE }), { date: DATE })
  assert.equal(after({ 'set-cookie': 'a=1' }, { 'set-cookie': 'a=2' })['set-cookie'], 'a=2')
})

test('freshen drops what the new directives name', () => {
  const result = after({ a: '1' }, { 'cache-control': 'private="a"', date: DATE })
  assert.deepEqual(result, { 'cache-control': 'private="a"', date: DATE })
})

test('freshen leaves the stored head alone and keeps the rest of it', () => {
  const stored = head({ a: '1', 'cache-tag': 't' })
  const result = freshen(stored, { fields: { a: '2' } }, times)
  const { requestTime, responseTime } = times
  assert.equal(stored.fields.a, '1')
  assert.deepEqual(
    { ...result, fields: {} },
    { status: 200, fields: {}, requestTime, responseTime, tags: ['t'], validFor: 7 }
  )
})
