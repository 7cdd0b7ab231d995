// What only connections of our own can: hints, age, what was sent, the look before reuse, one write, slices.
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { Abort } from '../../../src/http/abort'
import type { UpstreamResponse } from '../../../src/http/message'
import { Connection, type ConnectionSettings } from '../../../src/upstream/http1/connection'
import { Exchange } from '../../../src/upstream/http1/exchange'
import { requestHead } from '../../../src/upstream/http1/request-head'
import type { UpstreamOptions } from '../../../src/upstream/options'
import type { Call, Transport } from '../../../src/upstream/transport'
import { call, failureIn, ok, type Scripted, scripted, text, transportTo } from '../scripted'

const ownTo = (t: TestContext, url: string, options: Partial<UpstreamOptions> = {}): Transport =>
  transportTo(t, url, { client: 'http1', ...options })

const SETTINGS: ConnectionSettings = {
  server: 'http://server.test',
  keepalive: true,
  idleMs: 4000,
  maxRequests: 0,
  maxAgeMs: 0,
  tolerance: undefined,
  onFree: () => {},
  onStale: () => {},
  onGone: () => {}
}

/** A connection without a pool, and the socket under it. */
async function connection(t: TestContext, server: Scripted, settings: Partial<ConnectionSettings> = {}) {
  const socket = connect({ port: Number(new URL(server.url).port), host: '127.0.0.1' })
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  socket.on('error', () => {})
  t.after(() => socket.destroy())
  while (server.sockets.length === 0) await new Promise(setImmediate)
  return { socket, connection: new Connection(socket, { ...SETTINGS, ...settings }) }
}

function carried(over: Connection, it: Call): Promise<UpstreamResponse> {
  return new Promise((resolve, reject) => {
    const head = requestHead(it.request, { authority: 'server.test', connection: 'keep-alive' })
    assert.ok(typeof head !== 'string')
    over.carry(new Exchange(it, head, { resolve, reject }))
  })
}

const HINTS: [string, string, number][] = [
  ['a timeout of 1 s leaves nothing', 'Keep-Alive: timeout=1\r\n', 3],
  ['a timeout of 0 leaves nothing', 'Keep-Alive: timeout=0\r\n', 3],
  ['no more requests leave nothing', 'Keep-Alive: timeout=5, max=0\r\n', 3],
  ['more requests', 'Keep-Alive: timeout=5, max=100\r\n', 1],
  ['a hint that is none', 'Keep-Alive: timeout=soon, max\r\n', 1],
  ['Connection: close', 'Connection: close\r\n', 3]
]

for (const [name, fields, connections] of HINTS) {
  test(`${name}: three requests take ${connections} connections`, async (t) => {
    const server = await scripted(t, (socket) => socket.write(ok('', fields)))
    const transport = ownTo(t, server.url)
    for (let turn = 0; turn < 3; turn++) await transport.send(call())
    assert.equal(server.sockets.length, connections)
  })
}

test('of two more requests that the server promised, two are asked of this connection', async (t) => {
  const server = await scripted(t, (socket, _head, index) =>
    socket.write(ok('', index === 0 ? 'Keep-Alive: max=2\r\n' : ''))
  )
  const transport = ownTo(t, server.url)
  for (let turn = 0; turn < 4; turn++) await transport.send(call())
  assert.equal(server.sockets.length, 2)
  assert.deepEqual(server.received().match(/GET \/ /g)?.length, 4)
})

test('keepaliveRequests ends a connection after so many', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('')))
  const transport = ownTo(t, server.url, { keepaliveRequests: 2 })
  for (let turn = 0; turn < 5; turn++) await transport.send(call())
  assert.equal(server.sockets.length, 3)
})

test('keepaliveTime ends a connection with the exchange in which it gets too old', async (t) => {
  const server = await scripted(t, (socket) => setTimeout(() => socket.write(ok('')), 15))
  const transport = ownTo(t, server.url, { keepaliveTime: '10ms' })
  for (let turn = 0; turn < 3; turn++) await transport.send(call())
  assert.equal(server.sockets.length, 3)
})

const KEPT: [string, string, string][] = [
  ['HEAD', 'HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'],
  ['304 with a length', 'GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'],
  ['GET with content', 'GET', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n']
]

for (const [name, method, answer] of KEPT) {
  test(`${name}: the connection is used again`, async (t) => {
    const server = await scripted(t, (socket) => socket.write(answer))
    const transport = ownTo(t, server.url)
    const body = name === 'GET with content' ? Buffer.from('x') : null
    for (let turn = 0; turn < 3; turn++) await transport.send(call({ method, body }))
    assert.equal(server.sockets.length, 1)
  })
}

test('an answer that came while the connection idled is never the answer to the next request', async (t) => {
  const server = await scripted(t, (socket, _head, index) => socket.write(ok(String(index))))
  const transport = ownTo(t, server.url)
  for (let turn = 0; turn < 50; turn++) {
    assert.equal(await text(await transport.send(call())), String(turn))
    // It is in the kernel when the next request is asked for, in this very turn.
    server.sockets.at(-1)?.write(ok('smuggled'))
  }
  assert.equal(server.sockets.length, 50)
})

test("a server's goodbye in the turn of the request costs no try", async (t) => {
  const server = await scripted(t, (socket, _head, index) => socket.write(ok(String(index))))
  const transport = ownTo(t, server.url)
  for (let turn = 0; turn < 50; turn++) {
    const it = call({ method: 'POST', body: Buffer.from('once') })
    assert.equal(await text(await transport.send(it)), String(turn))
    const last = server.sockets.at(-1)
    if (turn % 2 === 0) last?.end()
    else last?.resetAndDestroy()
  }
})

test('what the kernel refuses at once was not sent', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('')))
  const { connection: over } = await connection(t, server)
  await carried(over, call())
  server.sockets[0]?.resetAndDestroy()
  const error = await failureIn(carried(over, call({ method: 'POST', body: Buffer.from('once') })))
  assert.equal(error.code, 'SLUICE_RESET')
  assert.equal(error.requestSent, false)
  assert.equal(error.reused, true)
})

