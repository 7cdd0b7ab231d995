import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { isSluiceError } from '../../src/errors'
import { Abort } from '../../src/http/abort'
import {
  closed,
  connect,
  dialTo,
  endOf,
  handshake,
  KEY,
  startEcho,
  startEdge,
  startRaw,
  startSwitching,
  switching
} from './bench'

test('messages pass both ways, compression and all', async (t) => {
  const { port } = await startEcho(t)
  const edge = await startEdge(t, { dial: dialTo(port) })
  const client = new WebSocket(`ws://127.0.0.1:${edge.port}/ws/chat`, { perMessageDeflate: true })
  await once(client, 'open')
  assert.equal(client.extensions, 'permessage-deflate')
  const large = Buffer.alloc(3_000_000, 'sluice')
  for (const message of [Buffer.from('hello'), Buffer.alloc(0), large]) {
    client.send(message)
    const [data] = await once(client, 'message')
    assert.ok(message.equals(data as Buffer))
  }
  client.close(4001, 'done')
  const [code, reason] = await once(client, 'close')
  assert.deepEqual([code, String(reason)], [4001, 'done'])
  const end = await endOf(edge)
  assert.equal(end.error, undefined)
  assert.ok(end.bytesIn > 0 && end.bytesOut > 0)
})

test('the client sees the subprotocol that the server chose', async (t) => {
  const { port, server } = await startEcho(t)
  server.options.handleProtocols = (protocols) => [...protocols].at(-1) ?? false
  const edge = await startEdge(t, { dial: dialTo(port) })
  const client = new WebSocket(`ws://127.0.0.1:${edge.port}/ws/chat`, ['v1.json', 'v2.json'])
  await once(client, 'open')
  assert.equal(client.protocol, 'v2.json')
  client.terminate()
})

test('bytes that either side sends early are not lost, and are counted', async (t) => {
  const port = await startSwitching(t, (socket) => {
    socket.write('first')
    socket.once('data', (chunk) => socket.end(`got ${chunk}`))
  })
  const edge = await startEdge(t, { dial: dialTo(port) })
  const client = connect(t, edge.port, `${handshake('/ws/a')}early`)
  const text = await client.end()
  assert.equal(text.slice(text.indexOf('\r\n\r\n') + 4), 'firstgot early')
  client.socket.end()
  assert.deepEqual(await endOf(edge), { reason: 'upstream', bytesIn: 5, bytesOut: 14 })
})

test('the 101 carries the upstream fields and those the app has set', async (t) => {
  const more = 'X-Up: 1\r\nX-Both: up\r\nSet-Cookie: a=1\r\nContent-Length: 5\r\n'
  const port = await startSwitching(t, (socket) => socket.end(), more)
  const edge = await startEdge(t, {
    dial: dialTo(port),
    before: (app) => {
      app.addHook('onRequest', async (_request, reply) => {
        reply.header('x-both', 'app').header('set-cookie', 'b=2').header('sec-websocket-accept', 'forged')
      })
    }
  })
  const text = await connect(t, edge.port, handshake('/ws/a')).end()
  const lines = text.split('\r\n').filter((line) => line !== '')
  assert.deepEqual(lines.sort(), [
    'Connection: Upgrade',
    'HTTP/1.1 101 Switching Protocols',
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=',
    'Upgrade: websocket',
    'set-cookie: a=1',
    'set-cookie: b=2',
    'x-both: app',
    'x-up: 1'
  ])
})

