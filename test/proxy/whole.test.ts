// A small answer leaves in one write, and what node:http and Fastify keep to themselves is where we look for it.
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import Fastify, { type FastifyInstance, type RouteHandlerMethod } from 'fastify'
import { wholeHook } from '../../src/proxy/whole'
import { connectRaw, rawExchange } from '../support/raw-client'
import { rawField } from '../support/response-parser'

/** All values that a byte can have. */
const BYTES = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))

/** How often a socket is given something to write, and in how many pieces. */
interface Writes {
  single: number
  several: number
}

async function listening(
  t: TestContext,
  handler: RouteHandlerMethod,
  prepare: (app: FastifyInstance) => unknown = () => {}
): Promise<{ url: string; writes: Writes }> {
  const app = Fastify()
  t.after(() => app.close())
  const writes = { single: 0, several: 0 }
  app.server.on('connection', (socket) => countWrites(socket, writes))
  prepare(app)
  app.get('/*', { onSend: [wholeHook as never] }, handler)
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { url: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`, writes }
}

function countWrites(socket: Socket, writes: Writes): void {
  const inner = socket as unknown as Record<'_write' | '_writev', (...parts: unknown[]) => void>
  const { _write: write, _writev: writev } = inner
  inner._write = function (...parts) {
    writes.single += 1
    write.apply(this, parts)
  }
  inner._writev = function (...parts) {
    writes.several += 1
    writev.apply(this, parts)
  }
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

const answering =
  (content: Buffer): RouteHandlerMethod =>
  (_, reply) => {
    reply.type('application/octet-stream').header('x-latin', '\xe9').send(content)
  }

test('head and content are one write, byte for byte', async (t) => {
  const { url, writes } = await listening(t, answering(BYTES))
  const answer = await rawExchange(url, GET)
  assert.deepEqual(answer.body, BYTES)
  assert.deepEqual(rawField(answer, 'content-length'), ['256'])
  assert.deepEqual(rawField(answer, 'x-latin'), ['\xe9'])
  assert.deepEqual(writes, { single: 1, several: 0 })
})

for (const length of [0, 1, 16_384, 16_385, 1_000_000]) {
  test(`${length} bytes arrive as they are, one answer behind the other`, async (t) => {
    const content = Buffer.alloc(length, BYTES)
    const { url } = await listening(t, answering(content))
    const client = await connectRaw(url)
    t.after(() => client.destroy())
    await client.send(GET.repeat(3))
    for (let index = 0; index < 3; index++) {
      const answer = await client.response()
      assert.equal(answer.body.equals(content), true)
      assert.deepEqual(rawField(answer, 'content-length'), [String(length)])
    }
  })
}

test('many answers for a client that does not read wait for it, and then come in order', async (t) => {
  let count = 0
  const { url } = await listening(t, (_, reply) => {
    count += 1
    const content = Buffer.alloc(16_000, BYTES)
    content.writeUInt32BE(count)
    reply.type('a/b').send(content)
  })
  const client = await connectRaw(url)
  t.after(() => client.destroy())
  client.socket.pause()
  await client.send(GET.repeat(500))
  client.socket.resume()
  for (let number = 1; number <= 500; number++) {
    const { body } = await client.response()
    assert.deepEqual([body.readUInt32BE(), body.length], [number, 16_000])
  }
})

test('a request without keep-alive, and one of HTTP/1.0, end with the answer', async (t) => {
  const { url } = await listening(t, answering(BYTES))
  for (const line of ['GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n', 'GET / HTTP/1.0\r\n\r\n']) {
    const client = await connectRaw(url)
    await client.send(line)
    const { responses, ending } = await client.all()
    assert.deepEqual([responses.length, responses[0]?.body.equals(BYTES), ending], [1, true, 'end'])
  }
})

test('hooks before it: the last content is sent, under its length', async (t) => {
  const { url } = await listening(t, answering(BYTES), (app) =>
    app.addHook('onSend', (_, reply, _payload, next) => {
      reply.header('content-length', '7')
      next(null, Buffer.from('shorter'))
    })
  )
  const answer = await rawExchange(url, GET)
  assert.deepEqual([answer.body.toString(), rawField(answer, 'content-length')], ['shorter', ['7']])
  assert.equal(answer.framing, 'length')
})

test('an answer ends as any other: onResponse, finish, the end of the response', async (t) => {
  const seen: string[] = []
  const { url } = await listening(
    t,
    (_, reply) => {
      reply.raw.once('finish', () => seen.push('finish'))
      reply.raw.once('close', () => seen.push(`close ${reply.raw.writableFinished}`))
      reply.type('a/b').send(BYTES)
      seen.push(`sent ${reply.sent}`)
    },
    (app) =>
      app.addHook('onResponse', async (_, reply) => {
        seen.push(`onResponse ${reply.getHeader('content-length')}`)
      })
  )
  const client = await connectRaw(url)
  t.after(() => client.destroy())
  await client.send(GET)
  await client.response()
  await client.send(GET)
  await client.response()
  const once = ['sent true', 'onResponse 256', 'finish', 'close true']
  assert.deepEqual(seen.slice(0, 4), once)
})

test('a middleware that has put its own functions on the response sees head and content', async (t) => {
  for (const name of ['writeHead', 'write', 'end'] as const) {
    let calls = 0
    const { url } = await listening(t, answering(BYTES), (app) =>
      app.addHook('onRequest', async (_, { raw }) => {
        const before = raw[name] as (...parts: unknown[]) => ServerResponse
        raw[name] = function (this: ServerResponse, ...parts: unknown[]) {
          if (name !== 'end' || Buffer.isBuffer(parts[0])) calls += 1
          return before.apply(this, parts)
        } as never
      })
    )
    assert.equal((await rawExchange(url, GET)).body.equals(BYTES), true)
    assert.equal(calls, name === 'write' ? 0 : 1, name)
  }
})

test('trailers of a hook are sent', async (t) => {
  const { url } = await listening(t, answering(BYTES), (app) =>
    app.addHook('onRequest', async (_, reply) => {
      reply.trailer('x-sum', (_reply, _payload, done) => done(null, 'total'))
    })
  )
  const answer = await rawExchange(url, GET)
  assert.deepEqual([answer.body.equals(BYTES), answer.trailers], [true, [['x-sum', 'total']]])
})

test('a field that cannot be sent is Fastify’s error, and the connection is of use after it', async (t) => {
  const { url } = await listening(t, (request, reply) => {
    if (request.url === '/bad') reply.header('x-bad', 'a\nb')
    reply.type('a/b').send(BYTES)
  })
  const client = await connectRaw(url)
  t.after(() => client.destroy())
  await client.send('GET /bad HTTP/1.1\r\nHost: a\r\n\r\n')
  assert.equal((await client.response()).status, 500)
})

test('what has no content, or leaves the length to itself, is left to Fastify', async (t) => {
  const { url } = await listening(t, (request, reply) => {
    const { status } = request.query as { status: string }
    reply.type('a/b').code(Number(status)).send(BYTES)
  })
  for (const status of [204, 304]) {
    const client = await connectRaw(url)
    t.after(() => client.destroy())
    await client.send(`GET /?status=${status} HTTP/1.1\r\nHost: a\r\n\r\n`)
    const answer = await client.response()
    assert.deepEqual([answer.status, answer.body.length], [status, 0])
  }
})
