// gRPC through the edge (nginx: grpc_pass): the four kinds of calls, trailers, `te: trailers`, deadlines, cancellation, errors as they are.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { ClientHttp2Stream, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { startEdge, startError } from '../support/edge'
import { connectH2 } from '../support/h2'
import { until } from '../support/waiting'
import { type H2Server, h2cServer } from '../upstream/http2/server'

/** A message: not compressed, its length, its bytes. */
function message(text: string): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(Buffer.byteLength(text), 1)
  return Buffer.concat([head, Buffer.from(text)])
}

/** The messages of a stream as they come, wherever its chunks are cut. */
async function* messages(stream: Readable): AsyncGenerator<string> {
  let unread = Buffer.alloc(0)
  for await (const chunk of stream) {
    unread = Buffer.concat([unread, chunk as Buffer])
    while (unread.length >= 5 && unread.length >= 5 + unread.readUInt32BE(1)) {
      const end = 5 + unread.readUInt32BE(1)
      yield unread.toString('utf8', 5, end)
      unread = unread.subarray(end)
    }
  }
  assert.equal(unread.length, 0, 'half a message')
}

async function all(stream: Readable): Promise<string[]> {
  const texts: string[] = []
  for await (const text of messages(stream)) texts.push(text)
  return texts
}

type Method = (stream: ServerHttp2Stream, fields: IncomingHttpHeaders) => unknown

const HEAD = { ':status': 200, 'content-type': 'application/grpc+proto' }

/** Answers in content, and with a status in trailers. */
function respond(stream: ServerHttp2Stream, fields: IncomingHttpHeaders): void {
  stream.respond(HEAD, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-te': String(fields.te) }))
}

const METHODS: Record<string, Method> = {
  /** Unary, and both ways: each message at once. */
  Say: (stream, fields) => {
    respond(stream, fields)
    stream.pipe(stream)
  },
  /** One message in, many out. */
  List: async (stream, fields) => {
    const [count] = await all(stream)
    respond(stream, fields)
    for (let n = 0; n < Number(count); n++) {
      if (!stream.write(message(`item ${n} ${'x'.repeat(1000)}`))) await once(stream, 'drain')
    }
    stream.end()
  },
  /** Many messages in, one out. */
  Sum: async (stream, fields) => {
    let sum = 0
    for await (const text of messages(stream)) sum += Number(text)
    respond(stream, fields)
    stream.end(message(String(sum)))
  },
  /** A status alone. */
  Fail: (stream) => {
    stream.respond({ ...HEAD, 'grpc-status': '5', 'grpc-message': 'none' }, { endStream: true })
  },
  /** Tells the deadline that it was given, and then nothing. */
  Stall: (stream, fields) => {
    respond(stream, fields)
    stream.write(message(String(fields['grpc-timeout'])))
  },
  Silence: () => {}
}

async function start(t: TestContext, route: object = {}) {
  const server = await h2cServer(t, (stream, fields) => {
    const method = METHODS[String(fields[':path']).slice('/test.Echo/'.length)] as Method
    Promise.resolve(method(stream, fields)).catch(() => stream.destroy())
  })
  const edge = await startEdge(
    t,
    {
      upstreams: { grpc: { servers: [server.url], protocol: 'h2c' } },
      routes: [{ prefix: '/test.Echo', upstream: 'grpc', bodyLimit: false, ...route }]
    },
    { fastify: { http2: true } }
  )
  const client = await connectH2(edge.url)
  t.after(() => client.session.destroy())
  return { server, edge, client }
}

const CALL = { ':method': 'POST', 'content-type': 'application/grpc+proto', te: 'trailers' }

function ask(
  client: Awaited<ReturnType<typeof connectH2>>,
  method: string,
  fields: Record<string, string> = {}
): ClientHttp2Stream {
  const stream = client.session.request(
    { ...CALL, ':path': `/test.Echo/${method}`, ...fields },
    { endStream: false }
  )
  return stream.on('error', () => {})
}

/** What a call came to: its messages, and the trailers behind them. */
async function result(stream: ClientHttp2Stream) {
  let trailers: IncomingHttpHeaders = {}
  stream.once('trailers', (fields) => {
    trailers = fields
  })
  const texts = await all(stream)
  if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve))
  return { texts, trailers, status: trailers['grpc-status'] }
}

async function headOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  return head
}

test('unary: a message each way, the status in trailers', async (t) => {
  const { client } = await start(t)
  const stream = ask(client, 'Say')
  stream.end(message('hello'))
  const head = await headOf(stream)
  assert.deepEqual([head[':status'], head['content-type']], [200, 'application/grpc+proto'])
  const { texts, trailers } = await result(stream)
  assert.deepEqual(texts, ['hello'])
  assert.equal(trailers['grpc-status'], '0')
  assert.equal(trailers['x-te'], 'trailers')
})

test('server streaming: many messages for one, none lost', async (t) => {
  const { client } = await start(t)
  const stream = ask(client, 'List')
  stream.end(message('2000'))
  const { texts, status } = await result(stream)
  assert.deepEqual(
    [texts.length, texts[0]?.slice(0, 6), texts.at(-1)?.slice(0, 9)],
    [2000, 'item 0', 'item 1999']
  )
  assert.equal(status, '0')
})

test('client streaming: one message for many', async (t) => {
  const { client } = await start(t)
  const stream = ask(client, 'Sum')
  for (let n = 1; n <= 2000; n++) if (!stream.write(message(String(n)))) await once(stream, 'drain')
  stream.end()
  assert.deepEqual(await result(stream).then(({ texts, status }) => [texts, status]), [['2001000'], '0'])
})

