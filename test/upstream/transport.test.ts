import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { sluiceError } from '../../src/errors'
import { Abort } from '../../src/http/abort'
import type { Fields } from '../../src/http/message'
import { call, closed, failureIn, ok, scripted, scriptedUnix, text, transportTo } from './scripted'

test('a small response with a length comes whole, as a Buffer', async (t) => {
  const server = await scripted(t, (socket) =>
    socket.write(ok('hello', 'X-A: 1\r\nx-a: 2\r\nConnection: keep-alive\r\n'))
  )
  const it = call({ path: '/a//b%2F?x=%zz' })
  const response = await transportTo(t, server.url).send(it)
  assert.equal(response.status, 200)
  assert.ok(Buffer.isBuffer(response.body))
  assert.equal(response.body.toString(), 'hello')
  assert.deepEqual({ ...response.fields }, { 'x-a': ['1', '2'], 'content-length': '5' })
  assert.equal(Object.getPrototypeOf(response.fields), null)
  assert.match(server.received(), /^GET \/a\/\/b%2F\?x=%zz HTTP\/1\.1\r\n/)
  assert.equal(it.record.status, 200)
  for (const time of [it.record.connectTime, it.record.headerTime, it.record.responseTime]) {
    assert.ok(time !== undefined && time >= 0 && time < 5)
  }
})

test('fields go out as given, several lines of one name included', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('')))
  const fields = { host: 'public.example', 'x-list': ['1', '2'], te: 'trailers', 'x-latin': 'caf\xe9' }
  await transportTo(t, server.url).send(call({ method: 'PURGE', fields }))
  assert.match(server.received(), /^PURGE \/ HTTP\/1\.1\r\nhost: public\.example\r\n/)
  assert.match(server.received(), /x-list: 1\r\nx-list: 2\r\n/)
  assert.match(server.received(), /te: trailers\r\n/)
  assert.match(server.received(), /x-latin: caf\xe9\r\n/)
})

test('without host the address of the server is sent', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('')))
  await transportTo(t, server.url).send(call({ fields: {} }))
  assert.match(server.received(), new RegExp(`host: ${server.url.slice('http://'.length)}\r\n`))
})

test('a unix socket works like an address', async (t) => {
  const server = await scriptedUnix(t, (socket) => socket.write(ok('unix')))
  assert.equal(await text(await transportTo(t, server.url).send(call())), 'unix')
})

const STREAMED: [string, string, number][] = [
  ['longer than collect', ok('x'.repeat(2000)), 1000],
  ['chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n', 1000],
  ['collect 0', ok('abc'), 0]
]

for (const [name, answer, collect] of STREAMED) {
  test(`${name}: the content comes as a stream`, async (t) => {
    const server = await scripted(t, (socket) => socket.write(answer))
    const response = await transportTo(t, server.url).send(call({}, { collect }))
    assert.ok(response.body instanceof Readable)
    const content = await text(response)
    assert.ok(content === 'abcde' || content === 'abc' || content === 'x'.repeat(2000))
    assert.equal(response.fields['transfer-encoding'], undefined)
  })
}

