import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { sluiceError } from '../../../src/errors'
import { Abort } from '../../../src/http/abort'
import type { Fields } from '../../../src/http/message'
import { until } from '../../support/waiting'
import { call, failureIn, text } from '../scripted'
import { h2cServer, h2cTo } from './server'

const answer = (content: string) => (stream: ServerHttp2Stream) => {
  stream.respond({ ':status': 200, 'content-length': content.length })
  stream.end(content)
}

test('a small response with a length comes whole, as a Buffer', async (t) => {
  const server = await h2cServer(t, (stream) => {
    stream.respond({ ':status': 200, 'x-a': ['1', '2'], 'content-length': 5 })
    stream.end('hello')
  })
  const it = call()
  const response = await h2cTo(t, server.url).send(it)
  assert.equal(response.status, 200)
  assert.ok(Buffer.isBuffer(response.body))
  assert.equal(response.body.toString(), 'hello')
  const { date: _, ...fields } = response.fields
  assert.deepEqual(fields, { 'x-a': ['1', '2'], 'content-length': '5' })
  assert.equal(Object.getPrototypeOf(response.fields), null)
  assert.equal(it.record.status, 200)
  for (const time of [it.record.connectTime, it.record.headerTime, it.record.responseTime]) {
    assert.ok(time !== undefined && time >= 0 && time < 5)
  }
})

test('fields go out as given, those of the connection not at all', async (t) => {
  let seen: readonly string[] = []
  const server = await h2cServer(t, (stream, _fields, raw) => {
    seen = raw
    stream.respond({ ':status': 204 }, { endStream: true })
  })
  const fields: Fields = {
    host: 'public.example:8080',
    connection: 'keep-alive',
    'keep-alive': 'timeout=5',
    'transfer-encoding': 'chunked',
    upgrade: 'x',
    'proxy-connection': 'x',
    'http2-settings': 'x',
    te: 'trailers',
    'x-list': ['1', '2'],
    'x-latin': 'caf\xe9',
    cookie: ['a=1', 'b=2']
  }
  await h2cTo(t, server.url).send(call({ method: 'PURGE', path: '/a//b%2F?x=%zz', fields }))
  const pairs: string[] = []
  for (let index = 0; index < seen.length; index += 2) pairs.push(`${seen[index]}=${seen[index + 1]}`)
  assert.deepEqual(pairs, [
    ':method=PURGE',
    ':scheme=http',
    ':authority=public.example:8080',
    ':path=/a//b%2F?x=%zz',
    'te=trailers',
    'x-list=1',
    'x-list=2',
    'x-latin=caf\xe9',
    'cookie=a=1; b=2'
  ])
})

test('without host the address of the server is named', async (t) => {
  let authority: string | undefined
  const server = await h2cServer(t, (stream, fields) => {
    authority = fields[':authority']
    answer('')(stream)
  })
  await h2cTo(t, server.url).send(call({ fields: {} }))
  assert.equal(authority, server.url.slice('http://'.length))
})

test('a unix socket works like an address', async (t) => {
  const server = await h2cServer(t, answer('unix'), { unix: true })
  assert.equal(await text(await h2cTo(t, server.url).send(call())), 'unix')
})

test('content longer than collect comes as a stream, whole', async (t) => {
  const content = 'x'.repeat(1_000_000)
  const server = await h2cServer(t, answer(content))
  const response = await h2cTo(t, server.url).send(call())
  assert.ok(response.body instanceof Readable)
  assert.equal((await text(response)).length, content.length)
})

test('collect 0 is a stream always', async (t) => {
  const server = await h2cServer(t, answer('abc'))
  const response = await h2cTo(t, server.url).send(call({}, { collect: 0 }))
  assert.ok(response.body instanceof Readable)
  assert.equal(await text(response), 'abc')
})

test('content without a length is read to the end of its stream', async (t) => {
  const server = await h2cServer(t, (stream) => {
    stream.respond({ ':status': 200 })
    stream.write('one ')
    setTimeout(() => stream.end('two'), 20)
  })
  const response = await h2cTo(t, server.url).send(call())
  assert.ok(response.body instanceof Readable)
  assert.equal(await text(response), 'one two')
})

test('trailers are there when the stream has ended, without those that would frame', async (t) => {
  const server = await h2cServer(t, (stream) => {
    stream.respond({ ':status': 200 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '9', host: 'evil' }))
    stream.end('a')
  })
  const response = await h2cTo(t, server.url).send(call({}, { collect: 0 }))
  assert.ok(response.body instanceof Readable)
  let atEnd: Fields | undefined
  response.body.on('end', () => {
    atEnd = response.trailers
  })
  assert.equal(await text(response), 'a')
  assert.deepEqual({ ...atEnd }, { 'x-sum': '9' })
})

