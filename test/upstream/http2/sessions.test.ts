// Connections are shared, limited, kept while they are worth it, and left when the server says so (RFC 9113 §5.1.2, §6.8).
import assert from 'node:assert/strict'
import type { ServerHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { sluiceError } from '../../../src/errors'
import { Abort } from '../../../src/http/abort'
import type { Transport } from '../../../src/upstream/transport'
import { until } from '../../support/waiting'
import { call, failureIn, text } from '../scripted'
import { END_STREAM, frame, goaway, head, type RawPeer, rawServer, settings, TYPE } from './raw-server'
import { h2cServer, h2cTo } from './server'

const answer = (stream: ServerHttp2Stream) => {
  stream.respond({ ':status': 200 })
  stream.end('ok')
}

const many = (transport: Transport, count: number) =>
  Promise.all(Array.from({ length: count }, () => transport.send(call())))

/** A server that answers only once so many streams are open. */
function gathering(count: number) {
  const open: ServerHttp2Stream[] = []
  return (stream: ServerHttp2Stream) => {
    open.push(stream)
    if (open.length === count) for (const each of open.splice(0)) answer(each)
  }
}

test('requests at one time share one connection', async (t) => {
  const server = await h2cServer(t, gathering(50))
  const transport = h2cTo(t, server.url)
  for (const response of await many(transport, 50)) assert.equal(await text(response), 'ok')
  assert.equal(server.sessions.length, 1)
})

test('connect time is 0 on a connection that was there', async (t) => {
  const server = await h2cServer(t, answer)
  const transport = h2cTo(t, server.url)
  const calls = [call(), call()]
  for (const each of calls) await text(await transport.send(each))
  assert.equal(calls[1]?.record.connectTime, 0)
})

test('more than the server takes at one time go to a second connection', async (t) => {
  const server = await h2cServer(t, gathering(5), { settings: { maxConcurrentStreams: 3 } })
  const transport = h2cTo(t, server.url)
  for (const response of await many(transport, 5)) assert.equal(await text(response), 'ok')
  assert.equal(server.sessions.length, 2)
})

test('more than 100 at one time go to a second connection, whatever the server takes', async (t) => {
  const server = await h2cServer(t, gathering(120))
  const transport = h2cTo(t, server.url)
  for (const response of await many(transport, 120)) assert.equal(await text(response), 'ok')
  assert.equal(server.sessions.length, 2)
})

test('maxConnections: requests wait for a stream', async (t) => {
  let most = 0
  let now = 0
  const server = await h2cServer(
    t,
    (stream) => {
      most = Math.max(most, ++now)
      setTimeout(() => {
        now--
        answer(stream)
      }, 5)
    },
    { settings: { maxConcurrentStreams: 2 } }
  )
  const transport = h2cTo(t, server.url, { maxConnections: 1 })
  for (const response of await many(transport, 9)) assert.equal(await text(response), 'ok')
  assert.equal(server.sessions.length, 1)
  assert.ok(most <= 2, `${most} at one time`)
})

test('maxConnections: who waits too long is told so', async (t) => {
  const server = await h2cServer(t, () => {}, { settings: { maxConcurrentStreams: 1 } })
  const transport = h2cTo(t, server.url, { maxConnections: 1 })
  transport.send(call()).catch(() => {})
  await until('the stream to be taken', () => server.streams.length === 1)
  const error = await failureIn(transport.send(call({}, { timeouts: { connect: 50 } })))
  assert.equal(error.code, 'SLUICE_CONCURRENCY')
  assert.match(error.detail ?? '', /maxConnections/)
})

test('an aborted exchange frees its stream for one that waits', async (t) => {
  const greeting = [settings([3, 1])]
  const script = async (peer: RawPeer) => {
    await peer.frame(TYPE.reset)
    const { id } = await peer.frame(TYPE.headers, 2)
    peer.say(head(id, [[':status', '204']], END_STREAM))
  }
  const { url, peers } = await rawServer(t, script, greeting)
  const transport = h2cTo(t, url, { maxConnections: 1 })
  const abort = new Abort()
  const first = failureIn(transport.send(call({}, { abort })))
  await until(
    'the stream to be taken',
    () => peers[0]?.frames.some(({ type }) => type === TYPE.headers) === true
  )
  const second = transport.send(call())
  abort.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
  assert.equal((await first).code, 'SLUICE_CLIENT_CLOSED')
  assert.equal((await second).status, 204)
  assert.equal(peers.length, 1)
})

test('a server that takes no streams at all is an error, not a storm of dials', async (t) => {
  const server = await h2cServer(t, answer, { settings: { maxConcurrentStreams: 0 } })
  const error = await failureIn(h2cTo(t, server.url).send(call()))
  assert.equal(error.code, 'SLUICE_CONNECT_FAILED')
  assert.match(error.detail ?? '', /no streams/)
  assert.equal(server.sessions.length, 1)
})

test('an idle connection ends after keepaliveTimeout, with GOAWAY', async (t) => {
  const peers = await rawServer(t, async (peer) => {
    await peer.frame(TYPE.headers)
    peer.say(head(1, [[':status', '204']], END_STREAM))
  })
  const transport = h2cTo(t, peers.url, { keepaliveTimeout: '30ms' })
  await transport.send(call())
  const [peer] = peers.peers
  const frame = await peer?.frame(TYPE.goaway)
  assert.equal(frame?.payload.readUInt32BE(4), 0)
  await peer?.closed
})

test('keepalive 0: each connection ends with its exchange', async (t) => {
  const server = await h2cServer(t, answer)
  const transport = h2cTo(t, server.url, { keepalive: 0 })
  for (let turn = 0; turn < 3; turn++) assert.equal(await text(await transport.send(call())), 'ok')
  assert.equal(server.sessions.length, 3)
  await until('all to be closed', () => server.sessions.every(({ destroyed }) => destroyed))
})

test('a farewell lets exchanges end, and the next goes to a new connection', async (t) => {
  const server = await h2cServer(t, (stream) => {
    if (server.streams.length > 1) answer(stream)
  })
  const transport = h2cTo(t, server.url)
  const first = transport.send(call())
  await until('the stream to be taken', () => server.streams.length === 1)
  server.sessions[0]?.goaway(0, server.streams[0]?.id)
  // Until it is heard the old connection is used, and the refusal says that nothing was done.
  const send = (): ReturnType<Transport['send']> =>
    transport.send(call()).catch((error) => {
      assert.equal(error.requestSent, false)
      return send()
    })
  assert.equal(await text(await send()), 'ok')
  assert.equal(server.sessions.length, 2)
  const [stream] = server.streams
  if (stream !== undefined) answer(stream)
  assert.equal(await text(await first), 'ok')
})

test('streams that a farewell leaves out may be sent again, whatever they are', async (t) => {
  const { url, peers } = await rawServer(t, async (peer) => {
    await peer.frame(TYPE.headers, 2)
    peer.say(goaway(1))
    peer.say(head(1, [[':status', '204']], END_STREAM))
  })
  const transport = h2cTo(t, url)
  const first = transport.send(call({ method: 'POST', body: Buffer.from('a') }))
  const second = failureIn(transport.send(call({ method: 'POST', body: Buffer.from('b') })))
  const error = await second
  assert.equal(error.code, 'SLUICE_RESET')
  assert.equal(error.requestSent, false)
  assert.equal(error.reused, true)
  assert.equal((await first).status, 204)
  await peers[0]?.closed
})

test('a farewell with an error: only what it leaves out counts as not sent', async (t) => {
  const { url } = await rawServer(t, async (peer) => {
    await peer.frame(TYPE.headers, 2)
    peer.say(goaway(1, 11))
  })
  const transport = h2cTo(t, url)
  const errors = await Promise.all([1, 2].map(() => failureIn(transport.send(call({ method: 'POST' })))))
  assert.deepEqual(
    errors.map(({ code, requestSent }) => [code, requestSent]),
    [
      ['SLUICE_RESET', true],
      ['SLUICE_RESET', false]
    ]
  )
})

test('a used connection that dies unheard is told from one that worked', async (t) => {
  const { url, peers } = await rawServer(t, async (peer) => {
    await peer.frame(TYPE.headers)
    peer.say(head(1, [[':status', '204']], END_STREAM))
    await peer.frame(TYPE.headers, 2)
    peer.socket.destroy()
  })
  const transport = h2cTo(t, url)
  await transport.send(call())
  const error = await failureIn(transport.send(call()))
  assert.equal(error.code, 'SLUICE_RESET')
  assert.equal(error.reused, true)
  assert.equal(error.requestSent, true)
  assert.equal(peers.length, 1)
})

test('a fresh connection that dies is no stale one', async (t) => {
  const { url } = await rawServer(t, async (peer) => {
    await peer.frame(TYPE.headers)
    peer.socket.destroy()
  })
  const error = await failureIn(h2cTo(t, url).send(call()))
  assert.equal(error.code, 'SLUICE_RESET')
  assert.equal(error.reused, false)
})

test('a server that lowers its limit is heeded', async (t) => {
  const { url, peers } = await rawServer(t, async (peer, index) => {
    await peer.frame(TYPE.headers)
    if (index === 0) peer.say(settings([3, 1]))
    peer.say(head(1, [[':status', '200']]))
  })
  const transport = h2cTo(t, url)
  const first = await transport.send(call())
  const second = await transport.send(call())
  assert.equal(peers.length, 2)
  for (const { body } of [first, second]) if (body instanceof Readable) body.destroy()
})

test('a server that takes no more for now gets a second connection, and the first ends what it has', async (t) => {
  const { url, peers } = await rawServer(t, async (peer, index) => {
    const { id } = await peer.frame(TYPE.headers)
    if (index === 0) peer.say(settings([3, 0]), head(id, [[':status', '200']]))
    else peer.say(head(id, [[':status', '204']], END_STREAM))
  })
  const transport = h2cTo(t, url)
  const first = await transport.send(call({}, { collect: 0 }))
  assert.equal((await transport.send(call())).status, 204)
  assert.equal(peers.length, 2)
  peers[0]?.say(frame(TYPE.data, END_STREAM, 1, 'done'))
  assert.equal(await text(first), 'done')
})

test('a server that raises its limit is heeded by those who wait', async (t) => {
  const script = async (peer: RawPeer) => {
    await peer.frame(TYPE.headers)
    peer.say(settings([3, 3]))
    await peer.frame(TYPE.headers, 3)
    for (const id of [1, 3, 5]) peer.say(head(id, [[':status', '204']], END_STREAM))
  }
  const { url, peers } = await rawServer(t, script, [settings([3, 1])])
  const responses = await many(h2cTo(t, url, { maxConnections: 1 }), 3)
  assert.deepEqual([responses.map(({ status }) => status), peers.length], [[204, 204, 204], 1])
})

test('an idle connection that floods is ended, and the next request gets another', async (t) => {
  const { url, peers } = await rawServer(t, async (peer, index) => {
    const { id } = await peer.frame(TYPE.headers)
    peer.say(head(id, [[':status', '204']], END_STREAM))
    if (index === 0) peer.say(...Array.from({ length: 1500 }, () => frame(TYPE.ping, 0, 0, '12345678')))
  })
  const transport = h2cTo(t, url)
  await transport.send(call())
  await peers[0]?.closed
  assert.equal((await transport.send(call())).status, 204)
  assert.equal(peers.length, 2)
})

test('who waited in vain makes the connection answer PING before it gets another one', async (t) => {
  const { url, peers } = await rawServer(t, async (peer, index) => {
    await peer.frame(TYPE.headers)
    if (index === 1) peer.say(head(1, [[':status', '204']], END_STREAM))
  })
  const transport = h2cTo(t, url)
  const error = await failureIn(transport.send(call({}, { timeouts: { read: 50 } })))
  assert.equal(error.code, 'SLUICE_READ_TIMEOUT')
  await peers[0]?.frame(TYPE.ping)
  assert.equal((await transport.send(call())).status, 204)
  assert.equal(peers.length, 2)
})

test('close waits for what is under way, and destroy does not', async (t) => {
  const server = await h2cServer(t, () => {})
  const transport = h2cTo(t, server.url)
  const sent = transport.send(call())
  await until('the stream to be taken', () => server.streams.length === 1)
  let closed = false
  const closing = transport.close().then(() => {
    closed = true
  })
  assert.equal((await failureIn(transport.send(call()))).code, 'SLUICE_CLOSING')
  const [stream] = server.streams
  assert.equal(closed, false)
  if (stream !== undefined) answer(stream)
  assert.equal(await text(await sent), 'ok')
  await closing

  const other = h2cTo(t, server.url)
  const lost = failureIn(other.send(call()))
  await until('the stream to be taken', () => server.streams.length === 2)
  other.destroy()
  assert.equal((await lost).code, 'SLUICE_RESET')
  await other.close()
})

test('close does not wait for a server that ignores the end', async (t) => {
  const { url, peers } = await rawServer(t, async (peer) => {
    await peer.frame(TYPE.headers)
    peer.say(head(1, [[':status', '204']], END_STREAM))
  })
  const transport = h2cTo(t, url)
  await transport.send(call())
  peers[0]?.socket.pause()
  await transport.close()
})
