// Upstreams that lie or die (the failure map of the transport): never a crash, a hang, or a false clean end.
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { errorRow, type SluiceErrorCode } from '../../src/errors'
import { call, closed, failureIn, ok, scripted, text, transportTo } from './scripted'

type Answer = (socket: Socket) => void

const say =
  (bytes: string): Answer =>
  (socket) =>
    socket.write(bytes, 'latin1')
const sayAndEnd =
  (bytes: string): Answer =>
  (socket) =>
    socket.end(bytes, 'latin1')
// A reset in the same turn as data reaches Node as an end (libuv takes POLLHUP after a short read for EOF).
const sayAndReset =
  (bytes: string): Answer =>
  (socket) =>
    socket.write(bytes, 'latin1', () => setTimeout(() => socket.resetAndDestroy(), 20))
const head = (fields: string, status = '200 OK') => `HTTP/1.1 ${status}\r\n${fields}\r\n`

/** What goes wrong before the response can be used: the promise rejects. */
const BEFORE: [string, Answer, SluiceErrorCode][] = [
  ['closes without a word', (socket) => socket.end(), 'SLUICE_RESET'],
  ['resets without a word', (socket) => socket.resetAndDestroy(), 'SLUICE_RESET'],
  ['ends inside the status line', sayAndEnd('HTTP/1.1 20'), 'SLUICE_RESET'],
  ['ends inside a field', sayAndEnd('HTTP/1.1 200 OK\r\nX-A: 1'), 'SLUICE_RESET'],
  ['resets inside the head', sayAndReset('HTTP/1.1 200 OK\r\nX-A: 1\r\n'), 'SLUICE_RESET'],
  ['garbage', say('\x16\x03\x01\x00 hello\r\n\r\n'), 'SLUICE_BAD_RESPONSE'],
  ['HTTP/0.9', sayAndEnd('<html>hello</html>'), 'SLUICE_BAD_RESPONSE'],
  ['an SSH banner', say('SSH-2.0-OpenSSH_9.2\r\n'), 'SLUICE_BAD_RESPONSE'],
  ['HTTP/3.0', say('HTTP/3.0 200 OK\r\n\r\n'), 'SLUICE_BAD_RESPONSE'],
  ['status 99', say('HTTP/1.1 099 Low\r\n\r\n'), 'SLUICE_BAD_RESPONSE'],
  ['status 700', say(head('content-length: 0\r\n', '700 High')), 'SLUICE_BAD_RESPONSE'],
  ['status 20', say('HTTP/1.1 20 OK\r\n\r\n'), 'SLUICE_BAD_RESPONSE'],
  [
    '101 unasked',
    say('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
    'SLUICE_BAD_RESPONSE'
  ],
  ['101 without fields', say('HTTP/1.1 101 Switching Protocols\r\n\r\n'), 'SLUICE_BAD_RESPONSE'],
  [
    'content-length twice',
    say(`${head('content-length: 1\r\ncontent-length: 1\r\n')}a`),
    'SLUICE_BAD_RESPONSE'
  ],
  ['two lengths in one', say(`${head('content-length: 1, 1\r\n')}a`), 'SLUICE_BAD_RESPONSE'],
  ['a negative length', say(head('content-length: -1\r\n')), 'SLUICE_BAD_RESPONSE'],
  ['a signed length', say(`${head('content-length: +1\r\n')}a`), 'SLUICE_BAD_RESPONSE'],
  ['a huge length', say(head(`content-length: ${'9'.repeat(30)}\r\n`)), 'SLUICE_BAD_RESPONSE'],
  ['an unsafe length', say(head('content-length: 9007199254740993\r\n')), 'SLUICE_BAD_RESPONSE'],
  [
    'length and chunked',
    say(`${head('content-length: 1\r\ntransfer-encoding: chunked\r\n')}0\r\n\r\n`),
    'SLUICE_BAD_RESPONSE'
  ],
  ['transfer-encoding gzip', say(`${head('transfer-encoding: gzip\r\n')}xx`), 'SLUICE_BAD_RESPONSE'],
  [
    'transfer-encoding gzip, chunked',
    say(`${head('transfer-encoding: gzip, chunked\r\n')}0\r\n\r\n`),
    'SLUICE_BAD_RESPONSE'
  ],
  [
    'transfer-encoding twice',
    say(`${head('transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n')}0\r\n\r\n`),
    'SLUICE_BAD_RESPONSE'
  ],
  ['a bad field name', say(head('x a: 1\r\n')), 'SLUICE_BAD_RESPONSE'],
  ['a space before the colon', say(head('content-length : 0\r\n')), 'SLUICE_BAD_RESPONSE'],
  ['a control byte in a value', say(head('x-a: a\x01b\r\n')), 'SLUICE_BAD_RESPONSE'],
  ['NUL in a value', say(head('x-a: a\0b\r\n')), 'SLUICE_BAD_RESPONSE'],
  ['a bare CR in a value', say(head('x-a: a\rb\r\n')), 'SLUICE_BAD_RESPONSE'],
  ['a folded field', say(head('x-a: a\r\n b\r\n')), 'SLUICE_BAD_RESPONSE'],
  ['too many fields', say(head('x: 1\r\n'.repeat(1001))), 'SLUICE_BAD_RESPONSE'],
  ['a head without end', say(`HTTP/1.1 200 OK\r\nx-a: ${'a'.repeat(200_000)}`), 'SLUICE_BAD_RESPONSE'],
  [
    'a flood of interim responses',
    say('HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(5000)),
    'SLUICE_BAD_RESPONSE'
  ],
  ['a flood of 100 Continue', say('HTTP/1.1 100 Continue\r\n\r\n'.repeat(5000)), 'SLUICE_BAD_RESPONSE'],
  [
    'less content than announced, collected',
    sayAndEnd(`${head('content-length: 10\r\n')}abc`),
    'SLUICE_INCOMPLETE_RESPONSE'
  ],
  [
    'a reset in collected content',
    sayAndReset(`${head('content-length: 10\r\n')}abc`),
    'SLUICE_INCOMPLETE_RESPONSE'
  ]
]

for (const [name, answer, code] of BEFORE) {
  test(`an upstream that says ${name}: ${code}, and the connection is dropped`, async (t) => {
    const server = await scripted(t, (socket, _head, index) =>
      index === 0 ? answer(socket) : socket.write(ok('next'))
    )
    const transport = transportTo(t, server.url)
    const it = call()
    const error = await failureIn(transport.send(it))
    assert.equal(error.code, code)
    assert.equal(error.statusCode, 502)
    assert.equal(error.server, server.url)
    assert.equal(error.requestSent, true)
    assert.equal(error.reused, false)
    assert.equal(it.record.error, code)
    assert.doesNotMatch(error.message, /127\.0\.0\.1/)
    assert.equal(errorRow(error.code).fault, 'upstream')
    assert.equal(await text(await transport.send(call())), 'next')
    assert.equal(server.sockets.length, 2)
  })
}

/** What goes wrong once the response is on its way: the stream errors, never ends. */
const DURING: [string, Answer][] = [
  ['less content than announced', sayAndEnd(`${head('content-length: 100000\r\n')}abc`)],
  ['a reset in counted content', sayAndReset(`${head('content-length: 100000\r\n')}abc`)],
  ['an end inside a chunk', sayAndEnd(`${head('transfer-encoding: chunked\r\n')}5\r\nab`)],
  ['an end between chunks', sayAndEnd(`${head('transfer-encoding: chunked\r\n')}2\r\nab\r\n`)],
  [
    'an end between chunks, connection close',
    sayAndEnd(`${head('transfer-encoding: chunked\r\nconnection: close\r\n')}2\r\nab\r\n`)
  ],
  ['a reset between chunks', sayAndReset(`${head('transfer-encoding: chunked\r\n')}2\r\nab\r\n`)],
  ['a chunk size that is none', say(`${head('transfer-encoding: chunked\r\n')}zz\r\nab\r\n`)],
  ['a chunk longer than its size', say(`${head('transfer-encoding: chunked\r\n')}1\r\nabc\r\n`)],
  ['a chunk ended by LF', say(`${head('transfer-encoding: chunked\r\n')}1\na\n0\n\n`)],
  ['a huge chunk size', say(`${head('transfer-encoding: chunked\r\n')}ffffffffffffffffff\r\nab\r\n`)],
  ['endless trailers', say(`${head('transfer-encoding: chunked\r\n')}0\r\n${'x: 1\r\n'.repeat(100_000)}`)],
  ['a reset in content that ends with the connection', sayAndReset(`${head('connection: close\r\n')}abc`)],
  [
    'less than announced, connection close',
    sayAndEnd(`${head('content-length: 100000\r\nconnection: close\r\n')}abc`)
  ]
]

for (const [name, answer] of DURING) {
  test(`${name} is a broken stream, not an end`, async (t) => {
    const server = await scripted(t, answer)
    const it = call({}, { collect: 0 })
    const response = await transportTo(t, server.url).send(it)
    assert.equal(response.status, 200)
    const error = await failureIn(text(response))
    assert.equal(error.code, 'SLUICE_INCOMPLETE_RESPONSE')
    assert.equal(error.phase, 'body')
    assert.equal(it.record.error, 'SLUICE_INCOMPLETE_RESPONSE')
    assert.equal(it.record.status, 200)
  })
}

for (const close of ['', 'connection: close\r\n']) {
  test(`a server that resets while a slow reader holds it up breaks the stream (${close.trim() || 'keep-alive'})`, async (t) => {
    const size = 200_000
    const server = await scripted(t, (socket) =>
      socket.write(head(`${close}x: 1\r\ncontent-length: ${size * 10}\r\n`) + 'x'.repeat(size))
    )
    const response = await transportTo(t, server.url).send(call())
    await new Promise((resolve) => setTimeout(resolve, 30))
    server.sockets[0]?.resetAndDestroy()
    await new Promise((resolve) => setTimeout(resolve, 30))
    assert.equal((await failureIn(text(response))).code, 'SLUICE_INCOMPLETE_RESPONSE')
  })
}

test('a paused stream of content that ends with the connection can be reset or destroyed without harm', async (t) => {
  const server = await scripted(t, (socket) => socket.write(`HTTP/1.0 200 OK\r\n\r\n${'x'.repeat(70_000)}`))
  const transport = transportTo(t, server.url)
  const first = await transport.send(call())
  const second = await transport.send(call())
  await new Promise((resolve) => setTimeout(resolve, 30))
  server.sockets[0]?.resetAndDestroy()
  assert.ok(second.body instanceof Readable)
  second.body.destroy()
  assert.equal((await failureIn(text(first))).code, 'SLUICE_INCOMPLETE_RESPONSE')
})

test('bytes after the content are dropped, and never answer the next request', async (t) => {
  const server = await scripted(t, (socket, _head, index) => {
    socket.write(index === 0 ? `${ok('first')}${ok('smuggled')}` : ok('second'))
  })
  const transport = transportTo(t, server.url)
  assert.equal(await text(await transport.send(call())), 'first')
  assert.equal(await text(await transport.send(call())), 'second')
})

test('a response sent on an idle connection never answers the next request', async (t) => {
  const server = await scripted(t, (socket, _head, index) => socket.write(ok(String(index))))
  const transport = transportTo(t, server.url)
  assert.equal(await text(await transport.send(call())), '0')
  server.sockets[0]?.write(ok('smuggled'))
  await new Promise((resolve) => setTimeout(resolve, 30))
  assert.equal(await text(await transport.send(call())), '1')
})

test('content where there must be none is not read as content', async (t) => {
  const server = await scripted(t, (socket, _head, index) => {
    socket.write(index === 0 ? `HTTP/1.1 304 Not Modified\r\n\r\n${ok('smuggled')}` : ok('clean'))
  })
  const transport = transportTo(t, server.url)
  const response = await transport.send(call())
  assert.equal(response.status, 304)
  assert.equal(response.body, null)
  await new Promise((resolve) => setTimeout(resolve, 30))
  assert.equal(await text(await transport.send(call())), 'clean')
})

test('a reused connection that dies says so, and takes its idle brothers with it', async (t) => {
  const server = await scripted(t, (socket, _head, index) => {
    if (index < 2) setTimeout(() => socket.write(ok('')), 20)
    else if (index === 2) socket.resetAndDestroy()
    else socket.write(ok('fresh'))
  })
  const transport = transportTo(t, server.url)
  await Promise.all([transport.send(call()), transport.send(call())])
  const error = await failureIn(transport.send(call()))
  assert.equal(error.code, 'SLUICE_RESET')
  assert.equal(error.reused, true)
  assert.equal(error.requestSent, true)
  assert.equal(await text(await transport.send(call())), 'fresh')
  assert.equal(server.sockets.length, 3)
})

test('an idle connection that the server closed is not used', async (t) => {
  const server = await scripted(t, (socket, _head, index) => {
    socket.write(ok(String(index)))
    if (index === 0) socket.end()
  })
  const transport = transportTo(t, server.url)
  await transport.send(call())
  const [first] = server.sockets
  if (first && !first.destroyed) await closed(first)
  assert.equal(await text(await transport.send(call({ method: 'POST', body: Buffer.from('x') }))), '1')
})

test('a request that cannot be framed is the request that is bad, not the server', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('')))
  const transport = transportTo(t, server.url)
  const bad = [
    call({ path: '/a b' }),
    call({ fields: { host: 'h', 'x-a': 'a\nb' } }),
    call({ fields: { host: 'h', 'bad name': 'x' } }),
    call({ method: 'G T' })
  ]
  for (const it of bad) {
    const error = await failureIn(transport.send(it))
    assert.equal(error.code, 'SLUICE_BAD_REQUEST')
    assert.equal(error.requestSent, false)
  }
  assert.equal(server.received(), '')
})