test('trailers behind content with a length are not lost', async (t) => {
  const server = await h2cServer(t, (stream) => {
    stream.respond({ ':status': 200, 'content-length': 1 }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '9' }))
    stream.end('a')
  })
  const response = await h2cTo(t, server.url).send(call())
  assert.equal(await text(response), 'a')
  assert.deepEqual({ ...response.trailers }, { 'x-sum': '9' })
})

const BODILESS: [string, string, Record<string, string | number>][] = [
  ['HEAD', 'HEAD', { ':status': 200, 'content-length': 5 }],
  ['204', 'GET', { ':status': 204 }],
  ['304', 'GET', { ':status': 304, etag: '"a"' }]
]

for (const [name, method, head] of BODILESS) {
  test(`${name} is complete with its head, on one connection`, async (t) => {
    const server = await h2cServer(t, (stream) => stream.respond(head, { endStream: true }))
    const transport = h2cTo(t, server.url)
    for (let turn = 0; turn < 3; turn++) {
      const response = await transport.send(call({ method }))
      assert.equal(response.body, null)
      if (method === 'HEAD') assert.equal(response.fields['content-length'], '5')
    }
    assert.equal(server.sessions.length, 1)
  })
}

test('a 200 that ends with its head is empty content', async (t) => {
  const server = await h2cServer(t, (stream) => stream.respond({ ':status': 200 }, { endStream: true }))
  const response = await h2cTo(t, server.url).send(call())
  assert.deepEqual(response.body, Buffer.alloc(0))
})

test('interim responses are passed on, then the final one', async (t) => {
  const server = await h2cServer(t, (stream) => {
    stream.additionalHeaders({ ':status': 100 })
    stream.additionalHeaders({ ':status': 103, link: '</a.css>' })
    stream.additionalHeaders({ ':status': 102 })
    answer('final')(stream)
  })
  const seen: [number, Fields][] = []
  const onInformation = (status: number, fields: Fields) => seen.push([status, { ...fields }])
  const response = await h2cTo(t, server.url).send(call({}, { onInformation }))
  assert.equal(await text(response), 'final')
  assert.deepEqual(seen, [
    [103, { link: '</a.css>' }],
    [102, {}]
  ])
})

const MEGABYTE = Buffer.alloc(1_000_000, 'u')
const UPLOADS: [string, Fields, () => Buffer | Readable][] = [
  ['a Buffer', {}, () => MEGABYTE],
  ['a small Buffer', {}, () => Buffer.from('abc')],
  ['an empty Buffer', {}, () => Buffer.alloc(0)],
  ['a stream with a length', { 'content-length': '1000000' }, () => streamOf(MEGABYTE)],
  ['a stream without one', {}, () => streamOf(MEGABYTE)]
]

function streamOf(whole: Buffer): Readable {
  const chunks: Buffer[] = []
  for (let from = 0; from < whole.length; from += 10_000) chunks.push(whole.subarray(from, from + 10_000))
  return Readable.from(chunks, { objectMode: false })
}

for (const [name, fields, body] of UPLOADS) {
  test(`${name} is uploaded whole`, async (t) => {
    const lengths: (string | undefined)[] = []
    const server = await h2cServer(t, (stream, seen) => {
      let bytes = 0
      lengths.push(seen['content-length'])
      stream.on('data', (chunk: Buffer) => {
        bytes += chunk.length
      })
      stream.on('end', () => answer(String(bytes))(stream))
    })
    const sent = body()
    const size = Buffer.isBuffer(sent) ? sent.length : MEGABYTE.length
    const request = { method: 'POST', fields: { host: 'h', ...fields }, body: sent }
    assert.equal(await text(await h2cTo(t, server.url).send(call(request))), String(size))
    const known = Buffer.isBuffer(sent) || 'content-length' in fields
    assert.deepEqual(lengths, [known ? String(size) : undefined])
  })
}

/** A server that answers with the trailers of the request. */
const echoTrailers = (stream: ServerHttp2Stream) => {
  let seen: IncomingHttpHeaders = {}
  stream.on('trailers', (fields) => {
    seen = fields
  })
  stream.resume().on('end', () => answer(JSON.stringify(seen))(stream))
}

for (const [name, fields, expected] of [
  ['none', {}, '{}'],
  ['some', { 'x-sum': ['1', '2'], 'server-timing': 'a' }, '{"x-sum":"1, 2","server-timing":"a"}']
] as [string, Fields, string][]) {
  test(`trailers of a request go out behind its content: ${name}`, async (t) => {
    const server = await h2cServer(t, echoTrailers)
    const body = streamOf(MEGABYTE)
    const trailers = { announced: [], read: () => (body.readableEnded ? fields : {}) }
    assert.equal(
      await text(await h2cTo(t, server.url).send(call({ method: 'POST', body, trailers }))),
      expected
    )
  })
}

