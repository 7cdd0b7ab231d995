// Every lie of an HTTP/1.1 upstream (RFC 9112 §6–§9), with all that may be seen of it. One table for the transport and the whole edge.
import { setTimeout as sleep } from 'node:timers/promises'
import type { ScriptConnection } from '../../support/script-server'
import type { Http1Play } from './liar'
import type { Lie } from './lie'

/** Fields that would have an answer stored. */
const FRESH = 'Cache-Control: max-age=60\r\n'
const head = (fields: string, status = '200 OK') => `HTTP/1.1 ${status}\r\n${FRESH}${fields}\r\n`
const CHUNKED = head('Transfer-Encoding: chunked\r\n')
const big = 'x'.repeat(100_000)

const say =
  (...parts: string[]): Http1Play =>
  async (peer) => {
    for (const part of parts) await peer.send(part)
  }
const sayEnd =
  (text: string): Http1Play =>
  async (peer) => {
    await peer.send(text)
    peer.end()
  }
/** The reset comes once the edge has read the bytes: behind unread bytes it would look like an end. */
const sayReset =
  (text: string): Http1Play =>
  async (peer) => {
    await peer.send(text)
    await sleep(20)
    peer.reset()
  }
/** The same text again and again, until the edge has had enough. */
const forEver =
  (start: string, again: string, pauseMs = 0): Http1Play =>
  async (peer) => {
    await peer.send(start)
    while (isOpen(peer)) {
      if (pauseMs > 0) await sleep(pauseMs)
      await peer.send(again)
    }
  }

function isOpen({ socket }: ScriptConnection): boolean {
  return socket.writable && !socket.destroyed
}

/** Less than the time that the edge waits between two reads. */
const DRIP_MS = 80

const EARLY = { early: true } as const
const ENDLESS = { endless: true } as const
const REUSABLE = { reusable: true } as const

const REFUSED = ['BAD_RESPONSE'] as const
const LOST = ['RESET'] as const
/** Before or after the dial has succeeded. */
const NOBODY = ['RESET', 'CONNECT_FAILED'] as const
const LATE = ['READ_TIMEOUT'] as const
/** Content that is being collected is an error, content that streams is a break. */
const CUT = ['INCOMPLETE_RESPONSE', 'broken'] as const
const STALLED = ['READ_TIMEOUT', 'broken'] as const