test('content that ends with the connection is read to its end', async (t) => {
  const server = await scripted(t, (socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nuntil the end'))
  assert.equal(await text(await transportTo(t, server.url).send(call())), 'until the end')
})

test('trailers are there when the stream has ended, without those that would frame', async (t) => {
  const answer =
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n1\r\na\r\n0\r\nX-Sum: 9\r\nHost: evil\r\n\r\n'
  const server = await scripted(t, (socket) => socket.write(answer))
  const response = await transportTo(t, server.url).send(call())
  assert.ok(response.body instanceof Readable)
  let atEnd: Fields | undefined
  response.body.on('end', () => {
    atEnd = response.trailers
  })
  await text(response)
  assert.deepEqual({ ...atEnd }, { 'x-sum': '9' })
})

const BODILESS: [string, string, string][] = [
  ['HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'],
  ['HEAD of a chunked response', 'HEAD', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'],
  ['204', 'GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
  ['204 with a length', 'GET', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n'],
  ['304', 'GET', 'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\n\r\n'],
  ['304 with a length', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n']
]

for (const [name, method, answer] of BODILESS) {
  test(`${name} is complete with its head, and the next request works`, async (t) => {
    const server = await scripted(t, (socket) => socket.write(answer))
    const transport = transportTo(t, server.url)
    for (let turn = 0; turn < 3; turn++) {
      const response = await transport.send(call({ method }))
      assert.equal(response.body, null)
      if (answer.includes('Length')) assert.equal(response.fields['content-length'], '5')
    }
  })
}

test('interim responses are passed on, then the final one', async (t) => {
  const interim =
    'HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x-hop\r\nx-hop: 1\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n'
  const server = await scripted(t, (socket) => socket.write(interim + ok('final')))
  const seen: [number, Fields][] = []
  const onInformation = (status: number, fields: Fields) => seen.push([status, { ...fields }])
  const response = await transportTo(t, server.url).send(call({}, { onInformation }))
  assert.equal(await text(response), 'final')
  assert.deepEqual(seen, [
    [103, { link: '</a.css>' }],
    [102, {}]
  ])
})

const UPLOADS: [string, Fields, string[], RegExp][] = [
  ['a stream with a length', { 'content-length': '6' }, ['abc', 'def'], /content-length: 6\r\n\r\nabcdef$/],
  [
    'a stream without one',
    {},
    ['abc', 'def'],
    /transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n$/
  ]
]

for (const [name, fields, chunks, expected] of UPLOADS) {
  test(`${name} is uploaded`, async (t) => {
    const server = await scripted(t, () => {})
    const body = Readable.from(
      chunks.map((chunk) => Buffer.from(chunk)),
      { objectMode: false }
    )
    const sent = transportTo(t, server.url).send(
      call({ method: 'POST', fields: { host: 'h', ...fields }, body })
    )
    await server.until('length' in fields ? 'abcdef' : 'def')
    server.sockets[0]?.write(ok('done'))
    assert.equal(await text(await sent), 'done')
    assert.match(server.received(), expected)
  })
}

test('a Buffer is uploaded with its length', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('')))
  await transportTo(t, server.url).send(call({ method: 'PUT', body: Buffer.from('abc') }))
  assert.match(server.received(), /content-length: 3\r\n\r\nabc$/)
})

test('a connection is used again, and the record says so', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('')))
  const transport = transportTo(t, server.url)
  for (let turn = 0; turn < 5; turn++) {
    const it = call()
    await transport.send(it)
    if (turn > 0) assert.equal(it.record.connectTime, 0)
  }
  assert.equal(server.sockets.length, 1)
})

test('keepalive 0 closes each connection after use', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('')))
  const transport = transportTo(t, server.url, { keepalive: 0 })
  for (let turn = 0; turn < 3; turn++) await transport.send(call())
  assert.equal(server.sockets.length, 3)
  assert.match(server.received(), /connection: close\r\n/)
})

test('no more than keepalive connections stay idle', async (t) => {
  const waiting: (() => void)[] = []
  const server = await scripted(t, (socket) => waiting.push(() => socket.write(ok(''))))
  const transport = transportTo(t, server.url, { keepalive: 2 })
  const sent = Array.from({ length: 5 }, () => transport.send(call()))
  while (waiting.length < 5) await new Promise(setImmediate)
  for (const answer of waiting) answer()
  await Promise.all(sent)
  const alive = () => server.sockets.filter((socket) => !socket.destroyed && !socket.readableEnded).length
  while (alive() > 2) await new Promise(setImmediate)
  assert.equal(alive(), 2)
})

test('an idle connection closes after keepaliveTimeout', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('')))
  await transportTo(t, server.url, { keepaliveTimeout: '50ms' }).send(call())
  const [socket] = server.sockets
  assert.ok(socket)
  socket.resume()
  if (!socket.destroyed) await closed(socket)
  assert.ok(socket.destroyed)
})

test("a server's Keep-Alive hint of one second leaves nothing to use", async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('', 'Keep-Alive: timeout=1\r\n')))
  const transport = transportTo(t, server.url)
  await transport.send(call())
  await transport.send(call())
  assert.equal(server.sockets.length, 2)
})

test('requests wait for one of maxConnections, in turn', async (t) => {
  const answers: (() => void)[] = []
  const server = await scripted(t, (socket, _head, index) =>
    answers.push(() => socket.write(ok(String(index))))
  )
  const transport = transportTo(t, server.url, { maxConnections: 1 })
  const sent = ['/a', '/b', '/c'].map((path) => transport.send(call({ path })))
  for (let turn = 0; turn < 3; turn++) {
    while (answers.length <= turn) await new Promise(setImmediate)
    assert.equal(answers.length, turn + 1)
    answers[turn]?.()
    const response = await sent[turn]
    assert.ok(response)
    assert.equal(await text(response), String(turn))
  }
  assert.equal(server.sockets.length, 1)
  assert.deepEqual(server.received().match(/GET \/./g), ['GET /a', 'GET /b', 'GET /c'])
})

