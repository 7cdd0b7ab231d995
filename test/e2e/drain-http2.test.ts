// sluice.drain with HTTP/2 clients (RFC 9113 §6.8): GOAWAY names the last request that is served, whatever came later was nobody's.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { constants } from 'node:http2'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { connectH2 } from '../support/h2'
import { startOrigin } from '../support/origin'
import { within } from '../support/waiting'
import { END_STREAM, frame, head, rawClient, TYPE, uint32 } from '../upstream/http2/raw-server'

type T = Parameters<typeof startEdge>[0]

const LONG_MS = 30_000

/** `onEnd` runs in the very tick in which the sessions are told to end. */
async function scene(t: T, onEnd: () => void = () => {}) {
  let release = (): void => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const origin = await startOrigin(async ({ url }, response) => {
    response.write(url === '/large' ? Buffer.alloc(64 << 20) : 'begin ')
    if (url === '/slow') await held
    response.end('end')
  })
  t.after(origin.close)
  const stream = { write: (line: string) => line.includes('are to end') && onEnd() }
  const edge = await startEdge(
    t,
    { prefix: '/', upstream: origin.url },
    { fastify: { http2: true, forceCloseConnections: false, logger: { level: 'info', stream } } }
  )
  return { edge, origin, release, sluice: edge.app.sluice }
}

function request(id: number, path: string): Buffer {
  const fields = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':authority', 'a.test'],
    [':path', path]
  ] as const
  return head(id, fields, END_STREAM)
}

test('GOAWAY names the last stream, which ends in peace; a later one is not served', async (t) => {
  const { edge, origin, release, sluice } = await scene(t)
  const client = rawClient(t, edge.url)
  client.say(request(1, '/'), request(3, '/slow'))
  await origin.request(2)
  const drained = sluice.drain({ delay: '0s', grace: '300s' })
  const { payload } = await within('GOAWAY', client.frame(TYPE.goaway))
  assert.deepEqual([payload.readUInt32BE(0), payload.readUInt32BE(4)], [3, constants.NGHTTP2_NO_ERROR])
  client.say(request(5, '/late'))
  release()
  await within('the end', client.closed, LONG_MS)
  const data = client.frames.filter(({ type, id }) => type === TYPE.data && id === 3)
  assert.equal(Buffer.concat(data.map(({ payload }) => payload)).toString(), 'begin end')
  assert.equal((data.at(-1)?.flags ?? 0) & END_STREAM, END_STREAM)
  assert.deepEqual(
    client.frames.filter(({ id }) => id === 5),
    []
  )
  await within('the drain', drained, LONG_MS)
  assert.deepEqual(origin.requests.map(({ url }) => url).sort(), ['/', '/slow'])
})

test('a stream that crosses GOAWAY is refused at the client, which may send it again', async (t) => {
  let onEnd = (): void => {}
  const { edge, origin, sluice } = await scene(t, () => onEnd())
  const client = await connectH2(edge.url)
  t.after(() => client.session.destroy())
  await client.get('/')
  const crossed = new Promise<Error>((resolve) => {
    onEnd = () => client.open('/crossing').once('error', resolve)
  })
  const drained = sluice.drain({ delay: '0s', grace: '300s' })
  const { message } = await within('the refusal', crossed)
  assert.match(message, /NGHTTP2_REFUSED_STREAM/)
  await within('the drain', drained, LONG_MS)
  assert.deepEqual(
    origin.requests.map(({ url }) => url),
    ['/']
  )
})

test('an idle session ends at once, also when its client does not close', async (t) => {
  const { edge, sluice } = await scene(t)
  const [good, deaf] = [await connectH2(edge.url), rawClient(t, edge.url)]
  t.after(() => good.session.destroy())
  deaf.socket.allowHalfOpen = true
  await good.get('/')
  deaf.say(request(1, '/'))
  await deaf.frame(TYPE.data)
  await within('the drain', sluice.drain({ delay: '0s', grace: '300s' }), LONG_MS)
})

test('after the grace a stream that is still open is broken off, and its client can tell', async (t) => {
  const { edge, sluice } = await scene(t)
  const client = await connectH2(edge.url)
  t.after(() => client.session.destroy())
  const stream = client.open('/slow')
  await once(stream, 'data')
  const ended = once(stream, 'end')
  await within('the drain', sluice.drain({ delay: '0s', grace: '100ms' }), LONG_MS)
  await assert.rejects(within('the end', ended), /ECONNRESET|NGHTTP2_|aborted/)
})

test('after the grace a client that reads nothing at all is cut too', async (t) => {
  const { edge, sluice } = await scene(t)
  const client = rawClient(t, edge.url)
  const { socket } = client
  // Windows that never close, so that it is the connection that does not move.
  const wide = Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff])
  client.say(frame(TYPE.settings, 0, 0, wide), frame(TYPE.window, 0, 0, uint32(0x7fff_0000)))
  client.say(request(1, '/large'))
  await client.frame(TYPE.data)
  socket.pause()
  await within('the drain', sluice.drain({ delay: '0s', grace: '100ms' }), LONG_MS)
})

test('a session that opens while the edge still listens is served and told to go with the others', async (t) => {
  const { edge, sluice } = await scene(t)
  const drained = sluice.drain({ delay: '100ms', grace: '300s' })
  const client = await connectH2(edge.url)
  t.after(() => client.session.destroy())
  const goaway = once(client.session, 'goaway')
  assert.equal((await client.get('/')).text, 'begin end')
  await within('GOAWAY', goaway)
  await within('the drain', drained, LONG_MS)
})