test('a body shorter than its length is not sent as a whole one', async (t) => {
  const server = await scripted(t, () => {})
  const body = Readable.from([Buffer.from('abc')], { objectMode: false })
  const fields = { host: 'h', 'content-length': '10' }
  const error = await failureIn(transportTo(t, server.url).send(call({ method: 'POST', fields, body })))
  assert.equal(error.code, 'SLUICE_BAD_REQUEST')
})

test('a client that goes away mid-upload ends the exchange', async (t) => {
  const server = await scripted(t, () => {})
  const body = new Readable({ read() {} })
  body.push('abc')
  const sent = failureIn(transportTo(t, server.url).send(call({ method: 'POST', body })))
  await server.until('abc')
  const [socket] = server.sockets
  assert.ok(socket)
  const end = closed(socket)
  body.destroy(new Error('gone'))
  assert.equal((await sent).code, 'SLUICE_CLIENT_CLOSED')
  await end
})

test('a server that closes right behind its last byte leaves a slow reader all of it', async (t) => {
  const sizes = [1, 60_000, 65_536, 66_000, 100_000, 131_072, 200_000]
  const server = await scripted(t, (socket, _head, index) => {
    socket.end(`HTTP/1.0 200 OK\r\n\r\n${'x'.repeat(sizes[index % sizes.length] ?? 1)}`)
  })
  const transport = transportTo(t, server.url)
  for (let turn = 0; turn < sizes.length * 3; turn++) {
    const response = await transport.send(call())
    await new Promise((resolve) => setTimeout(resolve, 10))
    assert.equal((await text(response)).length, sizes[turn % sizes.length])
  }
})