test('both ways: each message arrives before the next is sent', async (t) => {
  const { client } = await start(t)
  const stream = ask(client, 'Say')
  // The head comes before any message: a server may speak first, or wait.
  await headOf(stream)
  for (const text of ['one', 'two', 'three']) {
    stream.write(message(text))
    const [chunk] = (await once(stream, 'data')) as [Buffer]
    assert.deepEqual(chunk, message(text))
  }
  stream.end()
  let trailers: IncomingHttpHeaders = {}
  stream.once('trailers', (fields) => {
    trailers = fields
  })
  await once(stream, 'close')
  assert.equal(trailers['grpc-status'], '0')
})

test('a status without content goes through in the head', async (t) => {
  const { client } = await start(t)
  const stream = ask(client, 'Fail')
  stream.end(message('x'))
  const head = await headOf(stream)
  assert.deepEqual([head['grpc-status'], head['grpc-message']], ['5', 'none'])
  await once(stream.resume(), 'close')
})

test('many calls at one time share one connection to the server', async (t) => {
  const { client, server } = await start(t)
  const call = (n: number) => {
    const stream = ask(client, 'Say')
    stream.end(message(`call ${n}`))
    return result(stream)
  }
  const results = await Promise.all(Array.from({ length: 40 }, (_, n) => call(n)))
  for (const [n, { texts, status }] of results.entries())
    assert.deepEqual([texts, status], [[`call ${n}`], '0'])
  assert.equal(server.sessions.length, 1)
})

test('the client’s deadline reaches the server; what the edge waits for is its own', async (t) => {
  const { client } = await start(t)
  const stream = ask(client, 'Stall', { 'grpc-timeout': '250m' })
  stream.end(message('x'))
  const [chunk] = (await once(stream, 'data')) as [Buffer]
  assert.deepEqual(chunk, message('250m'))
  stream.close(8)
})

for (const [option, code] of [
  ['read', 'SLUICE_READ_TIMEOUT'],
  ['total', 'SLUICE_TOTAL_TIMEOUT']
] as const) {
  test(`a call beyond timeouts.${option}: 504 before the head, broken off behind it, cancelled at the server`, async (t) => {
    const { client, edge, server } = await start(t, { timeouts: { [option]: '1s' } })
    const silent = ask(client, 'Silence')
    silent.end(message('x'))
    // A client takes it for UNAVAILABLE, as any 504 without a status of gRPC.
    assert.equal((await headOf(silent))[':status'], 504)
    assert.match(Buffer.concat(await silent.toArray()).toString(), new RegExp(code))
    const stalled = ask(client, 'Stall')
    stalled.end(message('x'))
    stalled.resume()
    await new Promise((resolve) => stalled.once('close', resolve))
    assert.equal(stalled.rstCode, 2)
    await until('both to be cancelled', () => server.streams.every(({ closed }) => closed))
    assert.deepEqual(
      server.streams.map(({ rstCode }) => rstCode),
      [8, 8]
    )
    await until('both lines', () => edge.log.filter(({ error }) => error !== undefined).length === 2)
  })
}

async function takenStream(server: H2Server): Promise<ServerHttp2Stream> {
  await until('the call to arrive', () => server.streams.length === 1)
  return server.streams[0] as ServerHttp2Stream
}

for (const method of ['Say', 'Silence']) {
  test(`a call that the client cancels is cancelled at the server (${method})`, async (t) => {
    const { client, edge, server } = await start(t)
    const stream = ask(client, method)
    stream.write(message('one'))
    const taken = await takenStream(server)
    stream.close(8)
    await until('the stream to close', () => taken.closed)
    assert.equal(taken.rstCode, 8)
    const servers = () => Object.values(edge.app.sluice.stats().upstreams).flat()
    await until('nothing to be active', () => servers().every(({ active }) => active === 0))
  })
}

test('a call that the server breaks off is visibly broken off', async (t) => {
  const { client, server } = await start(t)
  const stream = ask(client, 'Say')
  await headOf(stream)
  const taken = await takenStream(server)
  taken.close(2)
  stream.resume()
  await until('the stream to close', () => stream.closed)
  assert.notEqual(stream.rstCode, 0)
})

test('errors of the edge may be told as a status of gRPC', async (t) => {
  const { client, server } = await start(t, {
    errorPages: {
      '5xx': (
        _request: unknown,
        reply: { code(status: number): void; header(n: string, v: string): void }
      ) => {
        reply.code(200)
        reply.header('content-type', 'application/grpc')
        reply.header('grpc-status', '14')
        return ''
      }
    },
    timeouts: { read: '100ms' }
  })
  const stream = ask(client, 'Silence')
  stream.end(message('x'))
  const head = await headOf(stream)
  assert.deepEqual(
    [head[':status'], head['content-type'], head['grpc-status']],
    [200, 'application/grpc', '14']
  )
  assert.deepEqual(await stream.toArray(), [])
  assert.equal(server.streams.length, 1)
})

test('websocket on a route to such a group is an error at start', async () => {
  const error = await startError({
    upstreams: { grpc: { servers: ['http://127.0.0.1:1'], protocol: 'h2c' } },
    routes: [{ prefix: '/ws', upstream: 'grpc', websocket: true }]
  })
  assert.match(error.message, /^routes\[0\]\.websocket: upstreams\.grpc\.protocol is 'h2c'/)
})
