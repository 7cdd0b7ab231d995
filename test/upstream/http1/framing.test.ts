import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Framing } from '../../../src/upstream/http1/framing'
import { type Asked, readHead } from '../../../src/upstream/http1/message-framing'
import { cut, GET, type Reading, read } from './reading'

const HEAD: Asked = { method: 'HEAD', upgrade: false }
const CONNECT: Asked = { method: 'CONNECT', upgrade: false }
const UPGRADE: Asked = { method: 'GET', upgrade: true }
const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'

type Expected = Partial<Reading> & { readonly statuses?: number[]; readonly persistent?: boolean }

/** Name, bytes, what is read from them, and the request if it is not GET. */
const WHOLE: [string, string, Expected, Asked?][] = [
  [
    'counted content',
    'HTTP/1.1 200 OK\r\nX-A:  b c \t\r\nEmpty:\r\nBlank:   \r\nContent-Length: 3\r\n\r\nabc',
    { content: 'abc', complete: true, persistent: true }
  ],
  [
    'no content by its length',
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    { content: '', complete: true, persistent: true }
  ],
  [
    'a status line without a reason',
    'HTTP/1.1 200\r\nContent-Length: 1\r\n\r\na',
    { content: 'a', complete: true }
  ],
  [
    'a reason of strange bytes',
    'HTTP/1.1 200 \xe4\xff\r\nContent-Length: 1\r\n\r\na',
    { content: 'a', complete: true }
  ],
  [
    'chunked content',
    `${chunked}3\r\nabc\r\nA;x="y;z"\r\n0123456789\r\n0\r\n\r\n`,
    { content: 'abc0123456789', complete: true, persistent: true }
  ],
  [
    'Chunked in capitals',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n',
    { content: '', complete: true }
  ],
  [
    'trailers',
    `${chunked}1\r\na\r\n0\r\nX-Sum: 9 \r\nx-two:\r\n\r\n`,
    { content: 'a', trailers: ['x-sum', '9', 'x-two', ''], complete: true }
  ],
  [
    'content that ends with the connection',
    'HTTP/1.1 200 OK\r\n\r\nabc',
    { content: 'abc', complete: true, persistent: false }
  ],
  [
    'an empty one',
    'HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n',
    { content: '', complete: true, persistent: false }
  ],
  [
    'interim responses',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
    { statuses: [100, 103, 204], complete: true, persistent: true }
  ],
  [
    'HEAD with a length',
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n',
    { content: '', complete: true, persistent: true },
    HEAD
  ],
  ['HEAD of chunked content', chunked, { content: '', complete: true, persistent: true }, HEAD],
  ['HEAD without either', 'HTTP/1.1 200 OK\r\n\r\n', { complete: true, persistent: true }, HEAD],
  [
    '304 with a length',
    'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
    { content: '', complete: true, persistent: true }
  ],
  [
    '204 with a length: complete, and in doubt',
    'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n',
    { complete: true, persistent: false }
  ],
  [
    '204 with a coding: complete, and in doubt',
    'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n',
    { complete: true, persistent: false }
  ],
  [
    '304 with a coding: complete, and in doubt',
    'HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n',
    { complete: true, persistent: false }
  ],
  [
    'Connection: close',
    'HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 1\r\n\r\na',
    { content: 'a', complete: true, persistent: false }
  ],
  [
    'two Connection lines',
    'HTTP/1.1 200 OK\r\nConnection: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\na',
    { persistent: false }
  ],
  [
    'HTTP/1.0',
    'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na',
    { content: 'a', complete: true, persistent: false }
  ],
  [
    'HTTP/1.0 keep-alive',
    'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na',
    { complete: true, persistent: true }
  ],
  [
    'chunked from HTTP/1.0',
    'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n',
    { content: 'a', complete: true, persistent: false }
  ],
  [
    '101 that was asked for',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nraw',
    { statuses: [101], content: 'raw', persistent: false },
    UPGRADE
  ],
  [
    'a refused upgrade',
    'HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno',
    { content: 'no', complete: true, persistent: true },
    UPGRADE
  ],
  [
    'an accepted CONNECT',
    'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nraw',
    { content: 'raw', persistent: false },
    CONNECT
  ],
  [
    'a refused CONNECT',
    'HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno',
    { content: 'no', complete: true, persistent: true },
    CONNECT
  ],
  [
    'an Upgrade that nobody asked for, on an ordinary response',
    'HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 1\r\n\r\na',
    { content: 'a', complete: true, persistent: true }
  ]
]