/** The answer never gets as far as its content. */
const HEADS: Lie<Http1Play>[] = [
  ['closes at once', (peer) => peer.end(), NOBODY, EARLY],
  ['resets at once', (peer) => peer.reset(), NOBODY, EARLY],
  [
    'speaks before it is asked',
    say(`${head('Content-Length: 4\r\n')}evil`),
    ['RESET', 'BAD_RESPONSE', 'READ_TIMEOUT', '200=evil'],
    EARLY
  ],
  ['closes after the request', sayEnd(''), LOST],
  ['resets after the request', sayReset(''), LOST],
  ['accepts and says nothing', say(), LATE],
  ['garbage', say('\x00\x01\x02garbage\r\n\r\n'), REFUSED],
  ['an SSH banner', say('SSH-2.0-OpenSSH_9.2\r\n'), REFUSED],
  ['a TLS record', say('\x16\x03\x01\x00 hello\r\n\r\n'), REFUSED],
  ['a TLS alert', say('\x15\x03\x03\x00\x02\x02\x28'), REFUSED],
  ['the preface of HTTP/2', say('\x00\x00\x00\x04\x00\x00\x00\x00\x00'), REFUSED],
  ['HTTP/0.9', sayEnd('<html>hello</html>'), REFUSED],
  ['HTTP/3.0', say('HTTP/3.0 200 OK\r\n\r\n'), REFUSED],
  ['status 20', say('HTTP/1.1 20 OK\r\n\r\n'), REFUSED],
  ['status 99', say('HTTP/1.1 099 X\r\n\r\n'), REFUSED],
  ['status 700', say(head('Content-Length: 0\r\n', '700 X')), REFUSED],
  [
    '101 unasked',
    say('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
    REFUSED
  ],
  ['101 without fields', say('HTTP/1.1 101 Switching Protocols\r\n\r\n'), REFUSED],
  ['nothing but 100', say('HTTP/1.1 100 Continue\r\n\r\n'), LATE],
  ['nothing but 103', say('HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n'), LATE],
  ['a flood of 100', say('HTTP/1.1 100 Continue\r\n\r\n'.repeat(5000)), REFUSED],
  ['a flood of 103', say('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(5000)), REFUSED],
  ['half a status line', sayEnd('HTTP/1.1 20'), LOST],
  ['half a field', sayEnd(`HTTP/1.1 200 OK\r\n${FRESH}X-A: 1`), LOST],
  ['half a head, then a reset', sayReset(`HTTP/1.1 200 OK\r\n${FRESH}X-A: 1\r\n`), LOST],
  ['half a head, then silence', say(`HTTP/1.1 200 OK\r\n${FRESH}X-A: 1`), LATE],
  [
    'a head byte by byte, for ever',
    forEver(`HTTP/1.1 200 OK\r\n${FRESH}X-A: `, 'a', DRIP_MS),
    ['TOTAL_TIMEOUT'],
    ENDLESS
  ],
  ['fields without end', forEver('HTTP/1.1 200 OK\r\n', 'X-A: aaaaaaaaaaaaaaaa\r\n'.repeat(100)), REFUSED],
  ['a head of a megabyte', say(head(`X-A: ${'a'.repeat(1_000_000)}\r\n`)), REFUSED],
  ['two thousand fields', say(head('X: 1\r\n'.repeat(2000))), REFUSED],
  ['a folded field', say(head('X-A: 1\r\n 2\r\nContent-Length: 0\r\n')), REFUSED],
  ['NUL in a field', say(head('X-A: 1\x002\r\nContent-Length: 0\r\n')), REFUSED],
  ['a control byte in a field', say(head('X-A: 1\x012\r\nContent-Length: 0\r\n')), REFUSED],
  ['a bare CR in a field', say(head('X-A: 1\r2\r\nContent-Length: 0\r\n')), REFUSED],
  ['a space in a field name', say(head('X A: 1\r\nContent-Length: 0\r\n')), REFUSED],
  ['a space before the colon', say(head('Content-Length : 0\r\n')), REFUSED],
  ['a line without a colon', say(head('Set-Cookie\r\nContent-Length: 0\r\n')), REFUSED],
  ['two lengths', say(`${head('Content-Length: 2\r\nContent-Length: 3\r\n')}abc`), REFUSED],
  ['the same length twice', say(`${head('Content-Length: 2\r\nContent-Length: 2\r\n')}ab`), REFUSED],
  ['a list of lengths', say(`${head('Content-Length: 2, 2\r\n')}ab`), REFUSED],
  ['a negative length', say(`${head('Content-Length: -2\r\n')}ab`), REFUSED],
  ['a signed length', say(`${head('Content-Length: +2\r\n')}ab`), REFUSED],
  ['an empty length', say(`${head('Content-Length:\r\n')}ab`), REFUSED],
  ['a length beyond all numbers', say(`${head(`Content-Length: ${'9'.repeat(30)}\r\n`)}ab`), REFUSED],
  ['a length beyond safe numbers', say(`${head('Content-Length: 9007199254740993\r\n')}ab`), REFUSED],
  [
    'a length and chunked',
    say(`${head('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')}0\r\n\r\n`),
    REFUSED
  ],
  ['an unknown coding', say(`${head('Transfer-Encoding: gzip\r\n')}ab`), REFUSED],
  ['a coding below chunked', say(`${head('Transfer-Encoding: gzip, chunked\r\n')}0\r\n\r\n`), REFUSED],
  [
    'a tab behind chunked',
    say(`${head('Transfer-Encoding: chunked\t\r\n')}1\r\na\r\n0\r\n\r\n`),
    ['BAD_RESPONSE', 'READ_TIMEOUT', 'broken']
  ],
  [
    'chunked twice',
    say(`${head('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n')}0\r\n\r\n`),
    REFUSED
  ]
]

/** The head is fine, the content is not. */
const CONTENTS: Lie<Http1Play>[] = [
  ['fewer bytes than the length, small', sayEnd(`${head('Content-Length: 100\r\n')}abc`), CUT],
  ['fewer bytes than the length, large', sayEnd(`${head('Content-Length: 200000\r\n')}${big}`), CUT],
  [
    'fewer bytes than the length, and said to close',
    sayEnd(`${head('Connection: close\r\nContent-Length: 200000\r\n')}${big}`),
    CUT
  ],
  ['a reset in small content', sayReset(`${head('Content-Length: 100\r\n')}abc`), CUT],
  ['a reset in large content', sayReset(`${head('Content-Length: 200000\r\n')}${big}`), CUT],
  ['silence in small content', say(`${head('Content-Length: 100\r\n')}abc`), STALLED],
  ['silence in large content', say(`${head('Content-Length: 200000\r\n')}${big}`), STALLED],
  ['silence behind the head', say(head('Content-Length: 200000\r\n')), STALLED],
  [
    'small content byte by byte, for ever',
    forEver(head('Content-Length: 60000\r\n'), 'a', DRIP_MS),
    ['TOTAL_TIMEOUT'],
    ENDLESS
  ],
  [
    'chunks byte by byte, for ever',
    forEver(CHUNKED, '1\r\na\r\n', DRIP_MS),
    ['TOTAL_TIMEOUT', 'broken'],
    ENDLESS
  ],
  ['no last chunk', sayEnd(`${CHUNKED}3\r\nabc\r\n`), CUT],
  [
    'no last chunk, and said to close',
    sayEnd(`${head('Connection: close\r\nTransfer-Encoding: chunked\r\n')}3\r\nabc\r\n`),
    CUT
  ],
  ['half a chunk', sayEnd(`${CHUNKED}9\r\nabc`), CUT],
  ['half a last chunk', sayEnd(`${CHUNKED}3\r\nabc\r\n0\r\n`), CUT],
  ['a chunk size that is none', say(`${CHUNKED}3\r\nabc\r\nzz\r\n`), CUT],
  ['a negative chunk size', say(`${CHUNKED}3\r\nabc\r\n-1\r\na`), CUT],
  ['a chunk size beyond all numbers', say(`${CHUNKED}ffffffffffffffffff\r\nab\r\n`), CUT],
  ['a chunk longer than it says', say(`${CHUNKED}2\r\nabcdef\r\n0\r\n\r\n`), CUT],
  ['chunks ended by LF', say(`${CHUNKED}1\na\n0\n\n`), CUT],
  ['a reset between chunks', sayReset(`${CHUNKED}3\r\nabc\r\n`), CUT],
  ['silence between chunks', say(`${CHUNKED}3\r\nabc\r\n`), STALLED],
  [
    'trailers without end',
    forEver(`${CHUNKED}3\r\nabc\r\n0\r\n`, 'X-A: aaaaaaaaaaaaaaaa\r\n'.repeat(100)),
    CUT
  ],
  // A reset behind bytes that the edge has not read yet reaches it as an end; then nothing tells that there was more.
  ['a reset where only the end ends the content', sayReset(`${head('')}abc`), [...CUT, '200=abc']],
  ['silence where only the end ends the content', say(`${head('')}abc`), STALLED]
]

/** What the client gets is whole, but the connection or the cache must not believe all of it. */
const WHOLES: Lie<Http1Play>[] = [
  ['more bytes than the length', say(`${head('Content-Length: 2\r\n')}abcdef`), ['200=ab']],
  [
    'a second answer behind the first',
    say(`${head('Content-Length: 2\r\n')}ab${head('Content-Length: 4\r\n')}evil`),
    ['200=ab']
  ],
  ['content on 204', say(`${head('Content-Length: 3\r\n', '204 No Content')}abc`), ['BAD_RESPONSE', '204=']],
  [
    'content on 304',
    say(`${head('Content-Length: 3\r\n', '304 Not Modified')}abc`),
    ['BAD_RESPONSE', '304=']
  ],
  [
    'content on HEAD',
    say(`${head('Content-Length: 3\r\n')}abc`),
    ['200=', '200=abc'],
    { method: 'HEAD', reusable: true }
  ],
  ['304 to a plain GET', say(head('ETag: "a"\r\n', '304 Not Modified')), ['BAD_RESPONSE', '304='], REUSABLE],
  [
    '206 to a plain GET',
    say(`${head('Content-Range: bytes 0-1/9\r\nContent-Length: 2\r\n', '206 Partial Content')}ab`),
    ['206=ab'],
    REUSABLE
  ],
  [
    '416 to a plain GET',
    say(head('Content-Range: bytes */9\r\nContent-Length: 0\r\n', '416 X')),
    ['416='],
    REUSABLE
  ]
]

/** All of them. */
export const HTTP1_LIES: readonly Lie<Http1Play>[] = [...HEADS, ...CONTENTS, ...WHOLES]
