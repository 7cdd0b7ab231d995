// The caller's abort ends an exchange in every phase, and the server sees it.
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { sluiceError } from '../../src/errors'
import { Abort } from '../../src/http/abort'
import { call, closed, failureIn, ok, type Scripted, scripted, text, transportTo } from './scripted'

const GONE = sluiceError('SLUICE_CLIENT_CLOSED')

async function seesClose(server: Scripted): Promise<void> {
  const [socket] = server.sockets
  if (socket === undefined || socket.destroyed) return
  await closed(socket)
}

test('an abort that came before is heeded without dialling for long', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('')))
  const abort = new Abort()
  abort.abort(GONE)
  const it = call({}, { abort })
  assert.equal(await failureIn(transportTo(t, server.url).send(it)), GONE)
  assert.equal(server.received(), '')
  assert.equal(it.record.error, 'SLUICE_CLIENT_CLOSED')
})

test('an abort before an idle connection is used sends nothing', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('')))
  const transport = transportTo(t, server.url)
  await transport.send(call({ path: '/first' }))
  const abort = new Abort()
  abort.abort(GONE)
  assert.equal(await failureIn(transport.send(call({ path: '/second' }, { abort }))), GONE)
  assert.doesNotMatch(server.received(), /second/)
})

test('while waiting for a connection', async (t) => {
  const server = await scripted(t, () => {})
  const transport = transportTo(t, server.url, { maxConnections: 1 })
  const first = failureIn(transport.send(call()))
  const abort = new Abort()
  const second = failureIn(transport.send(call({}, { abort })))
  abort.abort(GONE)
  assert.equal(await second, GONE)
  transport.destroy()
  await first
})

test('while dialling', async (t) => {
  const server = await scripted(t, () => {})
  const abort = new Abort()
  const sent = failureIn(transportTo(t, server.url).send(call({}, { abort })))
  abort.abort(GONE)
  assert.equal(await sent, GONE)
})

test('while waiting for the head', async (t) => {
  const server = await scripted(t, () => {})
  const abort = new Abort()
  const it = call({}, { abort })
  const sent = failureIn(transportTo(t, server.url).send(it))
  await server.until('\r\n\r\n')
  abort.abort(GONE)
  assert.equal(await sent, GONE)
  assert.equal(it.record.error, 'SLUICE_CLIENT_CLOSED')
  await seesClose(server)
})

test('while content is collected', async (t) => {
  const server = await scripted(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc')
  )
  const abort = new Abort()
  const sent = failureIn(transportTo(t, server.url).send(call({}, { abort })))
  await server.until('\r\n\r\n')
  await new Promise((resolve) => setTimeout(resolve, 20))
  abort.abort(GONE)
  assert.equal(await sent, GONE)
  await seesClose(server)
})

test('while content is streamed', async (t) => {
  const server = await scripted(t, (socket) =>
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\nabc')
  )
  const abort = new Abort()
  const response = await transportTo(t, server.url).send(call({}, { abort, collect: 0 }))
  const read = failureIn(text(response))
  abort.abort(GONE)
  assert.equal(await read, GONE)
  await seesClose(server)
})

test('after the last byte has come, but before it was read', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('abc')))
  const abort = new Abort()
  const response = await transportTo(t, server.url).send(call({}, { abort, collect: 0 }))
  await new Promise((resolve) => setTimeout(resolve, 20))
  abort.abort(GONE)
  assert.equal(await failureIn(text(response)), GONE)
})

test('during an upload, without harm to the source', async (t) => {
  const server = await scripted(t, () => {})
  const abort = new Abort()
  const body = new Readable({ read() {} })
  body.push('abc')
  const sent = failureIn(transportTo(t, server.url).send(call({ method: 'POST', body }, { abort })))
  await server.until('abc')
  abort.abort(GONE)
  assert.equal(await sent, GONE)
  await seesClose(server)
  assert.equal(body.destroyed, false)
})

test('destroying the stream ends the exchange and frees its slot', async (t) => {
  const server = await scripted(t, (socket, _head, index) => {
    socket.write(index === 0 ? 'HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\nabc' : ok('next'))
  })
  const transport = transportTo(t, server.url, { maxConnections: 1 })
  const { body } = await transport.send(call({}, { collect: 0 }))
  assert.ok(body instanceof Readable)
  const next = transport.send(call())
  body.destroy()
  assert.equal(await text(await next), 'next')
  await seesClose(server)
})

test('a source that nothing was sent of can be sent elsewhere', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('')))
  const body = Readable.from([Buffer.from('whole')], { objectMode: false })
  const refused = transportTo(t, 'http://127.0.0.1:1')
  const error = await failureIn(refused.send(call({ method: 'POST', body })))
  assert.equal(error.requestSent, false)
  await transportTo(t, server.url).send(call({ method: 'POST', body }))
  await server.until('whole')
})

test('many aborts at random moments leave no connection in use', async (t) => {
  const server = await scripted(t, (socket) => setTimeout(() => socket.write(ok('x'.repeat(500))), 1))
  const transport = transportTo(t, server.url)
  let turn = 0
  const one = async () => {
    const abort = new Abort()
    const delay = turn++ % 5
    const sent = transport.send(call({}, { abort, collect: turn % 2 === 0 ? 0 : 65_536 })).then(text)
    setTimeout(() => abort.abort(GONE), delay)
    await sent.catch((error: unknown) => assert.equal(error, GONE))
  }
  for (let round = 0; round < 20; round++) await Promise.all(Array.from({ length: 10 }, one))
  await transport.close()
})
