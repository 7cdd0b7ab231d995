// Servers that lie or die in HTTP/2: never a crash, a hang, or a false clean end.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { HTTP2_LIES } from '../../fault/lies/http2'
import { startHttp2Liar } from '../../fault/lies/liar'
import { testTransport } from '../lied-to'
import { call, failureIn, scripted, text } from '../scripted'
import { END_HEADERS, END_STREAM, frame, head, rawServer, reset, TYPE } from './raw-server'
import { h2cTo } from './server'

const OK = head(1, [[':status', '200']])
const data = (content: string) => frame(TYPE.data, 0, 1, content)

testTransport({ table: HTTP2_LIES, start: startHttp2Liar, transportTo: (t, url) => h2cTo(t, url) })

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

test('more content than the window, for a reader who does not read: the server’s fault', async (t) => {
  const { url } = await rawServer(t, async (peer) => {
    await peer.frame(TYPE.headers)
    peer.say(OK)
    for (let n = 0; n < 100; n++) peer.say(data('x'.repeat(16_000)))
  })
  const { body } = await h2cTo(t, url).send(call({}, { collect: 0 }))
  assert.ok(body instanceof Readable)
  await new Promise((resolve) => body.once('close', resolve))
  assert.equal((body.errored as { code?: string } | null)?.code, 'SLUICE_INCOMPLETE_RESPONSE')
})

test('a server that speaks something else: connect failed, nothing sent, and the error says so', async (t) => {
  const server = await scripted(t, () => {})
  const sent = failureIn(h2cTo(t, server.url).send(call({ method: 'POST' })))
  await server.until('PRI * HTTP/2.0')
  server.sockets[0]?.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
  const error = await sent
  assert.deepEqual([error.code, error.requestSent], ['SLUICE_CONNECT_FAILED', false])
  assert.match(error.detail ?? '', /HTTP\/2/)
})
