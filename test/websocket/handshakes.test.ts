// A connection that waits for its handshake, between one client and nobody who reads.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { Handshakes } from '../../src/websocket/handshakes'
import { within } from '../support/waiting'

async function pair(t: TestContext): Promise<{ client: Socket; socket: Socket }> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = (await once(server, 'connection')) as [Socket]
  for (const each of [client, socket]) each.on('error', () => {})
  t.after(() => {
    client.destroy()
    socket.destroy()
    server.close()
  })
  return { client, socket }
}

test('the client leaves: the socket is destroyed', async (t) => {
  const { client, socket } = await pair(t)
  new Handshakes().watch(socket)
  client.end()
  await within('the close', once(socket, 'close'))
})

test('the server’s timeout ends it', async (t) => {
  const { socket } = await pair(t)
  new Handshakes().watch(socket)
  socket.emit('timeout')
  await within('the close', once(socket, 'close'))
})

test('bytes that come meanwhile are there for whoever reads afterwards, and so is the end', async (t) => {
  const { client, socket } = await pair(t)
  const unwatch = new Handshakes().watch(socket)
  client.write('early')
  await within('bytes', once(socket, 'readable'))
  unwatch()
  const data = once(socket, 'data')
  assert.equal(String((await within('the bytes', data))[0]), 'early')
  client.end('more')
  const ended = once(socket, 'end')
  assert.equal(String((await within('more', once(socket, 'data')))[0]), 'more')
  await within('the end', ended)
  assert.equal(socket.destroyed, false, 'nobody watches any more')
})

test('a closing app cuts what is still held, and leaves what has become a tunnel', async (t) => {
  const held = await pair(t)
  const joined = await pair(t)
  const handshakes = new Handshakes()
  handshakes.watch(held.socket)
  const unwatch = handshakes.watch(joined.socket)
  unwatch()
  handshakes.end()
  await within('the cut', once(held.socket, 'close'), 20_000)
  assert.equal(joined.socket.destroyed, false)
})
