// Servers that lie or die in HTTP/2: never a crash, a hang, or a false clean end.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorRow, isSluiceError, type SluiceErrorCode } from '../../../src/errors'
import { call, failureIn, scripted, text } from '../scripted'
import {
  block,
  END_HEADERS,
  END_STREAM,
  frame,
  goaway,
  head,
  type RawPeer,
  rawServer,
  reset,
  settings,
  TYPE,
  uint32
} from './raw-server'
import { h2cTo } from './server'

type Answer = (peer: RawPeer) => void

const say =
  (...frames: Buffer[]): Answer =>
  (peer) =>
    peer.say(...frames)
const sayAndEnd =
  (...frames: Buffer[]): Answer =>
  (peer) => {
    peer.say(...frames)
    peer.socket.end()
  }
const OK = head(1, [[':status', '200']])
const OK9 = head(1, [
  [':status', '200'],
  ['content-length', '9']
])
const data = (content: string, flags = 0, id = 1) => frame(TYPE.data, flags, id, content)

/** Says the same again and again until the connection closes. */
const flood =
  (bytes: Buffer, ...first: Buffer[]): Answer =>
  (peer) => {
    peer.say(...first)
    const more = () => {
      if (peer.socket.destroyed) return
      if (peer.socket.write(bytes)) setImmediate(more)
      else peer.socket.once('drain', more)
    }
    more()
  }

