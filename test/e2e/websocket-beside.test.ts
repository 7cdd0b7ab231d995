// Tunnels beside others who want the server's upgrades: @fastify/websocket, and a plain 'upgrade' listener.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fastifyWebsocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { connected, echoed, refused, startEcho } from './socket'

async function ownSockets(app: FastifyInstance): Promise<void> {
  await app.register(fastifyWebsocket)
  await app.register(async (child) => {
    child.get('/own', { websocket: true }, (socket: WebSocket) => {
      socket.on('message', (data) => socket.send(`own ${String(data)}`))
    })
    child.get('/page', async () => 'page')
  })
}

for (const when of ['before', 'after'] as const) {
  for (const prefix of ['/', '/ws']) {
    test(`@fastify/websocket, registered ${when} us, beside ${prefix}: each gets its own`, async (t) => {
      const echo = await startEcho(t)
      const edge = await startEdge(t, { prefix, upstream: echo.url, websocket: true }, { [when]: ownSockets })
      const own = await connected(t, `${edge.url}/own`)
      assert.equal((await echoed(own, 'x')).toString(), 'own x')
      const ours = await connected(t, `${edge.url}/ws`)
      assert.equal((await echoed(ours, 'x')).toString(), 'x')
      assert.equal((await get(`${edge.url}/page`)).text, 'page')
      assert.equal((await get(`${edge.url}/ws`)).text, 'plain')
      assert.equal(echo.handshakes.length, 1)
    })
  }
}

test("another 'upgrade' listener keeps its paths", async (t) => {
  const echo = await startEcho(t)
  const sockets = new WebSocketServer({ noServer: true })
  sockets.on('connection', (socket) => socket.on('message', (data) => socket.send(`other ${String(data)}`)))
  const edge = await startEdge(
    t,
    { prefix: '/ws', upstream: echo.url, websocket: true },
    {
      after: (app) => {
        app.addHook('preClose', async () => {
          for (const socket of sockets.clients) socket.terminate()
        })
        app.server.on('upgrade', (request, socket, head) => {
          if (request.url !== '/other') return
          sockets.handleUpgrade(request, socket, head, (accepted) =>
            sockets.emit('connection', accepted, request)
          )
        })
      }
    }
  )
  const other = await connected(t, `${edge.url}/other`)
  assert.equal((await echoed(other, 'x')).toString(), 'other x')
  const ours = await connected(t, `${edge.url}/ws`)
  assert.equal((await echoed(ours, 'x')).toString(), 'x')
})

test('a handshake for nobody is the 404 of the app', async (t) => {
  const echo = await startEcho(t)
  const edge = await startEdge(t, { prefix: '/ws', upstream: echo.url, websocket: true })
  assert.equal((await refused(t, `${edge.url}/elsewhere`)).status, 404)
})