const tooMany = 'x: 1\r\n'.repeat(1001)
const long = 'a'.repeat(66_000)

/** Name and bytes of which no response may come. */
const REFUSED: [string, string, Asked?][] = [
  ['garbage', '\x16\x03\x01\x00 hello\r\n\r\n'],
  ['HTTP/0.9', '<html>hello</html>'],
  ['HTTP/2.0', 'HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['HTTP/0.9 by name', 'HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['HTTP/1.2', 'HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a small http', 'http/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ['a request', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['status 99', 'HTTP/1.1 099 Low\r\n\r\n'],
  ['status 600', 'HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
  ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
  ['101 unasked', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'],
  ['101 to HEAD', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', HEAD],
  [
    'a length and a coding',
    `HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`
  ],
  [
    'a coding and a length',
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n`
  ],
  ['the same length twice', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na'],
  ['two lengths on one line', 'HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na'],
  ['an empty length', 'HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n'],
  ['a signed length', 'HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na'],
  ['a hexadecimal length', 'HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\na'],
  ['a length beyond what can be counted', 'HTTP/1.1 200 OK\r\nContent-Length: 9007199254740993\r\n\r\n'],
  ['two lengths on HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', HEAD],
  ['gzip', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx'],
  ['gzip, chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'],
  ['chunked, chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n'],
  ['chunked, identity', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n'],
  [
    'chunked twice',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'
  ],
  ['xchunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'],
  ['an empty coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding:\r\n\r\n'],
  ['a vertical tab behind chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\x0b\r\n\r\n0\r\n\r\n'],
  ['a tab behind chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n'],
  ['a hard space behind chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\xa0\r\n\r\n0\r\n\r\n'],
  ['a space before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n'],
  ['a space in a name', 'HTTP/1.1 200 OK\r\nx a: 1\r\n\r\n'],
  ['no name', 'HTTP/1.1 200 OK\r\n: 1\r\n\r\n'],
  ['no colon', 'HTTP/1.1 200 OK\r\nabc\r\n\r\n'],
  ['NUL in a value', 'HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n'],
  ['a control byte in a value', 'HTTP/1.1 200 OK\r\nx: a\x01b\r\n\r\n'],
  ['a bare CR in a value', 'HTTP/1.1 200 OK\r\nx: a\rb\r\n\r\n'],
  ['a bare LF behind a field', 'HTTP/1.1 200 OK\r\nx: a\nContent-Length: 0\r\n\r\n'],
  ['lines ended by LF', 'HTTP/1.1 200 OK\nContent-Length: 0\n\n'],
  ['a folded field', 'HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n'],
  ['too many fields', `HTTP/1.1 200 OK\r\n${tooMany}\r\n`],
  ['a value that is too long', `HTTP/1.1 200 OK\r\nx: ${long}\r\n\r\n`],
  ['a head without end', `HTTP/1.1 200 OK\r\nx: ${long}`],
  ['blanks without end', `HTTP/1.1 200 OK\r\nx:${' '.repeat(66_000)}`],
  ['empty lines without end', '\r\n'.repeat(33_000)],
  ['a flood of interim responses', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(33)],
  ['a flood of 100', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(33)],
  ['too long an interim head', `HTTP/1.1 103 Early Hints\r\nx: ${long}\r\n\r\n`],
  ['a chunk size that is none', `${chunked}zz\r\nab\r\n`],
  ['a negative chunk size', `${chunked}-1\r\na\r\n`],
  ['an empty chunk size', `${chunked}\r\na\r\n`],
  ['a chunk size with 0x', `${chunked}0x1\r\na\r\n`],
  ['a space behind a chunk size', `${chunked}1 \r\na\r\n`],
  ['a chunk size ended by LF', `${chunked}1\na\r\n0\r\n\r\n`],
  ['a chunk ended by LF', `${chunked}1\r\na\n0\r\n\r\n`],
  ['a chunk longer than its size', `${chunked}1\r\nabc\r\n0\r\n\r\n`],
  ['a chunk size beyond 64 bits', `${chunked}ffffffffffffffffff\r\nab\r\n`],
  ['a chunk extension ended by LF', `${chunked}1;a\nb\r\na\r\n0\r\n\r\n`],
  ['a chunk extension without end', `${chunked}1;${long}`],
  ['trailers without end', `${chunked}0\r\n${'x: 1\r\n'.repeat(12_000)}`],
  ['too many trailers', `${chunked}0\r\n${tooMany}\r\n`],
  ['a folded trailer', `${chunked}0\r\nx: a\r\n b\r\n\r\n`],
  ['a length among the trailers', `${chunked}0\r\nContent-Length: 1\r\n\r\n`],
  ['bytes behind counted content', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab'],
  ['bytes behind chunked content', `${chunked}1\r\na\r\n0\r\n\r\nb`],
  ['a second response', 'HTTP/1.1 204 No\r\n\r\nHTTP/1.1 204 No\r\n\r\n'],
  ['content behind HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na', HEAD],
  ['content behind 304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 1\r\n\r\na'],
  ['a line end behind the response', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na\r\n']
]

const BROKEN_OFF: [string, string][] = [
  ['nothing', ''],
  ['inside the status line', 'HTTP/1.1 20'],
  ['inside a field', 'HTTP/1.1 200 OK\r\nX-A: 1'],
  ['behind an interim response', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
  ['inside counted content', 'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab'],
  ['inside a chunk', `${chunked}5\r\nab`],
  ['between chunks', `${chunked}1\r\na\r\n`],
  ['before the last line end', `${chunked}1\r\na\r\n0\r\n`],
  [
    'between chunks, with Connection: close',
    'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n'
  ]
]

const bytesOf = (text: string) => Buffer.from(text, 'latin1')

for (const [name, text, expected, asked] of WHOLE) {
  test(`read: ${name}`, () => {
    const { statuses, persistent, ...facts } = expected
    const reading = read([bytesOf(text)], asked)
    assert.equal(reading.problem, undefined)
    for (const [fact, value] of Object.entries(facts)) {
      assert.deepEqual(reading[fact as keyof Reading], value, fact)
    }
    if (statuses !== undefined)
      assert.deepEqual(
        reading.heads.map(({ status }) => status),
        statuses
      )
    if (persistent !== undefined) assert.equal(reading.heads.at(-1)?.persistent, persistent)
  })
}

test('names are in lower case, values without the blanks around them, both in order', () => {
  const [, text] = WHOLE[0] as (typeof WHOLE)[0]
  const expected = ['x-a', 'b c', 'empty', '', 'blank', '', 'content-length', '3']
  assert.deepEqual(read([bytesOf(text)]).heads[0]?.raw, expected)
})

for (const [name, text, asked] of REFUSED) {
  test(`refuse: ${name}`, () => {
    assert.equal(read([bytesOf(text)], asked, false).refused, true)
  })
}

for (const [name, text] of BROKEN_OFF) {
  test(`an end ${name} is no end of the response`, () => {
    const reading = read([bytesOf(text)])
    assert.equal(reading.complete, false)
    assert.equal(reading.refused, false)
  })
}

/** Problems are told apart by their words only where they come at the same byte. */
const comparable = ({ problem: _, ...reading }: Reading) => reading

const ALL = [
  ...WHOLE.map(([name, text, , asked]) => [name, text, asked] as const),
  ...REFUSED,
  ...BROKEN_OFF.map(([name, text]) => [name, text, undefined] as const)
]

test('cut at every byte, everything is read as in one piece', () => {
  for (const [name, text, asked] of ALL) {
    const bytes = bytesOf(text)
    const whole = comparable(read([bytes], asked))
    if (bytes.length > 4000) continue
    for (let at = 1; at < bytes.length; at++) {
      assert.deepEqual(comparable(read(cut(bytes, [at]), asked)), whole, `${name}, cut at ${at}`)
    }
    assert.deepEqual(
      comparable(read(cut(bytes, Array(bytes.length).fill(1)), asked)),
      whole,
      `${name}, byte by byte`
    )
  }
})

test('cut anywhere, long messages included, everything is read as in one piece', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 30_000 }), { maxLength: 20 })
  fc.assert(
    fc.property(fc.constantFrom(...ALL), sizes, ([, text, asked], pieces) => {
      const bytes = bytesOf(text)
      assert.deepEqual(comparable(read(cut(bytes, pieces), asked)), comparable(read([bytes], asked)))
    }),
    { numRuns: 300 }
  )
})

test('whatever content is put into chunks of whatever sizes comes out again', () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 500 }), { maxLength: 20 })
  const cuts = fc.array(fc.integer({ min: 1, max: 700 }), { maxLength: 30 })
  fc.assert(
    fc.property(chunks, cuts, (parts, sizes) => {
      const coded = parts.map((part) =>
        Buffer.concat([bytesOf(`${part.length.toString(16)}\r\n`), part, bytesOf('\r\n')])
      )
      const bytes = Buffer.concat([bytesOf(chunked), ...coded, bytesOf('0\r\n\r\n')])
      const reading = read(cut(bytes, sizes))
      assert.equal(reading.complete, true)
      assert.equal(reading.content, Buffer.concat(parts).toString('latin1'))
    }),
    { numRuns: 300 }
  )
})

test('no bytes whatever make it throw', () => {
  const start = fc.constantFrom('', 'HTTP/1.1 200 OK\r\n', chunked, 'HTTP/1.1 200 OK\r\nContent-Length: ')
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 300 }), (text, noise) => {
      read([bytesOf(text), Buffer.from(noise)])
    }),
    { numRuns: 2000 }
  )
})

test('many connections at once, cut at random, do not disturb each other', () => {
  const framings = Array.from({ length: 50 }, () => new Framing())
  const content: string[] = framings.map(() => '')
  const bytes = framings.map((_, n) =>
    bytesOf(`${chunked}3\r\n${String(n).padStart(3, '0')}\r\n0\r\nN: ${n}\r\n\r\n`)
  )
  const trailers: (readonly string[])[] = []
  for (const [n, framing] of framings.entries()) {
    framing.begin(GET, {
      onInterim: () => {},
      onHead: () => {},
      onContent: (chunk) => {
        content[n] += chunk.toString('latin1')
      },
      onComplete: (fields) => {
        trailers[n] = fields
      }
    })
  }
  for (let at = 0; at < 200; at++) {
    for (const [n, framing] of framings.entries()) {
      const piece = bytes[n]?.subarray(at, at + 1)
      if (piece?.length === 1) assert.equal(framing.read(piece), undefined)
    }
  }
  for (const [n, framing] of framings.entries()) {
    assert.equal(content[n], String(n).padStart(3, '0'))
    assert.deepEqual(trailers[n], ['n', String(n)])
    framing.free()
  }
})

test('one response after the other, each only when it is expected', () => {
  const framing = new Framing()
  const seen: number[] = []
  const events = {
    onInterim: () => {},
    onHead: ({ status }: { status: number }) => seen.push(status),
    onContent: () => {},
    onComplete: () => {}
  }
  for (const status of [200, 404, 500]) {
    framing.begin(GET, events)
    assert.equal(framing.read(bytesOf(`HTTP/1.1 ${status} X\r\nContent-Length: 1\r\n\r\na`)), undefined)
    assert.equal(framing.complete, true)
  }
  assert.deepEqual(seen, [200, 404, 500])
  assert.notEqual(framing.read(bytesOf('H')), undefined)
  framing.free()
})

test('an owner that stops it from within is told no more', () => {
  const framing = new Framing()
  let told = 0
  framing.begin(GET, {
    onInterim: () => {},
    onHead: () => framing.stop(),
    onContent: () => told++,
    onComplete: () => told++
  })
  assert.equal(framing.read(bytesOf('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na')), undefined)
  assert.equal(told, 0)
  framing.free()
  framing.free()
})

test('a thousand connections that come and go leave no memory behind', () => {
  const turn = () => {
    for (let n = 0; n < 1000; n++) read([bytesOf(`${chunked}0\r\n\r\n`)])
  }
  turn()
  const before = process.memoryUsage().external
  for (let n = 0; n < 20; n++) turn()
  assert.ok(process.memoryUsage().external - before < 8 * 1024 * 1024)
})

test('a head says how long the server keeps the connection', () => {
  const raw = ['connection', 'keep-alive', 'keep-alive', 'timeout=5']
  const head = readHead(GET, { status: 200, version: 11, raw })
  assert.ok(typeof head !== 'string')
  assert.equal(head.keepAlive, 'timeout=5')
})
