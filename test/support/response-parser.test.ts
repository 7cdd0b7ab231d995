// The parser decides what every wire test believes, so it is held to cut, doubled and broken responses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseResponse, type RawResponse, rawField } from './response-parser'

const bytes = (text: string) => Buffer.from(text, 'latin1')

function parsed(text: string, method = 'GET', ended = false): RawResponse & { length: number } {
  const result = parseResponse(bytes(text), method, ended)
  if (result.kind !== 'response') assert.fail(`${result.kind}: ${JSON.stringify(result)}`)
  return { ...result.response, length: result.length }
}

const WHOLE: [name: string, text: string, method: string, ended: boolean, expected: object][] = [
  [
    'length',
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc',
    'GET',
    false,
    { framing: 'length', body: 'abc' }
  ],
  [
    'length zero',
    'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
    'GET',
    false,
    { framing: 'length', body: '' }
  ],
  [
    'close',
    'HTTP/1.0 200 OK\r\n\r\nabc',
    'GET',
    true,
    { framing: 'close', body: 'abc', version: 'HTTP/1.0' }
  ],
  [
    'HEAD with a length',
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n',
    'HEAD',
    false,
    { framing: 'none', body: '' }
  ],
  [
    '304 with a length',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n',
    'GET',
    false,
    { framing: 'none' }
  ],
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n', 'GET', false, { framing: 'none', status: 204 }],
  ['empty reason', 'HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n', 'GET', false, { reason: '' }],
  [
    'chunked',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n',
    'GET',
    false,
    { framing: 'chunked', body: 'abc0123456789', chunks: [3, 10], trailers: [] }
  ],
  [
    'trailers',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\nX-More: \r\n\r\n',
    'GET',
    false,
    {
      body: '',
      trailers: [
        ['X-Sum', '1'],
        ['X-More', '']
      ]
    }
  ],
  [
    '101 is final',
    'HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n\x81\x00',
    'GET',
    false,
    { status: 101 }
  ]
]

for (const [name, text, method, ended, expected] of WHOLE) {
  test(`reads a response: ${name}`, () => {
    const response = parsed(text, method, ended)
    const shown: Record<string, unknown> = { ...response, body: response.body.toString('latin1') }
    for (const [key, value] of Object.entries(expected)) assert.deepEqual(shown[key], value)
  })
}

const BAD: [name: string, text: string][] = [
  ['no status line', 'hello\r\n\r\n'],
  ['HTTP/2 in a status line', 'HTTP/2 200 OK\r\n\r\n'],
  ['field name with a space', 'HTTP/1.1 200 OK\r\nA : b\r\n\r\n'],
  ['folded field line', 'HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n'],
  ['bare CR in a value', 'HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n'],
  ['NUL in a value', 'HTTP/1.1 200 OK\r\nA: b\x00\r\n\r\n'],
  [
    'length and chunked',
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
  ],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na'],
  ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na'],
  ['an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
  [
    'a chunk size that is none',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n'
  ],
  [
    'a chunk longer than it says',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n'
  ]
]

for (const [name, text] of BAD) {
  test(`refuses ${name}`, () => assert.equal(parseResponse(bytes(text), 'GET', true).kind, 'bad'))
}

test('interim responses go with the final one', () => {
  const text =
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
  const response = parsed(text)
  assert.deepEqual(
    response.information.map(({ status }) => status),
    [100, 103]
  )
  assert.equal(response.length, text.length)
})

test('repeated fields keep order and case, and are found without it', () => {
  const response = parsed('HTTP/1.1 204 No\r\nSet-Cookie: a\r\nset-cookie: b\r\n\r\n')
  assert.deepEqual(response.fields, [
    ['Set-Cookie', 'a'],
    ['set-cookie', 'b']
  ])
  assert.deepEqual(rawField(response, 'SET-COOKIE'), ['a', 'b'])
})

test('a body that ends with the connection is incomplete until it has ended', () => {
  assert.equal(parseResponse(bytes('HTTP/1.1 200 OK\r\n\r\nabc'), 'GET', false).kind, 'incomplete')
})

test('a response is incomplete at every cut and exact when whole, whatever follows it', () => {
  const chunk = fc.uint8Array({ minLength: 1, maxLength: 40 }).map((value) => Buffer.from(value))
  const response = fc.record({ chunks: fc.array(chunk, { maxLength: 4 }), chunked: fc.boolean() })
  fc.assert(
    fc.property(response, fc.uint8Array({ maxLength: 20 }), ({ chunks, chunked }, rest) => {
      const body = Buffer.concat(chunks)
      const whole = chunked ? chunkedMessage(chunks) : sizedMessage(body)
      for (let cut = 0; cut < whole.length; cut++) {
        assert.equal(parseResponse(whole.subarray(0, cut), 'GET', true).kind, 'incomplete')
      }
      const result = parseResponse(Buffer.concat([whole, rest]), 'GET', false)
      assert.ok(result.kind === 'response')
      assert.equal(result.length, whole.length)
      assert.ok(result.response.body.equals(body))
    }),
    { numRuns: 60 }
  )
})

function sizedMessage(body: Buffer): Buffer {
  return Buffer.concat([bytes(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`), body])
}

function chunkedMessage(chunks: Buffer[]): Buffer {
  const framed = chunks.flatMap((chunk) => [bytes(`${chunk.length.toString(16)}\r\n`), chunk, bytes('\r\n')])
  return Buffer.concat([
    bytes('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
    ...framed,
    bytes('0\r\n\r\n')
  ])
}