/** What goes wrong before the response can be used: the promise rejects. */
const BEFORE: [string, Answer, ...SluiceErrorCode[]][] = [
  ['closes', (peer) => peer.socket.end(), 'SLUICE_RESET'],
  ['resets the connection', (peer) => peer.socket.resetAndDestroy(), 'SLUICE_RESET'],
  ['closes inside a frame', sayAndEnd(OK.subarray(0, 12)), 'SLUICE_RESET'],
  ['RST_STREAM NO_ERROR', say(reset(1, 0)), 'SLUICE_RESET'],
  ['RST_STREAM INTERNAL_ERROR', say(reset(1, 2)), 'SLUICE_RESET'],
  ['RST_STREAM CANCEL', say(reset(1, 8)), 'SLUICE_RESET'],
  ['RST_STREAM ENHANCE_YOUR_CALM', say(reset(1, 11)), 'SLUICE_RESET'],
  ['RST_STREAM HTTP_1_1_REQUIRED', say(reset(1, 13)), 'SLUICE_BAD_RESPONSE'],
  ['RST_STREAM with a code of its own', say(reset(1, 0xdeadbeef)), 'SLUICE_RESET'],
  ['GOAWAY with an error', say(goaway(1, 2)), 'SLUICE_RESET'],
  ['content before the head', say(data('x'))],
  ['an end before the head', say(data('', END_STREAM))],
  ['no status', say(head(1, [['x-a', '1']])), 'SLUICE_BAD_RESPONSE'],
  [
    'two statuses',
    say(
      head(1, [
        [':status', '200'],
        [':status', '204']
      ])
    ),
    'SLUICE_BAD_RESPONSE'
  ],
  ['status 99', say(head(1, [[':status', '099']])), 'SLUICE_BAD_RESPONSE'],
  ['status 700', say(head(1, [[':status', '700']])), 'SLUICE_BAD_RESPONSE'],
  ['status abc', say(head(1, [[':status', 'abc']])), 'SLUICE_BAD_RESPONSE'],
  ['101', say(head(1, [[':status', '101']])), 'SLUICE_BAD_RESPONSE'],
  ['103 that ends the stream', say(head(1, [[':status', '103']], END_STREAM)), 'SLUICE_BAD_RESPONSE'],
  [
    '40 interim responses',
    say(...Array.from({ length: 40 }, () => head(1, [[':status', '103']]))),
    'SLUICE_BAD_RESPONSE'
  ],
  [
    'a pseudo-field of requests',
    say(
      head(1, [
        [':status', '200'],
        [':path', '/']
      ])
    ),
    'SLUICE_BAD_RESPONSE'
  ],
  [
    'a pseudo-field behind others',
    say(
      head(1, [
        ['x-a', '1'],
        [':status', '200']
      ])
    ),
    'SLUICE_BAD_RESPONSE'
  ],
  [
    'connection',
    say(
      head(1, [
        [':status', '200'],
        ['connection', 'x']
      ])
    ),
    'SLUICE_BAD_RESPONSE'
  ],
  [
    'transfer-encoding',
    say(
      head(1, [
        [':status', '200'],
        ['transfer-encoding', 'chunked']
      ])
    ),
    'SLUICE_BAD_RESPONSE'
  ],
  [
    'two lengths',
    say(
      head(1, [
        [':status', '200'],
        ['content-length', '1'],
        ['content-length', '2']
      ])
    ),
    'SLUICE_BAD_RESPONSE'
  ],
  [
    'a negative length',
    say(
      head(1, [
        [':status', '200'],
        ['content-length', '-1']
      ])
    ),
    'SLUICE_BAD_RESPONSE'
  ],
  [
    'a length beyond all numbers',
    say(
      head(1, [
        [':status', '200'],
        ['content-length', '9'.repeat(30)]
      ])
    ),
    'SLUICE_BAD_RESPONSE'
  ],
  ['less than the length, collected', say(OK9, data('abc', END_STREAM)), 'SLUICE_INCOMPLETE_RESPONSE'],
  [
    'more than the length, collected',
    say(OK9, data('abcdefghijk', END_STREAM)),
    'SLUICE_INCOMPLETE_RESPONSE'
  ],
  ['a field block that cannot be read', say(frame(TYPE.headers, END_HEADERS, 1, '\xff\xff\xff\xff\xff'))],
  [
    'a field block that another frame interrupts',
    say(frame(TYPE.headers, 0, 1, block([[':status', '200']])), data('x'))
  ],
  ['CONTINUATION without HEADERS', say(frame(TYPE.continuation, END_HEADERS, 1, ''))],
  ['a frame longer than allowed', say(frame(TYPE.data, 0, 1, 'x'.repeat(20_000)))],
  ['SETTINGS of an odd length', say(frame(TYPE.settings, 0, 0, 'abc'))],
  ['SETTINGS on a stream', say(frame(TYPE.settings, 0, 1)), 'SLUICE_BAD_RESPONSE'],
  ['a window of 2^31', say(settings([4, 0x80000000])), 'SLUICE_BAD_RESPONSE'],
  ['a frame size of 1', say(settings([5, 1])), 'SLUICE_BAD_RESPONSE'],
  ['WINDOW_UPDATE of 0', say(frame(TYPE.window, 0, 0, uint32(0))), 'SLUICE_BAD_RESPONSE'],
  [
    'WINDOW_UPDATE beyond 2^31',
    say(frame(TYPE.window, 0, 0, uint32(0x7fffffff)), frame(TYPE.window, 0, 0, uint32(0x7fffffff))),
    'SLUICE_BAD_RESPONSE'
  ],
  ['a response on a stream never opened', say(head(7, [[':status', '200']])), 'SLUICE_BAD_RESPONSE'],
  [
    'a request from the server',
    say(
      head(2, [
        [':method', 'GET'],
        [':path', '/']
      ])
    ),
    'SLUICE_BAD_RESPONSE'
  ],
  ['content on stream 0', say(data('x', 0, 0))],
  ['HEADERS on stream 0', say(head(0, [[':status', '200']])), 'SLUICE_BAD_RESPONSE'],
  [
    'a push that was switched off',
    say(frame(TYPE.push, END_HEADERS, 1, Buffer.concat([uint32(2), block([[':method', 'GET']])]))),
    'SLUICE_BAD_RESPONSE'
  ],
  ['HTTP/1.1', (peer) => peer.socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')],
  [
    'endless CONTINUATION',
    flood(
      frame(TYPE.continuation, 0, 1, block([['x-a', 'y'.repeat(1000)]])),
      frame(TYPE.headers, 0, 1, block([[':status', '200']]))
    ),
    'SLUICE_BAD_RESPONSE',
    'SLUICE_RESET'
  ],
  [
    'endless empty CONTINUATION',
    flood(frame(TYPE.continuation, 0, 1), frame(TYPE.headers, 0, 1, block([[':status', '200']]))),
    'SLUICE_BAD_RESPONSE',
    'SLUICE_RESET'
  ],
  [
    'more fields than allowed',
    say(
      frame(TYPE.headers, 0, 1, block([[':status', '200']])),
      frame(TYPE.continuation, END_HEADERS, 1, block(Array.from({ length: 1100 }, (_, n) => [`a${n}`, ''])))
    ),
    'SLUICE_BAD_RESPONSE',
    'SLUICE_RESET'
  ],
  [
    'a head of 200 KiB',
    say(
      frame(TYPE.headers, 0, 1, block([[':status', '200']])),
      ...Array.from({ length: 6 }, (_, n) =>
        frame(TYPE.continuation, n === 5 ? END_HEADERS : 0, 1, block([[`a${n}`, 'x'.repeat(16_000)]]))
      )
    ),
    'SLUICE_BAD_RESPONSE',
    'SLUICE_RESET'
  ],
  ['a flood of PING', flood(frame(TYPE.ping, 0, 0, '12345678')), 'SLUICE_RESET', 'SLUICE_BAD_RESPONSE'],
  ['a flood of SETTINGS', flood(settings([3, 100])), 'SLUICE_RESET', 'SLUICE_BAD_RESPONSE'],
  [
    'a flood of RST_STREAM for streams that are none',
    flood(reset(9, 8)),
    'SLUICE_RESET',
    'SLUICE_BAD_RESPONSE'
  ]
]

/** Node tells nobody that it has ended the connection over such a frame: found out within seconds; here the time runs out before. */
const SILENT: readonly SluiceErrorCode[] = ['SLUICE_BAD_RESPONSE', 'SLUICE_READ_TIMEOUT']

for (const [name, play, ...listed] of BEFORE) {
  const codes = listed.length === 0 ? SILENT : listed
  test(`${name}: ${codes.join(' or ')}, and the next request works`, async (t) => {
    const { url } = await rawServer(t, async (peer, index) => {
      const { id } = await peer.frame(TYPE.headers)
      if (index === 0) play(peer)
      // Where the connection survives the next stream is on it.
      else peer.say(head(id, [[':status', '204']], END_STREAM))
      const next = await peer.frame(TYPE.headers, 2)
      peer.say(head(next.id, [[':status', '204']], END_STREAM))
    })
    const transport = h2cTo(t, url)
    const read = codes === SILENT ? 300 : 20_000
    const error = await failureIn(transport.send(call({}, { timeouts: { read } })).then(text))
    assert.ok(codes.includes(error.code), `${error.code} ${error.errno} ${error.detail}`)
    assert.ok(errorRow(error.code).status >= 502)
    assert.equal(error.requestSent, true)
    const next = await transport.send(call()).catch(() => transport.send(call()))
    assert.equal(next.status, 204)
  })
}

test('a connection that Node has ended in silence is found out, with all that is on it', async (t) => {
  const { url } = await rawServer(t, async (peer, index) => {
    const { id } = await peer.frame(TYPE.headers)
    if (index > 0) peer.say(head(id, [[':status', '204']], END_STREAM))
    else peer.say(OK, data('abc'))
    await peer.frame(TYPE.headers, 2)
    peer.say(frame(TYPE.continuation, END_HEADERS, 1, ''))
  })
  const transport = h2cTo(t, url)
  const patient = { timeouts: { read: 60_000 } }
  const first = failureIn(transport.send(call({}, { ...patient, collect: 0 })).then(text))
  const second = await failureIn(transport.send(call({}, patient)))
  assert.equal(second.code, 'SLUICE_BAD_RESPONSE')
  assert.equal((await first).code, 'SLUICE_INCOMPLETE_RESPONSE')
  assert.equal((await transport.send(call())).status, 204)
})

test('a server that takes its time is not taken for one', async (t) => {
  const { url, peers } = await rawServer(t, async (peer) => {
    await peer.frame(TYPE.headers)
    setTimeout(() => peer.say(head(1, [[':status', '204']], END_STREAM)), 3500)
  })
  const it = call({}, { timeouts: { read: 60_000 } })
  assert.equal((await h2cTo(t, url).send(it)).status, 204)
  assert.equal(peers[0]?.frames.filter(({ type }) => type === TYPE.ping).length, 1)
})

test('REFUSED_STREAM: nothing was done, and the server is to blame', async (t) => {
  const { url } = await rawServer(t, async (peer) => {
    await peer.frame(TYPE.headers)
    peer.say(reset(1, 7))
  })
  const error = await failureIn(h2cTo(t, url).send(call({ method: 'POST', body: Buffer.from('x') })))
  assert.deepEqual([error.code, error.requestSent, error.reused], ['SLUICE_RESET', false, false])
  assert.equal(error.errno, 'HTTP2_REFUSED_STREAM')
})

/** What goes wrong within streamed content: it never ends as if it were whole. */
const WITHIN: [string, Answer][] = [
  ['closes', sayAndEnd(OK, data('abc'))],
  [
    'resets the connection',
    (peer) => {
      peer.say(OK, data('abc'))
      setTimeout(() => peer.socket.resetAndDestroy(), 20)
    }
  ],
  ['RST_STREAM NO_ERROR', say(OK, data('abc'), reset(1, 0))],
  ['RST_STREAM CANCEL', say(OK, data('abc'), reset(1, 8))],
  ['RST_STREAM INTERNAL_ERROR', say(OK, data('abc'), reset(1, 2))],
  ['GOAWAY with an error', say(OK, data('abc'), goaway(1, 2))],
  ['less than the length', say(OK9, data('abc', END_STREAM))],
  ['more than the length', say(OK9, data('abcdefghijk', END_STREAM))],
  ['a second head', say(OK, data('abc'), head(1, [[':status', '200']]))],
  ['trailers that do not end', say(OK, data('abc'), head(1, [['x-a', '1']]))],
  ['trailers with a status', say(OK, data('abc'), head(1, [[':status', '200']], END_STREAM))],
  ['a frame that may not be', say(OK, data('abc'), frame(TYPE.settings, 0, 1))],
  [
    'more than the window',
    (peer) => {
      peer.say(OK)
      for (let n = 0; n < 100; n++) peer.say(data('x'.repeat(16_000)))
    }
  ]
]

for (const [name, play] of WITHIN) {
  test(`${name} within the content: incomplete`, async (t) => {
    const { url } = await rawServer(t, async (peer) => {
      await peer.frame(TYPE.headers)
      play(peer)
    })
    const response = h2cTo(t, url).send(call({}, { collect: 0 }))
    if (name === 'more than the window') {
      // Nobody reads: what comes beyond the window is the server's fault.
      await response.then(
        ({ body }) => new Promise((resolve) => (body as NodeJS.ReadableStream).once('close', resolve))
      )
      return
    }
    const error = await failureIn(response.then(text))
    assert.equal(error.code, 'SLUICE_INCOMPLETE_RESPONSE', `${error.errno}`)
    assert.equal(error.phase, 'body')
  })
}

const EMPTY: [string, string, Buffer[]][] = [
  ['content on HEAD', 'HEAD', [OK9, data('abcdefghi', END_STREAM)]],
  ['content on 204', 'GET', [head(1, [[':status', '204']]), data('abc', END_STREAM)]],
  ['content on 304', 'GET', [head(1, [[':status', '304']]), data('abc', END_STREAM)]]
]

for (const [name, method, frames] of EMPTY) {
  test(`${name} goes nowhere`, async (t) => {
    const { url } = await rawServer(t, async (peer, index) => {
      await peer.frame(TYPE.headers)
      if (index === 0) peer.say(...frames)
      const { id } = await peer.frame(TYPE.headers, index === 0 ? 2 : 1)
      peer.say(head(id, [[':status', '200']]), data('next', END_STREAM, id))
    })
    const transport = h2cTo(t, url)
    // An older nghttp2 drops such content; a newer one ends the connection over it, perhaps with the next request on it.
    const answer = async (request: { method?: string }) => {
      try {
        return await text(await transport.send(call(request)))
      } catch (error) {
        assert.ok(isSluiceError(error))
        assert.equal(error.code, 'SLUICE_BAD_RESPONSE')
        return ''
      }
    }
    assert.equal(await answer({ method }), '')
    assert.equal((await answer({})) || (await answer({})), 'next')
  })
}

/** What is no HTTP/2 at all: found out before a request is sent. */
const FOREIGN: [string, string][] = [
  ['HTTP/1.1', 'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'],
  ['an SSH banner', 'SSH-2.0-OpenSSH_9.2\r\n'],
  ['a TLS alert', '\x15\x03\x01\x00\x02\x02\x28'],
  ['a frame that is not SETTINGS', frame(TYPE.ping, 0, 0, '12345678').toString('latin1')],
  ['nothing, and closes', '']
]

for (const [name, bytes] of FOREIGN) {
  test(`a server that speaks ${name}: connect failed, nothing sent`, async (t) => {
    const server = await scripted(t, () => {})
    const sent = failureIn(h2cTo(t, server.url).send(call({ method: 'POST' })))
    await server.until('PRI * HTTP/2.0')
    server.sockets[0]?.end(bytes, 'latin1')
    const error = await sent
    assert.equal(error.code, 'SLUICE_CONNECT_FAILED')
    assert.equal(error.requestSent, false)
    assert.match(error.detail ?? '', /HTTP\/2/)
  })
}
