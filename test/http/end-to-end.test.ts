import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  collectFields,
  endToEnd,
  requestFields,
  responseFields,
  trailerFields
} from '../../src/http/end-to-end'
import type { Fields } from '../../src/http/message'

const CASES: [string, Fields, Fields][] = [
  ['plain fields stay', { a: '1', 'set-cookie': ['x', 'y'] }, { a: '1', 'set-cookie': ['x', 'y'] }],
  [
    'hop-by-hop fields go',
    {
      connection: 'keep-alive',
      'keep-alive': 'timeout=5',
      'proxy-connection': 'x',
      'proxy-authenticate': 'x',
      te: 'gzip',
      trailer: 'x',
      'transfer-encoding': 'chunked',
      upgrade: 'h2c',
      kept: '1'
    },
    { kept: '1' }
  ],
  [
    'nominated fields go, whatever their case',
    { connection: 'close, X-Hop ,x-other', 'x-hop': '1', 'x-other': '2', x: '3' },
    { x: '3' }
  ],
  ['several connection lines count', { connection: ['x-a', 'x-b'], 'x-a': '1', 'x-b': '2' }, {}],
  [
    'protected fields cannot be nominated away',
    {
      connection: 'host, content-length, x-forwarded-for, authorization',
      host: 'h',
      'content-length': '5',
      'x-forwarded-for': '1.1.1.1',
      authorization: 'b'
    },
    { host: 'h', 'content-length': '5', 'x-forwarded-for': '1.1.1.1', authorization: 'b' }
  ],
  ['pseudo-fields of HTTP/2 go', { ':method': 'GET', ':authority': 'h', host: 'h' }, { host: 'h' }],
  ['an empty connection names nothing', { connection: '', a: '1' }, { a: '1' }]
]

for (const [name, input, expected] of CASES) {
  test(`end-to-end: ${name}`, () => {
    assert.deepEqual({ ...endToEnd(input) }, expected)
  })
}

const TE: [string | string[], string | undefined][] = [
  ['trailers', 'trailers'],
  ['gzip, Trailers', 'trailers'],
  [['gzip', 'trailers'], 'trailers'],
  ['gzip', undefined],
  ['x-trailers', undefined]
]

for (const [te, expected] of TE) {
  test(`te: ${te} goes on as ${expected}`, () => {
    assert.equal(requestFields({ te, connection: 'te' }).te, expected)
  })
}

test('the input is left as it was', () => {
  const fields = { connection: 'x-a', 'x-a': '1' }
  endToEnd(fields)
  assert.deepEqual(fields, { connection: 'x-a', 'x-a': '1' })
})

test('raw fields become lower case, in order, with arrays for repeated names', () => {
  const fields = collectFields(['Set-Cookie', 'a', 'X', '1', 'SET-COOKIE', 'b', 'set-cookie', 'c'])
  assert.deepEqual({ ...fields }, { 'set-cookie': ['a', 'b', 'c'], x: '1' })
  assert.equal(Object.getPrototypeOf(fields), null)
})

test('a field named __proto__ is a field like any other', () => {
  const fields = responseFields(['__proto__', 'x', 'constructor', 'y', 'tostring', 'z'])
  assert.deepEqual(Object.keys(fields).sort(), ['__proto__', 'constructor', 'tostring'])
  assert.equal(Object.getPrototypeOf(fields), null)
})

test("a response's fields in one pass are what both rules make of them one after the other", () => {
  const name = fc.constantFrom(
    'connection',
    'te',
    'vary',
    'set-cookie',
    'x-a',
    'x-b',
    'upgrade',
    'etag',
    ':status'
  )
  const value = fc.constantFrom('x-a', 'close', 'x-b, x-a', 'keep-alive', 'Vary, etag', '')
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 12 }), (lines) => {
      const raw = lines.flat()
      assert.deepEqual(responseFields(raw), endToEnd(collectFields(raw)))
      assert.deepEqual(Object.keys(responseFields(raw)), Object.keys(endToEnd(collectFields(raw))))
    }),
    { numRuns: 2000 }
  )
})

test('a trailer can neither frame nor identify', () => {
  const raw = [
    'content-length',
    '5',
    'set-cookie',
    'a',
    'transfer-encoding',
    'chunked',
    'Server-Timing',
    'db'
  ]
  assert.deepEqual({ ...trailerFields(raw) }, { 'server-timing': 'db' })
})

test('applying the rule twice changes nothing more', () => {
  const name = fc.constantFrom('connection', 'te', 'host', 'x-a', 'x-b', 'upgrade')
  const fields = fc.dictionary(name, fc.constantFrom('x-a', 'close', 'x-b, x-a', 'trailers'))
  fc.assert(
    fc.property(fields, (input) => {
      const once = endToEnd(input)
      assert.deepEqual(endToEnd(once), once)
    })
  )
})
