import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { sluiceError } from '../../src/errors'
import { Abort } from '../../src/http/abort'
import type { Call, UpgradeResult } from '../../src/upstream/transport'
import { replies, startScript } from '../support/script-server'
import { makeCertificates } from './certificates'
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

test('in whatever pieces 101 comes, not a byte behind it is lost or read', async (t) => {
  const bytes = `HTTP/1.1 103 Early Hints\r\n\r\n${SWITCH}HTTP/1.1 200 OK\r\n\r\nframes`
  const from = bytes.indexOf(SWITCH) + SWITCH.length
  for (const cut of [10, from - 3, from - 1, from, from + 1, bytes.length - 1]) {
    const server = await scripted(t, (socket) =>
      sayInPieces(socket, `${bytes.slice(0, cut)}|${bytes.slice(cut)}`)
    )
    const { socket, head } = switched(await transportTo(t, server.url).upgrade(handshake()))
    let seen = head.toString()
    while (!seen.endsWith('frames')) seen += String((await once(socket, 'data'))[0])
    assert.equal(seen, bytes.slice(from), `cut at ${cut}`)
    socket.destroy()
  }
})

test('over TLS as well: the switch with the first frames, and a refusal', async (t) => {
  const pair = makeCertificates()
  if (pair === undefined) return t.skip('openssl is not there')
  const refusal = 'HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno'
  const server = await startScript([replies(`${SWITCH}frames`), replies(refusal)], { tls: pair })
  t.after(server.close)
  const transport = transportTo(t, server.url, { tls: { ca: pair.ca } })
  const { socket, head } = switched(await transport.upgrade(handshake()))
  t.after(() => socket.destroy())
  let seen = head.toString()
  while (!seen.endsWith('frames')) seen += String((await once(socket, 'data'))[0])
  assert.equal(seen, 'frames')
  assert.equal(await text(refused(await transport.upgrade(handshake()))), 'no')
})

test('what comes before anybody reads waits in the socket, and so does the end', async (t) => {
  const server = await scripted(t, (socket) => socket.write(SWITCH))
  const { socket } = switched(await transportTo(t, server.url).upgrade(handshake()))
  server.sockets[0]?.end('late')
  await new Promise((resolve) => setTimeout(resolve, 30))
  let seen = ''
  for await (const chunk of socket) seen += String(chunk)
  assert.equal(seen, 'late')
})

test('nothing of ours is left on the joined connection', async (t) => {
  const server = await scripted(t, (socket) => socket.write(SWITCH))
  const { socket } = switched(await transportTo(t, server.url).upgrade(handshake()))
  t.after(() => socket.destroy())
  assert.deepEqual(
    ['data', 'drain', 'timeout'].map((event) => socket.listenerCount(event)),
    [0, 0, 0]
  )
})

test('101 to an ordinary request is no answer', async (t) => {
  const server = await scripted(t, (socket) => socket.write(`${SWITCH}${ok('behind')}`))
  for (const method of ['GET', 'POST', 'HEAD']) {
    const error = await failureIn(transportTo(t, server.url).send(call({ method })))
    assert.equal(error.code, 'SLUICE_BAD_RESPONSE')
  }
})

test('a refusal without length ends with its connection', async (t) => {
  const server = await scripted(t, (socket) => socket.end('HTTP/1.1 403 Forbidden\r\n\r\nuntil the end'))
  const response = refused(await transportTo(t, server.url).upgrade(handshake()))
  assert.equal(await text(response), 'until the end')
})

test('the trailers of a refusal come with it', async (t) => {
  const server = await scripted(t, (socket) =>
    socket.write('HTTP/1.1 403 No\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-sum: 1\r\n\r\n')
  )
  const response = refused(await transportTo(t, server.url).upgrade(handshake()))
  await text(response)
  assert.deepEqual({ ...response.trailers }, { 'x-sum': '1' })
})

test('an ordinary request does not ask to switch', async (t) => {
  const server = await scripted(t, (socket) => socket.write(ok('')))
  const it = call({ fields: FIELDS })
  assert.equal((await failureIn(transportTo(t, server.url).send(it))).code, 'SLUICE_BAD_REQUEST')
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

/** The pieces are separated by `|`. */
async function sayInPieces(socket: Socket, bytes: string): Promise<void> {
  for (const piece of bytes.split('|')) {
    socket.write(piece)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const REFUSALS: [string, string, number, string][] = [
  ['403 with a length', 'HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\nX-A: 1\r\n\r\nno', 403, 'no'],
  [
    '200 in chunks',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nX-A: 1\r\n\r\n2\r\nno\r\n0\r\n\r\n',
    200,
    'no'
  ],
  ['a redirect', 'HTTP/1.1 302 Found\r\nX-A: 1\r\ncontent-length: 0\r\n\r\n', 302, ''],
  ['204', 'HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n', 204, ''],
  ['401 in two pieces', 'HTTP/1.1 401 No\r\nX-A: 1\r\ncontent-length: 2\r\n\r\n|no', 401, 'no'],
  [
    '500 behind a 100',
    'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Oh\r\nX-A: 1\r\ncontent-length: 0\r\n\r\n',
    500,
    ''
  ],
  [
    '426 that says Upgrade',
    'HTTP/1.1 426 Upgrade Required\r\nX-A: 1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\ncontent-length: 2\r\n\r\nno',
    426,
    'no'
  ],
  [
    '200 that says Upgrade, as if it had switched',
    `HTTP/1.1 200 OK\r\nX-A: 1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\ncontent-length: 2\r\n\r\nno`,
    200,
    'no'
  ]
]

for (const [name, answer, status, content] of REFUSALS) {
  test(`${name} is an ordinary response, and its connection is closed`, async (t) => {
    const server = await scripted(t, (socket) => sayInPieces(socket, answer))
    const response = refused(await transportTo(t, server.url).upgrade(handshake()))
    assert.equal(response.status, status)
    assert.equal(response.fields['x-a'], '1')
    assert.equal(response.fields['transfer-encoding'], undefined)
    assert.equal(await text(response), content)
    const [socket] = server.sockets
    if (socket && !socket.destroyed) await closed(socket)
  })
}

test('a refusal that breaks off is a failure, or a broken stream where it is one', async (t) => {
  const server = await scripted(t, (socket) =>
    socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 9\r\n\r\nno')
  )
  const transport = transportTo(t, server.url)
  assert.equal((await failureIn(transport.upgrade(handshake()))).code, 'SLUICE_INCOMPLETE_RESPONSE')
  const response = refused(await transport.upgrade(handshake({ collect: 0 })))
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
  [
    '101 without a protocol',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n\r\n',
    'SLUICE_BAD_RESPONSE'
  ],
  [
    '101 that has content',
    `${SWITCH.slice(0, -2)}content-length: 1\r\ncontent-length: 1\r\n\r\na`,
    'SLUICE_BAD_RESPONSE'
  ],
  ['101 of HTTP/2', SWITCH.replace('1.1', '2.0'), 'SLUICE_BAD_RESPONSE'],
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
