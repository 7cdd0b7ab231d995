// Every lie of an HTTP/2 upstream (RFC 9113 §5–§8), with all that may be seen of it. One table for the transport and the whole edge.
import {
  block,
  END_HEADERS,
  END_STREAM,
  frame,
  goaway,
  head as headOf,
  type RawPeer,
  reset,
  settings,
  TYPE,
  uint32
} from '../../upstream/http2/raw-server'
import type { Http2Play } from './liar'
import type { Lie } from './lie'

type Fields = readonly (readonly [string, string])[]

/** Frames for the stream that is asked on. */
const say =
  (...frames: ((id: number) => Buffer)[]): Http2Play =>
  (peer, id) =>
    peer.say(...frames.map((make) => make(id)))
const sayEnd =
  (...frames: ((id: number) => Buffer)[]): Http2Play =>
  (peer, id) => {
    say(...frames)(peer, id)
    peer.socket.end()
  }
const FRESH = ['cache-control', 'max-age=60'] as const
/** A head that would have the answer stored. */
const head =
  (fields: Fields, flags = 0) =>
  (id: number) =>
    headOf(id, [...fields, FRESH], flags)
const OK = head([[':status', '200']])
const withLength = (length: number) =>
  head([
    [':status', '200'],
    ['content-length', String(length)]
  ])
const data =
  (content: string, flags = 0) =>
  (id: number) =>
    frame(TYPE.data, flags, id, content)
const rst = (code: number) => (id: number) => reset(id, code)
const status = (value: string, flags = 0) => say(head([[':status', value]], flags))
const raw = (bytes: Buffer) => () => bytes

/** Says the same again and again until the connection closes; once, however many streams there are. */
const flood = (bytes: (id: number) => Buffer, ...first: ((id: number) => Buffer)[]): Http2Play => {
  const begun = new WeakSet<RawPeer>()
  return (peer, id) => {
    if (begun.has(peer)) return
    begun.add(peer)
    say(...first)(peer, id)
    const more = () => {
      if (peer.socket.destroyed || !peer.socket.writable) return
      if (peer.socket.write(bytes(id))) setImmediate(more)
      else peer.socket.once('drain', more)
    }
    more()
  }
}
/** The same, slowly. */
const drip =
  (start: (id: number) => Buffer, again: (id: number) => Buffer): Http2Play =>
  (peer, id) => {
    peer.say(start(id))
    const timer = setInterval(() => peer.say(again(id)), DRIP_MS)
    peer.closed.then(() => clearInterval(timer))
  }

/** Less than the time that the edge waits between two reads. */
const DRIP_MS = 80

const EARLY = { early: true } as const
const ENDLESS = { endless: true } as const

const REFUSED = ['BAD_RESPONSE'] as const
const LOST = ['RESET'] as const
const LATE = ['READ_TIMEOUT'] as const
const FOREIGN = ['CONNECT_FAILED'] as const
/** Some lies end the connection for Node before they are read as an answer. */
const EITHER = ['BAD_RESPONSE', 'RESET'] as const
/** Node ends the connection in silence over such a frame: found out within seconds, unless the time runs out before. */
const SILENT = ['READ_TIMEOUT', 'BAD_RESPONSE'] as const
const CUT = ['INCOMPLETE_RESPONSE', 'broken'] as const
/** The connection goes, and with it those of its streams whose head has not come. */
const CUT_ALL = [...CUT, ...EITHER] as const
const STALLED = ['READ_TIMEOUT', 'broken'] as const

