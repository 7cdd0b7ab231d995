// Every stall has its timer (nginx: proxy_connect_timeout, proxy_send_timeout, proxy_read_timeout), and a slow client is not the server's fault.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { call, failureIn, ok, scripted, text, transportTo } from './scripted'

const SHORT = 60

/** Fails at the limit, counted from `startedAt`, and not long after it. */
async function within(
  promise: Promise<unknown>,
  code: string,
  phase: string,
  startedAt = performance.now()
): Promise<void> {
  const error = await failureIn(promise)
  const took = performance.now() - startedAt
  assert.equal(error.code, code)
  assert.equal(error.statusCode, 504)
  assert.equal(error.phase, phase)
  assert.ok(took >= SHORT - 5 && took < SHORT + 1000, `${took} ms`)
}

test('a server that never answers: read timeout in the head', async (t) => {
  const server = await scripted(t, () => {})
  await within(
    transportTo(t, server.url).send(call({}, { timeouts: { read: SHORT } })),
    'SLUICE_READ_TIMEOUT',
    'header'
  )
})

test('a server that stops inside its head: read timeout', async (t) => {
  const server = await scripted(t, (socket) => socket.write('HTTP/1.1 200 OK\r\nx: '))
  await within(
    transportTo(t, server.url).send(call({}, { timeouts: { read: SHORT } })),
    'SLUICE_READ_TIMEOUT',
    'header'
  )
})

test('a server that stops inside its content: the stream fails with read timeout', async (t) => {
  const startedAt = performance.now()
  const server = await scripted(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc')
  )
  const response = await transportTo(t, server.url).send(call({}, { collect: 0, timeouts: { read: SHORT } }))
  await within(text(response), 'SLUICE_READ_TIMEOUT', 'body', startedAt)
})

test('a server that stops inside collected content: read timeout', async (t) => {
  const server = await scripted(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc')
  )
  await within(
    transportTo(t, server.url).send(call({}, { timeouts: { read: SHORT } })),
    'SLUICE_READ_TIMEOUT',
    'body'
  )
})

test('a server that trickles is not idle', async (t) => {
  const server = await scripted(t, (socket) => {
    const answer = ok('0123456789')
    let sent = 0
    const timer = setInterval(() => {
      socket.write(answer.slice(sent, sent + 4))
      sent += 4
      if (sent >= answer.length) clearInterval(timer)
    }, 20)
    socket.on('close', () => clearInterval(timer))
  })
  const response = await transportTo(t, server.url).send(call({}, { timeouts: { read: 100 } }))
  assert.equal(await text(response), '0123456789')
})

test('a reader slower than the read timeout does not trip it', async (t) => {
  const size = 4 * 1024 * 1024
  const server = await scripted(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${size}\r\n\r\n`)
    socket.write(Buffer.alloc(size))
  })
  const response = await transportTo(t, server.url).send(call({}, { timeouts: { read: 30 } }))
  await new Promise((resolve) => setTimeout(resolve, 100))
  assert.equal((await text(response)).length, size)
})

test('after a slow reader the server has its full time again, and no more', async (t) => {
  const startedAt = performance.now()
  const server = await scripted(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n')
    socket.write(Buffer.alloc(300_000))
  })
  const response = await transportTo(t, server.url).send(call({}, { timeouts: { read: SHORT } }))
  await new Promise((resolve) => setTimeout(resolve, 100))
  await within(text(response), 'SLUICE_READ_TIMEOUT', 'body', startedAt)
})

test('a server that takes no more of a streamed body: send timeout', async (t) => {
  const server = await scripted(t, (socket) => socket.pause())
  const body = new Readable({
    read() {
      this.push(Buffer.alloc(65_536))
    }
  })
  const it = call({ method: 'POST', body }, { timeouts: { send: SHORT } })
  await within(transportTo(t, server.url).send(it), 'SLUICE_SEND_TIMEOUT', 'send')
})

test('a server that takes no more of a Buffer: send timeout', async (t) => {
  const server = await scripted(t, (socket) => socket.pause())
  const it = call({ method: 'POST', body: Buffer.alloc(32 * 1024 * 1024) }, { timeouts: { send: SHORT } })
  const error = await failureIn(transportTo(t, server.url).send(it))
  assert.equal(error.code, 'SLUICE_SEND_TIMEOUT')
})

test('a client slower than both timeouts does not trip them', async (t) => {
  const server = await scripted(t, () => {})
  const body = new Readable({ read() {} })
  body.push('a')
  const sent = transportTo(t, server.url).send(
    call({ method: 'POST', body }, { timeouts: { send: 100, read: 150 } })
  )
  await new Promise((resolve) => setTimeout(resolve, 400))
  body.push(null)
  await server.until('\r\n0\r\n\r\n')
  server.sockets[0]?.write(ok('patient'))
  assert.equal(await text(await sent), 'patient')
})

test('0 is no limit, and an old timeout does not reach the next exchange', async (t) => {
  const server = await scripted(t, (socket, _head, index) => {
    if (index === 0) socket.write(ok(''))
    else setTimeout(() => socket.write(ok('late')), 90)
  })
  const transport = transportTo(t, server.url)
  await transport.send(call({}, { timeouts: { read: 30, send: 30 } }))
  const response = await transport.send(call({}, { timeouts: { read: 0, send: 0, connect: 0 } }))
  assert.equal(await text(response), 'late')
  assert.equal(server.sockets.length, 1)
})

test('a process that stood still does not take the server for silent', async (t) => {
  const server = await scripted(t, (socket) => setTimeout(() => socket.write(ok('there')), 5))
  const sent = transportTo(t, server.url).send(call({}, { timeouts: { read: 40 } }))
  await server.until('\r\n\r\n')
  await new Promise((resolve) => setTimeout(resolve, 6))
  const until = performance.now() + 80
  while (performance.now() < until);
  assert.equal(await text(await sent), 'there')
})

test('a reader that goes on in the turn in which the time runs out does not trip it', async (t) => {
  const body = Buffer.alloc(8_000_000, 'x')
  const server = await scripted(t, (socket) => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`)
    socket.write(body)
  })
  const read = 300
  const response = await transportTo(t, server.url).send(call({}, { collect: 0, timeouts: { read } }))
  const stream = response.body as Readable
  await new Promise((resolve) => setTimeout(resolve, 100))
  await new Promise((resolve) => setImmediate(resolve))
  // The time runs out while this loop stands; its timer comes first in the next turn, this answer of the kernel after it.
  const went = stat('.').then(() => stream.resume())
  const until = performance.now() + read
  while (performance.now() < until);
  let bytes = 0
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length
  })
  stream.pause()
  await Promise.all([went, once(stream, 'end')])
  assert.equal(bytes, body.length)
})
