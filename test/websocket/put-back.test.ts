import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { ordinaryHead, putBack } from '../../src/websocket/put-back'

test('the head comes back without the wish to upgrade, otherwise as it was', () => {
  const rawHeaders = [
    'Host',
    'x',
    'Connection',
    'Upgrade, HTTP2-Settings, close',
    'upgrade',
    'h2c',
    'HTTP2-Settings',
    'A',
    'X-Ü',
    'ü',
    'x-y',
    ''
  ]
  assert.equal(
    ordinaryHead({ method: 'POST', url: '/a?b', rawHeaders }).toString('latin1'),
    'POST /a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Ü: ü\r\nx-y: \r\n\r\n'
  )
})

test('a Connection that names only the upgrade goes', () => {
  const rawHeaders = ['Connection', ' upgrade ,', 'Upgrade', 'foo']
  assert.equal(ordinaryHead({ method: 'GET', url: '/', rawHeaders }).toString(), 'GET / HTTP/1.1\r\n\r\n')
})

test('a request whose fields may have been cut off is not put back', () => {
  const rawHeaders = Array.from({ length: 2000 }, (_, at) => (at % 2 === 0 ? 'a' : 'b'))
  const request = { method: 'GET', url: '/', rawHeaders } as IncomingMessage
  const socket = new PassThrough()
  assert.equal(putBack(net.createServer(), request, { socket, head: Buffer.alloc(0) }), false)
  assert.equal(socket.readableLength, 0)
})

test('under TLS the server is told of a secure connection', async () => {
  const server = https.createServer({})
  server.removeAllListeners('secureConnection')
  const told = once(server, 'secureConnection')
  const socket = Object.assign(new PassThrough(), { encrypted: true })
  const request = { method: 'GET', url: '/', rawHeaders: ['Host', 'x'] } as IncomingMessage
  assert.equal(putBack(server, request, { socket, head: Buffer.from('more') }), true)
  assert.deepEqual(await told, [socket])
  assert.equal(String(socket.read()), 'GET / HTTP/1.1\r\nHost: x\r\n\r\nmore')
})
