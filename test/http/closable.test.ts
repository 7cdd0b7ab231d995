import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import {
  connect as connectHttp2,
  createServer as createHttp2Server,
  type Http2ServerResponse
} from 'node:http2'
import { type AddressInfo, connect, type Server } from 'node:net'
import { test } from 'node:test'
import { hasClosed } from '../../src/http/closable'

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test('an HTTP/1.1 response has closed once its client has left', async (t) => {
  const server = createServer()
  t.after(() => server.close())
  const requested = once(server, 'request')
  const socket = connect(await listen(server), '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const response = (await requested)[1] as ServerResponse
  assert.equal(hasClosed(response), false)
  socket.destroy()
  await once(response, 'close')
  assert.equal(hasClosed(response), true)
})

test('an HTTP/2 response has closed once its stream was reset', async (t) => {
  const server = createHttp2Server()
  t.after(() => server.close())
  const requested = once(server, 'request')
  const session = connectHttp2(`http://127.0.0.1:${await listen(server)}`)
  t.after(() => session.destroy())
  const stream = session.request({ ':path': '/' })
  stream.on('error', () => undefined)
  const response = (await requested)[1] as Http2ServerResponse
  assert.equal(hasClosed(response), false)
  stream.close(8)
  await once(response, 'close')
  assert.equal(hasClosed(response), true)
})
