import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import type { UpstreamRequest } from '../../../src/http/message'
import { type Announced, requestHead } from '../../../src/upstream/http1/request-head'

const SETTINGS = { authority: 'upstream.example:81', connection: 'keep-alive' } as const
const stream = () => new Readable({ read() {} })
const request = (parts: Partial<UpstreamRequest>): UpstreamRequest => ({
  method: 'GET',
  path: '/',
  fields: { host: 'h' },
  body: null,
  ...parts
})

const SENT: [string, Partial<UpstreamRequest>, string, Announced][] = [
  ['a plain GET', {}, 'GET / HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\n\r\n', 0],
  [
    'the target byte for byte',
    { path: '/a//b%2F/../?x=%zz&ä' },
    'GET /a//b%2F/../?x=%zz&ä HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\n\r\n',
    0
  ],
  [
    'its own address where no host is given',
    { fields: {} },
    'GET / HTTP/1.1\r\nhost: upstream.example:81\r\nconnection: keep-alive\r\n\r\n',
    0
  ],
  [
    'several lines of one name',
    { fields: { host: 'h', x: ['1', '2'] } },
    'GET / HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\nx: 1\r\nx: 2\r\n\r\n',
    0
  ],
  [
    'TE with its connection option',
    { fields: { host: 'h', te: 'trailers' } },
    'GET / HTTP/1.1\r\nhost: h\r\nconnection: keep-alive, te\r\nte: trailers\r\n\r\n',
    0
  ],
  [
    "the caller's connection field is not sent",
    { fields: { host: 'h', connection: 'x' } },
    'GET / HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\n\r\n',
    0
  ],
  [
    'POST without content says so',
    { method: 'POST' },
    'POST / HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n',
    0
  ],
  [
    'DELETE says it when the client did',
    { method: 'DELETE', fields: { host: 'h', 'content-length': '0' } },
    'DELETE / HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n',
    0
  ],
  [
    'a Buffer',
    { method: 'PUT', body: Buffer.from('abc') },
    'PUT / HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\ncontent-length: 3\r\n\r\n',
    3
  ],
  [
    'content with GET',
    { body: Buffer.from('abc') },
    'GET / HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\ncontent-length: 3\r\n\r\n',
    3
  ],
  [
    'a stream with a length',
    { method: 'PUT', body: stream(), fields: { host: 'h', 'content-length': '7' } },
    'PUT / HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\ncontent-length: 7\r\n\r\n',
    7
  ],
  [
    'a stream without one',
    { method: 'PUT', body: stream() },
    'PUT / HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n',
    'chunked'
  ],
  [
    'trailers are announced behind chunks',
    { method: 'PUT', body: stream(), trailers: { announced: ['x-a', 'x-b'], read: () => ({}) } },
    'PUT / HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\ntrailer: x-a, x-b\r\n\r\n',
    'chunked'
  ],
  [
    'and not where none are',
    { method: 'PUT', body: stream(), trailers: { announced: [], read: () => ({}) } },
    'PUT / HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n',
    'chunked'
  ],
  [
    'nor behind a length',
    {
      method: 'PUT',
      body: stream(),
      fields: { host: 'h', 'content-length': '7', trailer: 'x-a' },
      trailers: { announced: ['x-a'], read: () => ({}) }
    },
    'PUT / HTTP/1.1\r\nhost: h\r\nconnection: keep-alive\r\ncontent-length: 7\r\n\r\n',
    7
  ]
]

for (const [name, parts, text, content] of SENT) {
  test(`sent: ${name}`, () => {
    assert.deepEqual(requestHead(request(parts), SETTINGS), { text, content })
  })
}

test('a connection that is not kept says close', () => {
  const head = requestHead(request({}), { ...SETTINGS, connection: 'close' })
  assert.ok(typeof head !== 'string' && head.text.includes('\r\nconnection: close\r\n'))
})

const REFUSED: [string, Partial<UpstreamRequest>][] = [
  ['a space in the method', { method: 'G T' }],
  ['no method', { method: '' }],
  ['a line end in the method', { method: 'GET\r\nx: ' }],
  ['a space in the target', { path: '/a b' }],
  ['no target', { path: '' }],
  ['a line end in the target', { path: '/ HTTP/1.1\r\nx: 1' }],
  ['a target above latin1', { path: '/€' }],
  ['a line end in a value', { fields: { host: 'h', x: 'a\nb' } }],
  ['CR in a value', { fields: { host: 'h', x: 'a\rb' } }],
  ['NUL in a value', { fields: { host: 'h', x: 'a\0b' } }],
  ['a value above latin1, which could become a line end', { fields: { host: 'h', x: 'a\u010ab' } }],
  ['a line end in the second line', { fields: { host: 'h', x: ['a', 'b\nc'] } }],
  ['a line end in host', { fields: { host: 'h\r\nx: 1' } }],
  ['two hosts', { fields: { host: ['a', 'b'] } }],
  ['a space in a name', { fields: { host: 'h', 'bad name': 'x' } }],
  ['a colon in a name', { fields: { host: 'h', 'bad:': 'x' } }],
  ['an empty name', { fields: { host: 'h', '': 'x' } }],
  ['transfer-encoding', { fields: { host: 'h', 'transfer-encoding': 'chunked' } }],
  ['upgrade', { fields: { host: 'h', upgrade: 'x' } }],
  ['expect', { fields: { host: 'h', expect: '100-continue' } }],
  ['a length with no content', { fields: { host: 'h', 'content-length': '3' } }],
  [
    'another length than the content has',
    { fields: { host: 'h', 'content-length': '3' }, body: Buffer.from('ab') }
  ],
  ['a length that is none', { fields: { host: 'h', 'content-length': '+3' }, body: stream() }],
  ['two lengths', { fields: { host: 'h', 'content-length': ['3', '3'] }, body: stream() }],
  [
    'a length beyond what can be counted',
    { fields: { host: 'h', 'content-length': '9007199254740993' }, body: stream() }
  ]
]

for (const [name, parts] of REFUSED) {
  test(`refused: ${name}`, () => {
    assert.equal(typeof requestHead(request(parts), SETTINGS), 'string')
  })
}

test('whatever is in a request, its head has as many lines as fields', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', ' ', '\r', '\n', ':', '\0', '\x85', '\u010d', 'é'),
    maxLength: 6
  })
  fc.assert(
    fc.property(text, text, text, text, (method, path, name, value) => {
      const head = requestHead(request({ method, path, fields: { host: 'h', [name]: value } }), SETTINGS)
      if (typeof head === 'string') return
      const bytes = Buffer.from(head.text, 'latin1').toString('latin1')
      const own = name === 'host' || name === 'connection' ? 3 : 4
      assert.equal(bytes.split(/[\r\n]+/).length, own + 1)
    }),
    { numRuns: 2000 }
  )
})