test('what the kernel took counts as sent', async (t) => {
  const server = await scripted(t, (socket) => socket.resetAndDestroy())
  const { connection: over } = await connection(t, server)
  const error = await failureIn(carried(over, call()))
  assert.equal(error.code, 'SLUICE_RESET')
  assert.equal(error.requestSent, true)
  assert.equal(error.reused, false)
})

test('head and small content are one write', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('')))
  const chunks: number[] = []
  const { connection: over } = await connection(t, server)
  server.sockets[0]?.on('data', (chunk) => chunks.push(chunk.length))
  await carried(over, call({ method: 'POST', body: Buffer.alloc(1000) }))
  assert.equal(chunks.length, 1)
})

test('a caller that throws at what it is told harms its own exchange only', async (t) => {
  const server = await scripted(t, (socket, _head, index) =>
    socket.write((index === 0 ? 'HTTP/1.1 103 Early Hints\r\n\r\n' : '') + ok('next'))
  )
  const transport = ownTo(t, server.url)
  const thrown = new Error('from the caller')
  const onInformation = () => {
    throw thrown
  }
  await assert.rejects(transport.send(call({}, { onInformation })), thrown)
  assert.equal(await text(await transport.send(call())), 'next')
})

test('a caller that gives up in an interim response ends the exchange there', async (t) => {
  const server = await scripted(t, (socket) => socket.write(`HTTP/1.1 103 Early Hints\r\n\r\n${ok('late')}`))
  const abort = new Abort()
  const gone = new Error('gone')
  const sent = ownTo(t, server.url).send(call({}, { abort, onInformation: () => abort.abort(gone) }))
  await assert.rejects(sent, gone)
})

test('content longer than announced is not sent, and the connection is dropped', async (t) => {
  const server = await scripted(t, (socket, _head, index) => index > 0 && socket.write(ok('next')))
  const transport = ownTo(t, server.url)
  const body = Readable.from([Buffer.from('abc'), Buffer.from('def')], { objectMode: false })
  const fields = { host: 'h', 'content-length': '5' }
  const error = await failureIn(transport.send(call({ method: 'POST', fields, body })))
  assert.equal(error.code, 'SLUICE_BAD_REQUEST')
  assert.equal(await text(await transport.send(call())), 'next')
  assert.doesNotMatch(server.received(), /abcdef/)
})

test('an answer before the upload has ended: read whole, and the connection is dropped', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('early')))
  const transport = ownTo(t, server.url)
  const body = new Readable({ read() {} })
  body.push('a')
  assert.equal(await text(await transport.send(call({ method: 'POST', body }))), 'early')
  assert.equal(body.destroyed, false)
  assert.equal(body.listenerCount('data'), 0)
  await transport.send(call())
  assert.equal(server.sockets.length, 2)
})

test('a stream that errors with no listener of ours left ends nothing', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('early')))
  const body = new Readable({ read() {} })
  body.push('a')
  await ownTo(t, server.url).send(call({ method: 'POST', body }))
  body.destroy(new Error('late'))
  await new Promise(setImmediate)
})

test('two thousand exchanges over a few connections stay in step', async (t) => {
  const server = await plain(t)
  const transport = ownTo(t, server, { maxConnections: 8 })
  let next = 0
  const worker = async () => {
    while (next < 2000) {
      const id = String(next++)
      const body = next % 3 === 0 ? Buffer.from(id) : null
      const response = await transport.send(
        call(
          { method: body === null ? 'GET' : 'POST', path: `/${id}`, body },
          { collect: next % 5 === 0 ? 0 : 65_536 }
        )
      )
      assert.equal(await text(response), body === null ? `/${id}` : `/${id}${id}`)
    }
  }
  await Promise.all(Array.from({ length: 32 }, worker))
  await transport.close()
})

test('a call for a fresh connection leaves the idle one alone', async (t) => {
  const server = await scripted(t, (socket, _head, index) => socket.write(ok(String(index))))
  const transport = ownTo(t, server.url)
  await transport.send(call())
  await transport.send(call({}, { fresh: true }))
  assert.equal(server.sockets.length, 2)
  await transport.send(call())
  assert.equal(server.sockets.length, 2)
})

test('where no more connections may be open an idle one makes room for the fresh one', async (t) => {
  const server = await scripted(t, (socket, _head, index) => socket.write(ok(String(index))))
  const transport = ownTo(t, server.url, { maxConnections: 1 })
  for (let turn = 0; turn < 4; turn++) {
    assert.equal(await text(await transport.send(call({}, { fresh: true }))), String(turn))
  }
  assert.equal(server.sockets.length, 4)
})

test('one that waits for a fresh connection is not given one that has been used', async (t) => {
  const server = await scripted(t, (socket, _head, index) => socket.write(ok(String(index))))
  const transport = ownTo(t, server.url, { maxConnections: 1 })
  const calls = [call(), call({}, { fresh: true }), call(), call({}, { fresh: true })]
  await Promise.all(calls.map((it) => transport.send(it)))
  assert.equal(server.sockets.length, 3)
})

/** node:http echoing path and content, with a length or in chunks. */
async function plain(t: TestContext): Promise<string> {
  let turn = 0
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [Buffer.from(request.url ?? '')]
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      if (turn++ % 2 === 0) response.end(Buffer.concat(chunks))
      else {
        for (const chunk of chunks) response.write(chunk)
        response.end()
      }
    })
  })
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
