import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { FAULTS, type Fault, type FaultCounts, Mender } from '../../../src/upstream/http1/tolerance'
import { call, failureIn, ok, scripted, text, transportTo } from '../scripted'
import { cut, GET, type Reading, read } from './reading'

const bytesOf = (lines: string) => Buffer.from(lines, 'latin1')

function readWith(faults: readonly Fault[], pieces: readonly Buffer[], counts: FaultCounts = {}): Reading {
  return read(pieces, GET, true, { faults, counts })
}

const OLD: [string, Fault, string, string[], string][] = [
  ['lines ended by LF', 'bare-lf', 'HTTP/1.1 200 OK\nX-A: 1\nContent-Length: 3\n\nabc', ['x-a', '1'], 'abc'],
  [
    'one line ended by LF',
    'bare-lf',
    'HTTP/1.1 200 OK\r\nX-A: 1\nContent-Length: 3\r\n\r\nabc',
    ['x-a', '1'],
    'abc'
  ],
  [
    'the empty line ended by LF',
    'bare-lf',
    'HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 3\r\n\nabc',
    ['x-a', '1'],
    'abc'
  ],
  ['LF, and content until the end', 'bare-lf', 'HTTP/1.0 200 OK\nX-A: 1\n\na\nb\n', ['x-a', '1'], 'a\nb\n'],
  [
    'LF in an interim response too',
    'bare-lf',
    'HTTP/1.1 103 Hi\nX-B: 2\n\nHTTP/1.1 200 OK\nX-A: 1\nContent-Length: 0\n\n',
    ['x-a', '1'],
    ''
  ],
  [
    'a field over two lines',
    'obs-fold',
    'HTTP/1.1 200 OK\r\nX-A: 1;\r\n\t 2\r\nContent-Length: 3\r\n\r\nabc',
    ['x-a', '1; 2'],
    'abc'
  ],
  [
    'a field over four lines',
    'obs-fold',
    'HTTP/1.1 200 OK\r\nX-A:\r\n 1\r\n  \r\n 2\r\nContent-Length: 3\r\n\r\nabc',
    ['x-a', '1  2'],
    'abc'
  ],
  [
    'the last field over two lines',
    'obs-fold',
    'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-A: 1\r\n 2\r\n\r\nabc',
    ['x-a', '1 2'],
    'abc'
  ],
  [
    'a space before the colon',
    'space-before-colon',
    'HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length \t: 3\r\n\r\nabc',
    ['x-a', '1'],
    'abc'
  ],
  [
    'a space before the colon of the framing',
    'space-before-colon',
    'HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding : chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    ['x-a', '1'],
    'abc'
  ]
]

for (const [name, fault, lines, field, content] of OLD) {
  test(`${fault} lets through: ${name}; it is counted, and the connection ends`, () => {
    for (const pieces of [[bytesOf(lines)], [...lines].map(bytesOf), cut(bytesOf(lines), [20, 3, 9, 1])]) {
      const counts: FaultCounts = {}
      const reading = readWith([fault], pieces, counts)
      assert.equal(reading.problem, undefined)
      assert.equal(reading.complete, true)
      const head = reading.heads.at(-1)
      const at = head?.raw.indexOf(field[0] as string) ?? -1
      assert.deepEqual(head?.raw.slice(at, at + 2), field)
      assert.equal(reading.content, content)
      assert.equal(head?.persistent, false)
      assert.deepEqual(counts, { [fault]: 1 })
    }
  })

  test(`without ${fault} it is refused, whatever else is let through: ${name}`, () => {
    const others = FAULTS.filter((other) => other !== fault)
    for (const faults of [[], others]) {
      const counts: FaultCounts = {}
      const reading = readWith(faults, [bytesOf(lines)], counts)
      assert.equal(reading.refused, true)
      assert.deepEqual(counts, {})
    }
  })
}

