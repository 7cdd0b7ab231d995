import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { sluiceError } from '../../src/errors'
import { Abort } from '../../src/http/abort'
import type { Call, UpgradeResult } from '../../src/upstream/transport'
import { call, closed, failureIn, ok, scripted, text, transportTo } from './scripted'

const FIELDS = { host: 'ws.example', upgrade: 'websocket', 'sec-websocket-key': 'abc', 'x-list': ['1', '2'] }
const SWITCH =
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: xyz\r\n\r\n'

function handshake(rest: Parameters<typeof call>[1] = {}): Call {
  return call({ path: '/chat?room=%zz', fields: FIELDS }, rest)
}

function switched(result: UpgradeResult) {
  assert.equal(result.kind, 'switched')
  return result.kind === 'switched' ? result : assert.fail()
}

function refused(result: UpgradeResult) {
  assert.equal(result.kind, 'refused')
  return result.kind === 'refused' ? result.response : assert.fail()
}

test('101 gives the joined connection, the fields, and what came with the head', async (t) => {
  const server = await scripted(t, (socket) => socket.write(`${SWITCH}early`))
  const it = handshake()
  const { socket, fields, head } = switched(await transportTo(t, server.url).upgrade(it))
  t.after(() => socket.destroy())
  assert.deepEqual({ ...fields }, { 'sec-websocket-accept': 'xyz', upgrade: 'websocket' })
  assert.equal(head.toString(), 'early')
  assert.match(server.received(), /^GET \/chat\?room=%zz HTTP\/1\.1\r\n/)
  assert.match(server.received(), /connection: Upgrade\r\n/i)
  assert.match(server.received(), /upgrade: websocket\r\n/)
  assert.match(server.received(), /x-list: 1\r\nx-list: 2\r\n/)
  assert.equal(it.record.status, 101)
  socket.write('ping')
  await server.until('ping')
  server.sockets[0]?.write('pong')
  const [data] = await once(socket, 'data')
  assert.equal(String(data), 'pong')
})

test('a reset of the joined connection harms nobody who does not listen', async (t) => {
  const server = await scripted(t, (socket) => socket.write(SWITCH))
  const { socket } = switched(await transportTo(t, server.url).upgrade(handshake()))
  const end = closed(socket)
  server.sockets[0]?.resetAndDestroy()
  await end
})

test('the read timeout ends with the handshake', async (t) => {
  const server = await scripted(t, (socket) => socket.write(SWITCH))
  const { socket } = switched(await transportTo(t, server.url).upgrade(handshake({ timeouts: { read: 30 } })))
  t.after(() => socket.destroy())
  await new Promise((resolve) => setTimeout(resolve, 80))
  assert.equal(socket.destroyed, false)
})

