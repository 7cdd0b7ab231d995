// Upstreams that lie or die (the failure map of the transport): never a crash, a hang, or a false clean end.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { HTTP1_LIES } from '../fault/lies/http1'
import { startHttp1Liar } from '../fault/lies/liar'
import { testTransport } from './lied-to'
import { call, closed, failureIn, ok, scripted, text, transportTo } from './scripted'

const head = (fields: string) => `HTTP/1.1 200 OK\r\n${fields}\r\n`

testTransport({ table: HTTP1_LIES, start: startHttp1Liar, transportTo })

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