/** Found out before a request is sent. */
const GREETINGS: Lie<Http2Play>[] = [
  ['closes at once', (peer) => peer.socket.end(), FOREIGN, EARLY],
  ['resets at once', (peer) => peer.socket.resetAndDestroy(), FOREIGN, EARLY],
  [
    'answers in HTTP/1.1',
    sayEnd(raw(Buffer.from('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n'))),
    FOREIGN,
    EARLY
  ],
  ['an SSH banner', sayEnd(raw(Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'))), FOREIGN, EARLY],
  ['a TLS alert', sayEnd(raw(Buffer.from('\x15\x03\x01\x00\x02\x02\x28'))), FOREIGN, EARLY],
  ['a first frame that is not SETTINGS', sayEnd(raw(frame(TYPE.ping, 0, 0, '12345678'))), FOREIGN, EARLY],
  ['takes no streams', say(raw(settings([3, 0]))), FOREIGN, EARLY]
]

/** The answer never gets as far as its content. */
const HEADS: Lie<Http2Play>[] = [
  ['closes after the request', (peer) => peer.socket.end(), LOST],
  ['resets the connection', (peer) => peer.socket.resetAndDestroy(), LOST],
  ['accepts and says nothing', () => {}, LATE],
  ['closes inside a frame', sayEnd((id) => OK(id).subarray(0, 12)), LOST],
  ['RST_STREAM NO_ERROR', say(rst(0)), LOST],
  ['RST_STREAM INTERNAL_ERROR', say(rst(2)), LOST],
  ['RST_STREAM REFUSED_STREAM, for ever', say(rst(7)), LOST],
  ['RST_STREAM CANCEL', say(rst(8)), LOST],
  ['RST_STREAM ENHANCE_YOUR_CALM', say(rst(11)), LOST],
  ['RST_STREAM HTTP_1_1_REQUIRED', say(rst(13)), REFUSED],
  ['RST_STREAM with a code of its own', say(rst(0xdeadbeef)), LOST],
  ['GOAWAY with an error', say((id) => goaway(id, 2)), LOST],
  ['GOAWAY that leaves all out, for ever', say(raw(goaway(0))), LOST],
  ['content before the head', say(data('x')), SILENT],
  ['an end before the head', say(data('', END_STREAM)), SILENT],
  ['no status', say(head([['x-a', '1']])), REFUSED],
  [
    'two statuses',
    say(
      head([
        [':status', '200'],
        [':status', '204']
      ])
    ),
    REFUSED
  ],
  ['status 99', status('099'), REFUSED],
  ['status 700', status('700'), REFUSED],
  ['status abc', status('abc'), REFUSED],
  ['101', status('101'), REFUSED],
  ['nothing but 100', say((id) => headOf(id, [[':status', '100']])), LATE],
  [
    'nothing but 103',
    say((id) =>
      headOf(id, [
        [':status', '103'],
        ['link', '</a.css>']
      ])
    ),
    LATE
  ],
  ['103 that ends the stream', status('103', END_STREAM), REFUSED],
  [
    '40 interim responses',
    say(...Array.from({ length: 40 }, () => (id: number) => headOf(id, [[':status', '103']]))),
    REFUSED
  ],
  [
    'a pseudo-field of requests',
    say(
      head([
        [':status', '200'],
        [':path', '/']
      ])
    ),
    REFUSED
  ],
  [
    'a pseudo-field behind others',
    say(
      head([
        ['x-a', '1'],
        [':status', '200']
      ])
    ),
    REFUSED
  ],
  [
    'connection',
    say(
      head([
        [':status', '200'],
        ['connection', 'x']
      ])
    ),
    REFUSED
  ],
  [
    'transfer-encoding',
    say(
      head([
        [':status', '200'],
        ['transfer-encoding', 'chunked']
      ])
    ),
    REFUSED
  ],
  [
    'two lengths',
    say(
      head([
        [':status', '200'],
        ['content-length', '1'],
        ['content-length', '2']
      ])
    ),
    REFUSED
  ],
  [
    'a negative length',
    say(
      head([
        [':status', '200'],
        ['content-length', '-1']
      ])
    ),
    REFUSED
  ],
  [
    'a length beyond all numbers',
    say(
      head([
        [':status', '200'],
        ['content-length', '9'.repeat(30)]
      ])
    ),
    REFUSED
  ],
  [
    'a field block that cannot be read',
    say((id) => frame(TYPE.headers, END_HEADERS, id, '\xff\xff\xff\xff\xff')),
    SILENT
  ],
  [
    'a field block that another frame interrupts',
    say((id) => frame(TYPE.headers, 0, id, block([[':status', '200']])), data('x')),
    SILENT
  ],
  // Two such streams on one connection interrupt each other.
  ['half a head, then silence', say((id) => frame(TYPE.headers, 0, id, block([[':status', '200']]))), SILENT],
  ['CONTINUATION without HEADERS', say((id) => frame(TYPE.continuation, END_HEADERS, id, '')), SILENT],
  ['a frame longer than allowed', say(data('x'.repeat(20_000))), SILENT],
  ['SETTINGS of an odd length', say(raw(frame(TYPE.settings, 0, 0, 'abc'))), SILENT],
  ['SETTINGS on a stream', say((id) => frame(TYPE.settings, 0, id)), EITHER],
  ['a window of 2^31', say(raw(settings([4, 0x80000000]))), EITHER],
  ['a frame size of 1', say(raw(settings([5, 1]))), EITHER],
  ['WINDOW_UPDATE of 0', say(raw(frame(TYPE.window, 0, 0, uint32(0)))), EITHER],
  [
    'WINDOW_UPDATE beyond 2^31',
    say(raw(frame(TYPE.window, 0, 0, uint32(0x7fffffff))), raw(frame(TYPE.window, 0, 0, uint32(0x7fffffff)))),
    EITHER
  ],
  ['a response on a stream never opened', say((id) => OK(id + 1000)), EITHER],
  [
    'a request from the server',
    say((id) =>
      headOf(id + 1, [
        [':method', 'GET'],
        [':path', '/']
      ])
    ),
    EITHER
  ],
  ['content on stream 0', say(raw(frame(TYPE.data, 0, 0, 'x'))), SILENT],
  ['HEADERS on stream 0', say(raw(headOf(0, [[':status', '200']]))), EITHER],
  [
    'a push that was switched off',
    say((id) =>
      frame(TYPE.push, END_HEADERS, id, Buffer.concat([uint32(id + 1), block([[':method', 'GET']])]))
    ),
    EITHER
  ],
  [
    'HTTP/1.1 in place of frames',
    say(raw(Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'))),
    SILENT
  ],
  [
    'endless CONTINUATION',
    flood(
      (id) => frame(TYPE.continuation, 0, id, block([['x-a', 'y'.repeat(1000)]])),
      (id) => frame(TYPE.headers, 0, id, block([[':status', '200']]))
    ),
    EITHER
  ],
  [
    'endless empty CONTINUATION',
    flood(
      (id) => frame(TYPE.continuation, 0, id),
      (id) => frame(TYPE.headers, 0, id, block([[':status', '200']]))
    ),
    EITHER
  ],
  [
    'more fields than allowed',
    say(
      (id) => frame(TYPE.headers, 0, id, block([[':status', '200']])),
      (id) =>
        frame(
          TYPE.continuation,
          END_HEADERS,
          id,
          block(Array.from({ length: 1100 }, (_, n) => [`a${n}`, ''] as const))
        )
    ),
    EITHER
  ],
  [
    'a head of 200 KiB',
    say(
      (id) => frame(TYPE.headers, 0, id, block([[':status', '200']])),
      ...Array.from(
        { length: 6 },
        (_, n) => (id: number) =>
          frame(TYPE.continuation, n === 5 ? END_HEADERS : 0, id, block([[`a${n}`, 'x'.repeat(16_000)]]))
      )
    ),
    EITHER
  ],
  ['a flood of PING', flood(raw(frame(TYPE.ping, 0, 0, '12345678'))), EITHER],
  ['a flood of SETTINGS', flood(raw(settings([3, 100]))), EITHER],
  ['a flood of RST_STREAM for streams that are none', flood((id) => reset(id + 1000, 8)), EITHER]
]

/** The head is fine, the content is not. */
const CONTENTS: Lie<Http2Play>[] = [
  ['closes within the content', sayEnd(OK, data('abc')), CUT_ALL],
  [
    'resets the connection within the content',
    (peer, id) => {
      peer.say(OK(id), data('abc')(id))
      setTimeout(() => peer.socket.resetAndDestroy(), 20)
    },
    CUT_ALL
  ],
  ['RST_STREAM NO_ERROR within the content', say(OK, data('abc'), rst(0)), CUT],
  ['RST_STREAM CANCEL within the content', say(OK, data('abc'), rst(8)), CUT],
  ['RST_STREAM INTERNAL_ERROR within the content', say(OK, data('abc'), rst(2)), CUT],
  ['GOAWAY with an error within the content', say(OK, data('abc'), (id) => goaway(id, 2)), CUT_ALL],
  ['fewer bytes than the length, small', say(withLength(9), data('abc', END_STREAM)), CUT],
  ['fewer bytes than the length, large', say(withLength(200_000), data('x'.repeat(16_000), END_STREAM)), CUT],
  ['more bytes than the length, small', say(withLength(9), data('abcdefghijk', END_STREAM)), CUT_ALL],
  ['a second head', say(OK, data('abc'), OK), CUT],
  ['trailers that do not end', say(OK, data('abc'), (id) => headOf(id, [['x-a', '1']])), CUT],
  ['trailers with a status', say(OK, data('abc'), (id) => headOf(id, [[':status', '200']], END_STREAM)), CUT],
  [
    'a frame that may not be, within the content',
    say(OK, data('abc'), (id) => frame(TYPE.settings, 0, id)),
    CUT_ALL
  ],
  [
    'a flood of PING within the content',
    flood(raw(frame(TYPE.ping, 0, 0, '12345678')), OK, data('abc')),
    CUT_ALL
  ],
  ['silence in small content', say(withLength(9), data('abc')), STALLED],
  ['silence in large content', say(withLength(200_000), data('abc')), STALLED],
  ['silence behind the head', say(OK), STALLED],
  ['small content byte by byte, for ever', drip(withLength(60_000), data('a')), ['TOTAL_TIMEOUT'], ENDLESS],
  ['content byte by byte, for ever', drip(OK, data('a')), ['TOTAL_TIMEOUT', 'broken'], ENDLESS],
  ['empty frames for ever', drip(OK, data('')), ['TOTAL_TIMEOUT', 'READ_TIMEOUT', 'broken'], ENDLESS]
]

/** What the client gets is whole, or empty by definition; a newer nghttp2 ends the connection over content where none may be. */
const WHOLES: Lie<Http2Play>[] = [
  [
    'content on HEAD',
    say(withLength(9), data('abcdefghi', END_STREAM)),
    ['200=', '200=abcdefghi', 'BAD_RESPONSE', '502'],
    { method: 'HEAD' }
  ],
  ['content on 204', say(head([[':status', '204']]), data('abc', END_STREAM)), ['204=', 'BAD_RESPONSE']],
  ['content on 304', say(head([[':status', '304']]), data('abc', END_STREAM)), ['304=', 'BAD_RESPONSE']],
  [
    'frames behind the end',
    say(OK, data('abc', END_STREAM), data('evil')),
    ['200=abc', 'broken', 'INCOMPLETE_RESPONSE']
  ]
]

/** All of them. */
export const HTTP2_LIES: readonly Lie<Http2Play>[] = [...GREETINGS, ...HEADS, ...CONTENTS, ...WHOLES]
