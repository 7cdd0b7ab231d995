import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { WebSocket, WebSocketServer } from 'ws'
import { closed, connect, dialTo, endOf, handshake, startEcho, startEdge, startSwitching } from './bench'

const H2C = { Connection: 'Upgrade, HTTP2-Settings', Upgrade: 'h2c', 'HTTP2-Settings': 'AAMAAABkAAQAAP__' }

for (const path of ['/ws/a', '/plain']) {
  test(`an h2c upgrade of ${path} is answered as an ordinary request, on a connection that stays`, async (t) => {
    const edge = await startEdge(t, {})
    const client = connect(t, edge.port, handshake(path, H2C))
    const first = await client.until(`GET ${path} `)
    assert.match(first, /^HTTP\/1.1 200 /)
    client.socket.write(`GET ${path}?again HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    assert.match(await client.end(), /GET \S+\?again /)
  })

  test(`Upgrade: foo on a POST of ${path} is answered as an ordinary request, content and all`, async (t) => {
    const edge = await startEdge(t, {})
    const fields = { Upgrade: 'foo', 'Content-Type': 'text/plain', 'Content-Length': '10' }
    const client = connect(t, edge.port, `${handshake(path, fields, 'POST')}01234`)
    await new Promise((resolve) => setTimeout(resolve, 20))
    client.socket.write('56789')
    assert.match(await client.until('56789'), /^HTTP\/1.1 200 [\s\S]*\r\n\r\nPOST \S+ 0123456789$/)
  })

  test(`chunked content of an upgrade of ${path} is read whole`, async (t) => {
    const edge = await startEdge(t, {})
    const fields = { Upgrade: 'foo', 'Content-Type': 'text/plain', 'Transfer-Encoding': 'chunked' }
    const client = connect(
      t,
      edge.port,
      `${handshake(path, fields, 'POST')}3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n`
    )
    assert.match(await client.until('abcdefg'), /^HTTP\/1.1 200 [\s\S]*\r\n\r\nPOST \S+ abcdefg$/)
  })
}

test('a WebSocket handshake on a plain route is answered as an ordinary request', async (t) => {
  const edge = await startEdge(t, {})
  assert.match(await connect(t, edge.port, handshake('/plain')).until('GET /plain'), /^HTTP\/1.1 200 /)
})

test('an unknown path is the 404 of the app', async (t) => {
  const edge = await startEdge(t, {})
  assert.match(await connect(t, edge.port, handshake('/nowhere')).until('Not Found'), /^HTTP\/1.1 404 /)
})

test('the second server that Fastify opens for localhost upgrades and answers alike', async (t) => {
  const { port } = await startEcho(t)
  const edge = await startEdge(t, { dial: dialTo(port), host: 'localhost' })
  for (const { address } of edge.app.addresses() as AddressInfo[]) {
    await connect(t, edge.port, handshake('/ws/a'), address).until(' 101 ')
    for (let n = 0; n < 2; n++) {
      const fields = { Upgrade: 'foo', 'Content-Type': 'text/plain', 'Content-Length': '4' }
      const client = connect(t, edge.port, `${handshake('/ws/a', fields, 'POST')}body`, address)
      assert.match(await client.until('POST /ws/a body'), /^HTTP\/1.1 200 /)
      const get = connect(t, edge.port, handshake('/plain', H2C), address)
      assert.match(await get.until('GET /plain '), /^HTTP\/1.1 200 /)
    }
  }
})

for (const kind of ['resetAndDestroy', 'destroy'] as const) {
  test(`a client that leaves (${kind}) during an async onRequest hook harms nothing`, async (t) => {
    let dialled = false
    let inHook: ((request: IncomingMessage) => void) | undefined
    const reached = new Promise<IncomingMessage>((resolve) => {
      inHook = resolve
    })
    const edge = await startEdge(t, {
      dial: async () => {
        dialled = true
        throw new Error('not to be reached')
      },
      before: (app) => {
        app.addHook('onRequest', async (request) => {
          inHook?.(request.raw)
          await closed(request.raw.socket)
        })
      }
    })
    const client = connect(t, edge.port, handshake('/ws/a'))
    const raw = await reached
    raw.socket.once('end', () => raw.socket.destroy()).resume()
    client.socket[kind]()
    while (edge.outcomes.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.deepEqual(edge.outcomes, [{ kind: 'gone' }])
    assert.equal(dialled, false)
  })
}

test('hooks of the app run before the tunnel and may refuse it', async (t) => {
  const edge = await startEdge(t, {
    before: (app) => {
      app.addHook('onRequest', async (_request, reply) => reply.code(401).send('log in first'))
    }
  })
  const text = await connect(t, edge.port, handshake('/ws/a')).end()
  assert.match(text, /^HTTP\/1.1 401 [\s\S]*log in first$/)
  assert.deepEqual(edge.outcomes, [])
})

test('a refused client that does not close is cut', async (t) => {
  const edge = await startEdge(t, {})
  let server: IncomingMessage | undefined
  edge.app.server.on('upgrade', (request: IncomingMessage) => {
    server = request
  })
  const client = connect(t, edge.port, handshake('/ws/a'))
  client.socket.allowHalfOpen = true
  await client.end()
  await once((server as IncomingMessage).socket, 'close')
  client.socket.destroy()
})

test('other upgrade listeners keep their paths', async (t) => {
  const { port } = await startEcho(t)
  const own = new WebSocketServer({ noServer: true })
  own.on('connection', (socket) => socket.send('from the app'))
  const edge = await startEdge(t, {
    dial: dialTo(port),
    before: (app) => {
      app.server.on('upgrade', (request, socket, head) => {
        if (request.url === '/own')
          own.handleUpgrade(request, socket, head, (client) => own.emit('connection', client))
      })
    }
  })
  const other = new WebSocket(`ws://127.0.0.1:${edge.port}/own`)
  const [message] = await once(other, 'message')
  assert.equal(String(message), 'from the app')
  const ours = new WebSocket(`ws://127.0.0.1:${edge.port}/ws/a`)
  await once(ours, 'open')
  other.terminate()
  ours.terminate()
})

test('a listener that ends our connections is named in the log', async (t) => {
  const edge = await startEdge(t, {
    before: (app) => {
      const greedy = new WebSocketServer({ server: app.server, path: '/other' })
      app.addHook('onClose', async () => greedy.close())
    }
  })
  const text = await connect(t, edge.port, handshake('/ws/a')).end()
  assert.match(text, /^HTTP\/1.1 400 /)
  assert.ok(edge.logs.some((line) => line.includes('noServer')))
})

test('an upgrade behind an unanswered request gets no answer; the earlier one does, whole', async (t) => {
  const { port } = await startEcho(t)
  const size = 3_000_000
  const edge = await startEdge(t, {
    dial: dialTo(port),
    before: (app) => {
      app.get('/slow', async () => {
        await new Promise((resolve) => setTimeout(resolve, 20))
        return Buffer.alloc(size, 'x')
      })
    }
  })
  const client = connect(t, edge.port, `GET /slow HTTP/1.1\r\nHost: x\r\n\r\n${handshake('/ws/a')}`)
  const text = await client.end()
  assert.equal(text.length - text.indexOf('\r\n\r\n') - 4, size)
  assert.deepEqual(edge.outcomes, [])
})

test('the raw response closes once, when the tunnel does', async (t) => {
  const port = await startSwitching(t, (socket) => socket.once('data', () => socket.end()))
  let closes = 0
  const edge = await startEdge(t, {
    dial: dialTo(port),
    before: (app) => {
      app.addHook('onRequest', async (_request, reply) => {
        reply.raw.on('close', () => closes++)
      })
    }
  })
  const client = connect(t, edge.port, handshake('/ws/a'))
  await client.until(' 101 ')
  assert.equal(closes, 0)
  client.socket.write('x')
  await client.end()
  client.socket.end()
  await endOf(edge)
  assert.equal(closes, 1)
})

test('closing the app tells clients 1001 and waits for their close', async (t) => {
  const { port, server } = await startEcho(t)
  const edge = await startEdge(t, { dial: dialTo(port) })
  const client = new WebSocket(`ws://127.0.0.1:${edge.port}/ws/a`)
  await once(client, 'open')
  const [upstream] = server.clients
  const upstreamClose = once(upstream as WebSocket, 'close')
  const clientClose = once(client, 'close')
  await edge.app.close()
  assert.equal((await clientClose)[0], 1001)
  assert.equal((await upstreamClose)[0], 1001)
  assert.equal((await endOf(edge)).reason, 'shutdown')
})

test('closing the app cuts tunnels that do not end within the grace', async (t) => {
  const port = await startSwitching(t, (socket) => socket.resume())
  const edge = await startEdge(t, { dial: dialTo(port), websocket: { closeGrace: '50ms' } })
  const client = connect(t, edge.port, handshake('/ws/a'))
  await client.until(' 101 ')
  await edge.app.close()
  await client.end()
  assert.ok(
    client
      .bytes()
      .subarray(-4)
      .equals(Buffer.from([0x88, 0x02, 0x03, 0xe9]))
  )
  assert.equal((await endOf(edge)).reason, 'shutdown')
})

test('closing the app ends a handshake that waits for its upstream with 503', async (t) => {
  let dialling: (() => void) | undefined
  const started = new Promise<void>((resolve) => {
    dialling = resolve
  })
  const edge = await startEdge(t, {
    dial: (_fields, abort) =>
      new Promise((_resolve, reject) => {
        abort.listen(reject)
        dialling?.()
      })
  })
  const client = connect(t, edge.port, handshake('/ws/a'))
  await started
  await edge.upgrades.close()
  assert.match(await client.end(), /^HTTP\/1.1 503 /)
  assert.match(await connect(t, edge.port, handshake('/ws/a')).end(), /^HTTP\/1.1 503 /)
})

/** Does what @fastify/websocket does: brings every upgrade to the router with a response of its own. */
function routeEverything(app: FastifyInstance): void {
  app.decorate('websocketServer', {} as never)
  app.server.on('upgrade', (request: IncomingMessage) => {
    const response = new ServerResponse(request)
    response.assignSocket(request.socket)
    app.routing(request, response)
  })
}

test('beside @fastify/websocket a tunnel, a refusal and an ordinary upgrade work alike', async (t) => {
  const { port } = await startEcho(t)
  const edge = await startEdge(t, { dial: dialTo(port), before: routeEverything })
  const client = new WebSocket(`ws://127.0.0.1:${edge.port}/ws/a`)
  await once(client, 'open')
  client.terminate()
  const refused = await connect(t, edge.port, handshake('/ws/a', { 'Sec-WebSocket-Version': '8' })).end()
  assert.match(refused, /^HTTP\/1.1 426 /)
  const fields = { Upgrade: 'foo', 'Content-Type': 'text/plain', 'Content-Length': '4' }
  const ordinary = connect(t, edge.port, `${handshake('/ws/b', fields, 'POST')}body`)
  assert.match(await ordinary.until('POST /ws/b body'), /^HTTP\/1.1 200 /)
})