test('waiting for a connection ends with 503', async (t) => {
  const server = await scripted(t, () => {})
  const transport = transportTo(t, server.url, { maxConnections: 1 })
  const first = failureIn(transport.send(call()))
  const error = await failureIn(transport.send(call({}, { timeouts: { connect: 30 } })))
  assert.equal(error.code, 'SLUICE_CONCURRENCY')
  assert.equal(error.requestSent, false)
  transport.destroy()
  assert.equal((await first).code, 'SLUICE_CLOSING')
})

test('a slow reader holds up the server, and gets everything in the end', async (t) => {
  const size = 32 * 1024 * 1024
  let drained = false
  const server = await scripted(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`)
    socket.write(Buffer.alloc(size), () => {
      drained = true
    })
  })
  const response = await transportTo(t, server.url).send(call())
  const { body } = response
  assert.ok(body instanceof Readable)
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.equal(drained, false)
  assert.ok(body.readableLength < 1024 * 1024)
  let received = 0
  for await (const chunk of body) received += chunk.length
  assert.equal(received, size)
})

test('a slow server holds up the upload', async (t) => {
  const server = await scripted(t, (socket) => socket.pause())
  let produced = 0
  const body = new Readable({
    read() {
      produced += 65_536
      this.push(Buffer.alloc(65_536))
    }
  })
  const abort = new Abort()
  const sent = failureIn(transportTo(t, server.url).send(call({ method: 'POST', body }, { abort })))
  await new Promise((resolve) => setTimeout(resolve, 80))
  assert.ok(produced < 16 * 1024 * 1024, `${produced} bytes were read`)
  abort.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
  assert.equal((await sent).code, 'SLUICE_CLIENT_CLOSED')
  assert.equal(body.destroyed, false)
})

test('a refusal during the upload comes through; the rest is not read and the source lives on', async (t) => {
  const server = await scripted(t, (socket) => {
    socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbig')
  })
  let produced = 0
  const body = new Readable({
    read() {
      produced += 1024
      setImmediate(() => this.push(Buffer.alloc(1024)))
    }
  })
  const transport = transportTo(t, server.url)
  const response = await transport.send(call({ method: 'POST', body }))
  assert.equal(response.status, 413)
  assert.equal(await text(response), 'big')
  const before = produced
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.ok(produced <= before + 65_536 * 2)
  assert.equal(body.destroyed, false)
  await transport.send(call())
  assert.equal(server.sockets.length, 2)
})

test('a 2xx that begins before the upload ends does not stop it', async (t) => {
  const server = await scripted(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
  )
  const body = new Readable({ read() {} })
  body.push('first')
  const response = await transportTo(t, server.url).send(call({ method: 'POST', body }))
  body.push('second')
  body.push(null)
  await server.until('second')
  await server.until('\r\n0\r\n\r\n')
  server.sockets[0]?.write('2\r\nok\r\n0\r\n\r\n')
  assert.equal(await text(response), 'ok')
})

test('close lets exchanges end and refuses new ones', async (t) => {
  const server = await scripted(t, () => {})
  const transport = transportTo(t, server.url)
  const sent = transport.send(call())
  await server.until('\r\n\r\n')
  let closed = false
  const closing = transport.close().then(() => {
    closed = true
  })
  assert.equal((await failureIn(transport.send(call()))).code, 'SLUICE_CLOSING')
  assert.equal(closed, false)
  server.sockets[0]?.write(ok('last'))
  assert.equal(await text(await sent), 'last')
  await closing
})

test('100 Continue is swallowed, alone, in one piece with the response, and repeated', async (t) => {
  const go = 'HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\n'
  const server = await scripted(t, (socket, _head, index) => {
    if (index === 0) socket.write(go, () => setTimeout(() => socket.write(ok('alone')), 20))
    else socket.write(go.repeat(index) + ok('together'))
  })
  const seen: number[] = []
  const transport = transportTo(t, server.url)
  for (const expected of ['alone', 'together', 'together']) {
    const response = await transport.send(call({}, { onInformation: (status) => seen.push(status) }))
    assert.equal(await text(response), expected)
  }
  assert.deepEqual(seen, [])
  assert.equal(server.sockets.length, 1)
})

test('content that looks like 100 Continue is content', async (t) => {
  const lookalike = 'HTTP/1.1 100 Continue\r\n\r\n'
  const server = await scripted(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${lookalike.length}\r\n\r\n`)
    setTimeout(() => socket.write(lookalike), 20)
  })
  assert.equal(await text(await transportTo(t, server.url).send(call())), lookalike)
})
