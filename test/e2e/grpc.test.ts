// gRPC through the edge (nginx: grpc_pass): trailers, `te: trailers`, messages both ways as they come, errors as they are.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Stream, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { type TestContext, test } from 'node:test'
import { startEdge, startError } from '../support/edge'
import { connectH2 } from '../support/h2'
import { until } from '../support/waiting'
import { type H2Server, h2cServer } from '../upstream/http2/server'

/** A message: not compressed, its length, its bytes. */
function message(text: string): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(text.length, 1)
  return Buffer.concat([head, Buffer.from(text)])
}

/** Echoes each message at once, and ends with its status in trailers; `/fail` has a status alone. */
function echo(stream: ServerHttp2Stream, fields: IncomingHttpHeaders): void {
  if (fields[':path'] === '/test.Echo/Fail') {
    const head = {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': '5',
      'grpc-message': 'none'
    }
    stream.respond(head, { endStream: true })
    return
  }
  stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-te': String(fields.te) }))
  stream.pipe(stream)
}

async function start(t: TestContext) {
  const server = await h2cServer(t, echo)
  const edge = await startEdge(
    t,
    {
      upstreams: { grpc: { servers: [server.url], protocol: 'h2c' } },
      routes: [{ prefix: '/test.Echo', upstream: 'grpc', bodyLimit: false }]
    },
    { fastify: { http2: true } }
  )
  const client = await connectH2(edge.url)
  t.after(() => client.session.destroy())
  return { server, edge, client }
}

const CALL = { ':method': 'POST', 'content-type': 'application/grpc+proto', te: 'trailers' }

function ask(client: Awaited<ReturnType<typeof connectH2>>, path: string): ClientHttp2Stream {
  return client.session.request({ ...CALL, ':path': path }, { endStream: false })
}

/** The trailers of a stream that is read to its end. */
async function trailersOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  let trailers: IncomingHttpHeaders = {}
  stream.once('trailers', (fields) => {
    trailers = fields
  })
  await once(stream.resume(), 'close')
  return trailers
}

test('a call and its answer, with the status in trailers', async (t) => {
  const { client } = await start(t)
  const stream = ask(client, '/test.Echo/Say')
  stream.end(message('hello'))
  const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  assert.equal(head[':status'], 200)
  assert.equal(head['content-type'], 'application/grpc+proto')
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  const trailers = await trailersOf(stream)
  assert.deepEqual(Buffer.concat(chunks), message('hello'))
  assert.equal(trailers['grpc-status'], '0')
  assert.equal(trailers['x-te'], 'trailers')
})

test('messages flow both ways, each before the next is sent', async (t) => {
  const { client } = await start(t)
  const stream = ask(client, '/test.Echo/Chat')
  // The head comes before any message: a server may speak first, or wait.
  await once(stream, 'response')
  for (const text of ['one', 'two', 'three']) {
    stream.write(message(text))
    const [chunk] = (await once(stream, 'data')) as [Buffer]
    assert.deepEqual(chunk, message(text))
  }
  stream.end()
  assert.equal((await trailersOf(stream))['grpc-status'], '0')
})

test('a status without content goes through in the head', async (t) => {
  const { client } = await start(t)
  const stream = ask(client, '/test.Echo/Fail')
  stream.end(message('x'))
  const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  assert.equal(head['grpc-status'], '5')
  assert.equal(head['grpc-message'], 'none')
  await once(stream.resume(), 'close')
})

test('many calls at one time share one connection to the server', async (t) => {
  const { client, server } = await start(t)
  const call = async (n: number) => {
    const stream = ask(client, '/test.Echo/Say')
    stream.end(message(`call ${n}`))
    return (await trailersOf(stream))['grpc-status']
  }
  const statuses = await Promise.all(Array.from({ length: 40 }, (_, n) => call(n)))
  assert.ok(statuses.every((status) => status === '0'))
  assert.equal(server.sessions.length, 1)
})

async function takenStream(server: H2Server): Promise<ServerHttp2Stream> {
  await until('the call to arrive', () => server.streams.length === 1)
  return server.streams[0] as ServerHttp2Stream
}

test('a call that the client cancels is cancelled at the server', async (t) => {
  const { client, server } = await start(t)
  const stream = ask(client, '/test.Echo/Chat')
  stream.on('error', () => {})
  stream.write(message('one'))
  const taken = await takenStream(server)
  stream.close(8)
  await until('the stream to close', () => taken.closed)
  assert.equal(taken.rstCode, 8)
})

test('a call that the server breaks off is visibly broken off', async (t) => {
  const { client, server } = await start(t)
  const stream = ask(client, '/test.Echo/Chat')
  stream.on('error', () => {})
  await once(stream, 'response')
  const taken = await takenStream(server)
  taken.close(2)
  stream.resume()
  await until('the stream to close', () => stream.closed)
  assert.notEqual(stream.rstCode, 0)
})

test('websocket on a route to such a group is an error at start', async () => {
  const error = await startError({
    upstreams: { grpc: { servers: ['http://127.0.0.1:1'], protocol: 'h2c' } },
    routes: [{ prefix: '/ws', upstream: 'grpc', websocket: true }]
  })
  assert.match(error.message, /^routes\[0\]\.websocket: upstreams\.grpc\.protocol is 'h2c'/)
})