const REFUSALS: [string, string, number, string][] = [
  ['403 with a length', 'HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nX-A: 1\r\n\r\nno', 403, 'no'],
  [
    '200 in chunks',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nX-A: 1\r\n\r\n2\r\nno\r\n0\r\n\r\n',
    200,
    'no'
  ],
  ['a redirect', 'HTTP/1.1 302 Found\r\nX-A: 1\r\ncontent-length: 0\r\n\r\n', 302, ''],
  ['204', 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n', 204, '']
]

for (const [name, answer, status, content] of REFUSALS) {
  test(`${name} is an ordinary response, and its connection is closed`, async (t) => {
    const server = await scripted(t, (socket) => socket.write(answer))
    const response = refused(await transportTo(t, server.url).upgrade(handshake()))
    assert.equal(response.status, status)
    assert.equal(response.fields['x-a'], '1')
    assert.equal(response.fields['transfer-encoding'], undefined)
    assert.equal(await text(response), content)
    const [socket] = server.sockets
    if (socket && !socket.destroyed) await closed(socket)
  })
}

test('a refusal that breaks off is a broken stream', async (t) => {
  const server = await scripted(t, (socket) =>
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 9\r\n\r\nno')
  )
  const response = refused(await transportTo(t, server.url).upgrade(handshake()))
  assert.equal((await failureIn(text(response))).code, 'SLUICE_INCOMPLETE_RESPONSE')
})

test('a refusal is held back by a slow reader and can be dropped', async (t) => {
  const server = await scripted(t, (socket) => {
    socket.write('HTTP/1.1 403 Forbidden\r\ncontent-length: 99999999\r\n\r\n')
    socket.write(Buffer.alloc(1_000_000))
  })
  const response = refused(await transportTo(t, server.url).upgrade(handshake({ timeouts: { read: 30 } })))
  await new Promise((resolve) => setTimeout(resolve, 80))
  assert.ok(response.body instanceof Readable)
  assert.ok(response.body.readableLength < 500_000)
  response.body.destroy()
  const [socket] = server.sockets
  if (socket && !socket.destroyed) await closed(socket)
})

const BROKEN: [string, string, string][] = [
  ['garbage', 'nonsense\r\n\r\n', 'SLUICE_BAD_RESPONSE'],
  ['101 to nothing', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', 'SLUICE_BAD_RESPONSE'],
  [
    'length and chunked',
    'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n',
    'SLUICE_BAD_RESPONSE'
  ],
  ['status 700', 'HTTP/1.1 700 High\r\ncontent-length: 0\r\n\r\n', 'SLUICE_BAD_RESPONSE'],
  ['a flood of interim responses', 'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(100), 'SLUICE_BAD_RESPONSE']
]

for (const [name, answer, code] of BROKEN) {
  test(`${name} instead of a handshake: ${code}`, async (t) => {
    const server = await scripted(t, (socket) => socket.write(answer))
    const it = handshake()
    const error = await failureIn(transportTo(t, server.url).upgrade(it))
    assert.equal(error.code, code)
    assert.equal(it.record.error, code)
  })
}

test('a server that closes instead', async (t) => {
  const server = await scripted(t, (socket) => socket.end())
  assert.equal((await failureIn(transportTo(t, server.url).upgrade(handshake()))).code, 'SLUICE_RESET')
})

test('a server that does not answer: read timeout', async (t) => {
  const server = await scripted(t, () => {})
  const error = await failureIn(transportTo(t, server.url).upgrade(handshake({ timeouts: { read: 40 } })))
  assert.equal(error.code, 'SLUICE_READ_TIMEOUT')
  assert.equal(error.phase, 'header')
})

test('a server that is not there: connect failed', async (t) => {
  const error = await failureIn(transportTo(t, 'unix:/nowhere.sock').upgrade(handshake()))
  assert.equal(error.code, 'SLUICE_CONNECT_FAILED')
})

test('an abort ends the handshake', async (t) => {
  const server = await scripted(t, () => {})
  const abort = new Abort()
  const gone = sluiceError('SLUICE_CLIENT_CLOSED')
  const sent = failureIn(transportTo(t, server.url).upgrade(handshake({ abort })))
  await server.until('\r\n\r\n')
  abort.abort(gone)
  assert.equal(await sent, gone)
  const [socket] = server.sockets
  if (socket && !socket.destroyed) await closed(socket)
})

test('a field that cannot be sent is the request that is bad', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('')))
  const it = call({ fields: { ...FIELDS, 'x-a': 'a\nb' } })
  assert.equal((await failureIn(transportTo(t, server.url).upgrade(it))).code, 'SLUICE_BAD_REQUEST')
  assert.equal(server.received(), '')
})

test('a switch behind a refusal is no switch', async (t) => {
  const refusal = 'HTTP/1.1 403 Forbidden\r\ncontent-length: 3\r\n\r\nno!'
  const server = await scripted(t, (socket) => socket.write(refusal + SWITCH))
  const response = refused(await transportTo(t, server.url).upgrade(handshake()))
  assert.equal(response.status, 403)
  await text(response).catch((error) => assert.equal(error.code, 'SLUICE_BAD_RESPONSE'))
})

test('destroy ends a handshake under way and a joined connection', async (t) => {
  const server = await scripted(t, (socket, _head, index) => index === 0 && socket.write(SWITCH))
  const transport = transportTo(t, server.url)
  const { socket } = switched(await transport.upgrade(handshake()))
  const waiting = failureIn(transport.upgrade(handshake()))
  while (server.received().split('/chat').length < 3) await new Promise(setImmediate)
  transport.destroy()
  assert.equal((await waiting).code, 'SLUICE_CLOSING')
  await closed(socket)
})