test('announced trailers are announced', async (t) => {
  let announced: unknown
  const server = await h2cServer(t, (stream, { trailer }) => {
    announced = trailer
    echoTrailers(stream)
  })
  const trailers = { announced: ['x-a', 'x-b'], read: () => ({}) }
  const request = { method: 'POST', body: streamOf(Buffer.from('x')), trailers }
  await text(await h2cTo(t, server.url).send(call(request)))
  assert.equal(announced, 'x-a, x-b')
})

test('trailers that HTTP/2 cannot have end the exchange, and the server sees no whole request', async (t) => {
  const server = await h2cServer(t, (stream) => stream.resume())
  const trailers = { announced: [], read: (): Fields => ({ 'user-agent': ['a', 'b'] }) }
  const request = { method: 'POST', body: streamOf(Buffer.from('x')), trailers }
  const error = await failureIn(h2cTo(t, server.url).send(call(request)))
  assert.equal(error.code, 'SLUICE_BAD_REQUEST')
  const [stream] = server.streams
  await until('the stream to be reset', () => stream?.closed === true)
  assert.equal(stream?.rstCode, 8)
})

test('content flows both ways at one time', async (t) => {
  const server = await h2cServer(t, (stream) => {
    stream.respond({ ':status': 200 })
    stream.pipe(stream)
  })
  const body = new Readable({ read() {} })
  const response = await h2cTo(t, server.url).send(call({ method: 'POST', body }, { collect: 0 }))
  assert.ok(response.body instanceof Readable)
  for (const word of ['one', 'two', 'three']) {
    body.push(word)
    const [chunk] = (await once(response.body, 'data')) as [Buffer]
    assert.equal(chunk.toString(), word)
  }
  body.push(null)
  await once(response.body.resume(), 'end')
})

test('a slow reader holds up the server, and loses nothing', async (t) => {
  const whole = 8_000_000
  let written = 0
  const server = await h2cServer(t, (stream) => {
    stream.respond({ ':status': 200, 'content-length': whole })
    const chunk = Buffer.alloc(100_000, 'x')
    const more = () => {
      while (written < whole) {
        written += chunk.length
        if (!stream.write(chunk)) return
      }
      stream.end()
    }
    stream.on('drain', more)
    more()
  })
  const response = await h2cTo(t, server.url).send(call({}, { collect: 0 }))
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.ok(written < 2_000_000, `${written} bytes were taken from the server for nobody`)
  assert.equal((await text(response)).length, whole)
})

test('a server that takes nothing holds up the source', async (t) => {
  const server = await h2cServer(t, () => {})
  let given = 0
  const body = new Readable({
    read() {
      given += 10_000
      this.push(Buffer.alloc(10_000))
    }
  })
  const abort = new Abort()
  const sent = failureIn(h2cTo(t, server.url).send(call({ method: 'POST', body }, { abort })))
  await until('the server to be asked', () => server.streams.length === 1)
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.ok(given < 1_000_000, `${given} bytes were read ahead`)
  abort.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
  assert.equal((await sent).code, 'SLUICE_CLIENT_CLOSED')
  assert.equal(body.destroyed, false)
})

test('a refusal during an upload is the answer, and the rest is not sent', async (t) => {
  const server = await h2cServer(t, (stream) => {
    stream.respond({ ':status': 413, 'content-length': 3 })
    stream.end('big')
  })
  const body = new Readable({ read() {} })
  body.push(Buffer.alloc(1000))
  const response = await h2cTo(t, server.url).send(call({ method: 'POST', body }))
  assert.equal(response.status, 413)
  assert.equal(await text(response), 'big')
  const [stream] = server.streams
  await until('the stream to be closed', () => stream?.closed === true)
  assert.equal(body.destroyed, false)
})

test('fields that HTTP/2 cannot have are the request’s fault, and nothing is sent', async (t) => {
  const server = await h2cServer(t, answer(''))
  const fields = { host: 'h', 'content-type': ['a/b', 'c/d'] }
  const error = await failureIn(h2cTo(t, server.url).send(call({ fields })))
  assert.equal(error.code, 'SLUICE_BAD_REQUEST')
  assert.equal(error.requestSent, false)
  assert.equal(server.streams.length, 0)
})

test('an upgrade is refused with the option’s name', async (t) => {
  const error = await failureIn(h2cTo(t, 'http://127.0.0.1:1').upgrade(call()))
  assert.equal(error.code, 'SLUICE_INTERNAL')
  assert.match(error.detail ?? '', /protocol/)
})