const NEVER: [string, string][] = [
  ['a bare CR', 'HTTP/1.1 200 OK\r\nX-A: 1\rX-B: 2\r\n\r\n'],
  ['a bare CR behind a line', 'HTTP/1.1 200 OK\r\n\rX-B: 2\r\n\r\n'],
  ['NUL', 'HTTP/1.1 200 OK\r\nX-A: \0\r\n\r\n'],
  ['a folded status line', 'HTTP/1.1 200 OK\r\n fold\r\nX-A: 1\r\n\r\n'],
  ['a space in a name', 'HTTP/1.1 200 OK\r\nX A : 1\r\n\r\n'],
  ['a line without colon', 'HTTP/1.1 200 OK\r\nabc \r\n\r\n'],
  ['two lengths', 'HTTP/1.1 200 OK\nContent-Length : 1\nContent-Length: 1\n\na'],
  ['a length and chunks', 'HTTP/1.1 200 OK\nContent-Length: 1\nTransfer-Encoding : chunked\n\n0\r\n\r\n'],
  ['a length that goes on', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\n'],
  ['chunks ended by LF', 'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n1\na\n0\n\n'],
  ['folded trailers', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: 1\r\n 2\r\n\r\n'],
  ['bytes behind the answer', 'HTTP/1.1 200 OK\nContent-Length: 1\n\nab'],
  ['a second answer', 'HTTP/1.1 204 No\n\nHTTP/1.1 204 No\n\n'],
  ['a fold without end', `HTTP/1.1 200 OK\r\nX: 1\r\n${' '.repeat(66_000)}`],
  ['blanks without end before a colon', `HTTP/1.1 200 OK\r\nX${' '.repeat(66_000)}`],
  ['folds without end', `HTTP/1.1 200 OK\r\nX: 1${'\r\n '.repeat(30_000)}`]
]

for (const [name, lines] of NEVER) {
  test(`never let through: ${name}`, () => {
    for (const pieces of [[bytesOf(lines)], cut(bytesOf(lines), Array(40).fill(2000))])
      assert.equal(readWith(FAULTS, pieces).refused, true)
  })
}

test('an answer without faults is not counted, and keeps its connection', () => {
  const counts: FaultCounts = {}
  const reading = readWith(FAULTS, [bytesOf(ok('abc', 'X-A: \t1 \r\nX-B:\r\n'))], counts)
  assert.deepEqual([reading.content, reading.heads[0]?.persistent, counts], ['abc', true, {}])
})

test('several faults of one answer are counted once each', () => {
  const counts: FaultCounts = {}
  readWith(FAULTS, [bytesOf('HTTP/1.1 200 OK\nA : 1\nB : 2\n C\nContent-Length: 0\n\n')], counts)
  assert.deepEqual(counts, { 'bare-lf': 1, 'space-before-colon': 1, 'obs-fold': 1 })
})

test('an answer that is refused in the end is not counted', () => {
  const counts: FaultCounts = {}
  assert.equal(readWith(FAULTS, [bytesOf('HTTP/1.1 200 OK\nA B: 1\n\n')], counts).refused, true)
  assert.deepEqual(counts, {})
})

test('a head without faults goes through byte for byte, however it is cut', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'B', '-', '1'), minLength: 1, maxLength: 8 })
  const value = fc.string({ unit: fc.constantFrom('a', ' ', '\t', ':', ';', 'é'), maxLength: 12 })
  fc.assert(
    fc.property(fc.array(fc.tuple(word, value), { maxLength: 6 }), fc.array(fc.nat(9)), (fields, sizes) => {
      const lines = fields.map(([name, text]) => `${name}:${text}\r\n`)
      const head = bytesOf(`HTTP/1.1 200 OK\r\n${lines.join('')}\r\n`)
      const mender = new Mender({ faults: FAULTS, counts: {} })
      mender.begin()
      let out = ''
      for (const piece of cut(
        Buffer.concat([head, bytesOf('a\nb')]),
        sizes.map((size) => size + 1)
      )) {
        const mended = mender.mend(piece, 0)
        out += mended.head.toString('latin1')
      }
      assert.equal(out, head.toString('latin1'))
      assert.equal(mender.mended, false)
    })
  )
})

test('what was let through is the answer; its connection is not used again, any other is', async (t) => {
  const old = 'HTTP/1.1 200 OK\nContent-Length: 3\n\nold'
  const server = await scripted(t, (socket, _head, index) => socket.write(index < 2 ? old : ok('new')))
  const transport = transportTo(t, server.url, { tolerate: ['bare-lf'] })
  for (const expected of ['old', 'old', 'new', 'new']) {
    assert.equal(await text(await transport.send(call())), expected)
  }
  assert.equal(server.sockets.length, 3)
})

test('without the option it is a bad response', async (t) => {
  const server = await scripted(t, (socket) => socket.write('HTTP/1.1 200 OK\nContent-Length: 3\n\nold'))
  assert.equal((await failureIn(transportTo(t, server.url).send(call()))).code, 'SLUICE_BAD_RESPONSE')
})
