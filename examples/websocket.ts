// node build/examples/websocket.js, then: npx wscat -c ws://…/ws, or the browser's console: new WebSocket('ws://…/ws'). It echoes.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import sluice from 'fastify-sluice'
import { WebSocketServer } from 'ws'

async function main(): Promise<void> {
  const backend = createServer((_, response) => response.end('plain requests work on the same route\n'))
  const sockets = new WebSocketServer({ server: backend })
  sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(`echo: ${text}`)))
  await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  const { port } = backend.address() as AddressInfo

  const app = Fastify()
  await app.register(sluice, {
    prefix: '/ws',
    upstream: `http://127.0.0.1:${port}`,
    // proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
    websocket: {
      idleTimeout: '1h', //               proxy_read_timeout 3600s; proxy_send_timeout 3600s;
      allowedOrigins: ['same-host'], //   pages of other sites cannot connect
      maxConnections: 10_000
    },
    // The app's own hooks run before the upgrade too.
    preHandler: async (request, reply) => {
      if (request.query !== null && 'token' in (request.query as object)) return
      if (request.headers.upgrade !== undefined) return reply.code(401).send({ error: 'a token is needed' })
    }
  })
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
