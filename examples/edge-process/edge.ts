// The edge's options, the same whether it runs inside the app (app.ts with EDGE=inside) or beside it (server.ts).
import { join } from 'node:path'
import { defineSluice } from 'fastify-sluice'

const page = join(__dirname, '..', '..', '..', 'examples', 'edge', '50x.html')

/** Where the app listens. systemd and containers give a path that both may reach. */
export const socket = process.env.APP_SOCKET ?? '/tmp/sluice-example-app.sock'

export const options = defineSluice({
  upstreams: { app: { servers: [`unix:${socket}`], keepalive: 32 } },
  caches: { pages: { memory: '16m' } },
  defaults: { upstream: 'app', securityHeaders: true, errorPages: { '5xx': page } },
  routes: [
    {
      prefix: '/pages',
      cache: { zone: 'pages', valid: { 200: '1s' }, useStale: ['error', 'timeout', 'updating'] }
    },
    { prefix: '/ws', websocket: true },
    { prefix: '/' }
  ]
})