for (const [status, fields, body] of [
  [401, 'WWW-Authenticate: Basic', 'who are you'],
  [403, 'Content-Type: text/html', '<p>no</p>'],
  [302, 'Location: /login', '']
] as const) {
  test(`an upstream ${status} is relayed as it is, and the connection closes`, async (t) => {
    const port = await startRaw(t, (socket) => {
      socket.end(`HTTP/1.1 ${status} X\r\n${fields}\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
    })
    const edge = await startEdge(t, { dial: dialTo(port) })
    const text = await connect(t, edge.port, handshake('/ws/a')).end()
    assert.match(text, new RegExp(`^HTTP/1.1 ${status} `))
    assert.ok(text.toLowerCase().includes(`\r\n${fields.toLowerCase()}\r\n`), text)
    assert.match(text, /\r\nconnection: close\r\n/i)
    assert.ok(text.endsWith(`\r\n\r\n${body}`), text)
    assert.deepEqual(edge.outcomes, [{ kind: 'refused', status }])
  })
}

test('a large refusal reaches a slow client whole', async (t) => {
  const size = 6_000_000
  const port = await startRaw(t, (socket) => {
    socket.write(`HTTP/1.1 403 No\r\nContent-Length: ${size}\r\n\r\n`)
    socket.end(Buffer.alloc(size, 'x'))
  })
  const edge = await startEdge(t, { dial: dialTo(port) })
  const client = connect(t, edge.port, handshake('/ws/a'))
  await client.until('\r\n\r\n')
  client.socket.pause()
  await new Promise((resolve) => setTimeout(resolve, 50))
  client.socket.resume()
  const text = await client.end()
  assert.equal(text.length - text.indexOf('\r\n\r\n') - 4, size)
})

test('a 101 with a wrong accept is a 502 and the upstream connection is dropped', async (t) => {
  let dropped: Promise<unknown> | undefined
  const port = await startRaw(t, (socket) => {
    dropped = closed(socket)
    socket.write(switching('AAAAAAAAAAAAAAAAAAAAAAAAAAA='))
  })
  const edge = await startEdge(t, { dial: dialTo(port) })
  const text = await connect(t, edge.port, handshake('/ws/a')).end()
  assert.match(text, /^HTTP\/1.1 502 /)
  assert.ok(!text.includes(' 101 '))
  await dropped
})

test('a dead upstream is a 502; the client never sees 101', async (t) => {
  const edge = await startEdge(t, { dial: dialTo(1) })
  const text = await connect(t, edge.port, handshake('/ws/a')).end()
  assert.match(text, /^HTTP\/1.1 502 /)
  assert.ok(!text.includes(' 101 '))
})

const REFUSED: [string, string, number][] = [
  ['POST', handshake('/ws/a', {}, 'POST'), 405],
  ['no version', handshake('/ws/a', { 'Sec-WebSocket-Version': null }), 426],
  ['version 8', handshake('/ws/a', { 'Sec-WebSocket-Version': '8' }), 426],
  ['no key', handshake('/ws/a', { 'Sec-WebSocket-Key': null }), 400],
  ['a short key', handshake('/ws/a', { 'Sec-WebSocket-Key': 'AAAA' }), 400],
  ['two keys', handshake('/ws/a', { 'Sec-WebSocket-Key': KEY, 'sec-websocket-key': KEY }), 400],
  ['content', `${handshake('/ws/a', { 'Content-Length': '5' })}hello`, 400],
  ['chunked content', `${handshake('/ws/a', { 'Transfer-Encoding': 'chunked' })}0\r\n\r\n`, 400],
  ['no Connection', handshake('/ws/a', { Connection: null }), 400],
  ['no Host', handshake('/ws/a', { Host: null }), 400]
]
for (const [name, request, status] of REFUSED) {
  test(`a handshake with ${name} is refused with ${status} and the connection closes`, async (t) => {
    const edge = await startEdge(t, {})
    const text = await connect(t, edge.port, request).end()
    assert.match(text, new RegExp(`^HTTP/1.1 ${status} `))
    assert.match(text, /\r\nconnection: close/i)
    if (status === 426) assert.match(text, /\r\nsec-websocket-version: 13\r\n/i)
    if (status === 405) assert.match(text, /\r\nallow: GET\r\n/i)
  })
}

test('without the option a handshake is 426, and the log names the option once', async (t) => {
  const edge = await startEdge(t, { websocket: false })
  for (let n = 0; n < 2; n++) {
    const text = await connect(t, edge.port, handshake('/ws/a')).end()
    assert.match(text, /^HTTP\/1.1 426 /)
    assert.match(text, /\r\nupgrade: HTTP\/1.1\r\n/i)
  }
  const warnings = edge.logs.filter(
    (line) => line.includes('"level":40') && line.includes('routes[0].websocket')
  )
  assert.equal(warnings.length, 1)
})

test('an origin that is not listed is 403; no origin passes to the upstream', async (t) => {
  const edge = await startEdge(t, { websocket: { allowedOrigins: ['same-host', 'https://app.test'] } })
  for (const [origin, status] of [
    ['https://evil.test', 403],
    ['null', 403],
    ['https://app.test', 502],
    ['http://edge.test', 502],
    [null, 502]
  ]) {
    const text = await connect(t, edge.port, handshake('/ws/a', { Origin: origin as string | null })).end()
    assert.match(text, new RegExp(`^HTTP/1.1 ${status} `), String(origin))
  }
})

test('beyond maxConnections it is 503, and an ended tunnel makes room', async (t) => {
  const { port } = await startEcho(t)
  const edge = await startEdge(t, { dial: dialTo(port), websocket: { maxConnections: 1 } })
  const first = connect(t, edge.port, handshake('/ws/a'))
  await first.until('101')
  const text = await connect(t, edge.port, handshake('/ws/a')).end()
  assert.match(text, /^HTTP\/1.1 503 /)
  assert.match(text, /\r\nretry-after: 1\r\n/i)
  first.socket.destroy()
  await endOf(edge)
  await connect(t, edge.port, handshake('/ws/a')).until('101')
})

test('a failed dial gives its place back', async (t) => {
  const edge = await startEdge(t, { websocket: { maxConnections: 1 } })
  for (let n = 0; n < 3; n++)
    assert.match(await connect(t, edge.port, handshake('/ws/a')).end(), /^HTTP\/1.1 502 /)
})

test('a client that leaves while the upstream is dialled ends the dial', async (t) => {
  let aborted: ((reason: Error) => void) | undefined
  const reason = new Promise<Error>((resolve) => {
    aborted = resolve
  })
  let dialling: (() => void) | undefined
  const started = new Promise<void>((resolve) => {
    dialling = resolve
  })
  const edge = await startEdge(t, {
    dial: (_fields, abort) =>
      new Promise((_resolve, reject) => {
        abort.listen((why) => {
          aborted?.(why)
          reject(why)
        })
        dialling?.()
      })
  })
  const client = connect(t, edge.port, handshake('/ws/a'))
  await started
  client.socket.resetAndDestroy()
  const why = await reason
  assert.ok(isSluiceError(why) && why.code === 'SLUICE_CLIENT_CLOSED')
  await new Promise(setImmediate)
  assert.deepEqual(edge.outcomes, [{ kind: 'gone' }])
})

test('an upstream joined after the client left is dropped', async (t) => {
  let upstreamClosed: Promise<unknown> | undefined
  const port = await startRaw(t, (socket) => {
    upstreamClosed = closed(socket)
    client.socket.resetAndDestroy()
    setTimeout(() => socket.writable && socket.write(switching('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')), 30)
  })
  const real = dialTo(port)
  const edge = await startEdge(t, { dial: (fields, _abort, request) => real(fields, new Abort(), request) })
  const client = connect(t, edge.port, handshake('/ws/a'))
  await closed(client.socket)
  while (edge.outcomes.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  await upstreamClosed
  assert.deepEqual(edge.outcomes, [{ kind: 'gone' }])
})
