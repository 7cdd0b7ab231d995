// node build/examples/health.js, then: curl URL/who; curl -X POST URL/sick; curl URL/servers; curl URL/who
import Fastify, { type FastifyInstance } from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'

/** A backend that knows whether it is well. */
async function start(
  name: string
): Promise<{ backend: FastifyInstance; url: string; state: { well: boolean } }> {
  const backend = Fastify({ forceCloseConnections: true })
  const state = { well: true }
  backend.get('/health', async (_, reply) => reply.code(state.well ? 200 : 503).send({ ready: state.well }))
  backend.get('/who', async () => `${name}\n`)
  return { backend, url: await backend.listen({ host: '127.0.0.1', port: 0 }), state }
}

async function main(): Promise<void> {
  const [a, b] = [await start('a'), await start('b')]

  const app = Fastify()
  await app.register(
    sluice,
    defineSluice({
      upstreams: {
        app: {
          servers: [a.url, b.url],
          health: {
            path: '/health',
            interval: '100ms',
            unhealthyInterval: '100ms',
            expect: [200],
            body: /"ready":true/
          },
          breaker: { errors: 0.5, window: '10s', minRequests: 20, open: '10s', ramp: '10s' }
        }
      },
      defaults: {
        timeouts: { try: '2s', total: '10s' },
        retry: { on: ['error', 'timeout', 'http_503'], tries: 3, backoff: { base: '25ms', max: '250ms' } }
      },
      routes: [{ prefix: '/', upstream: 'app' }]
    })
  )
  app.get('/servers', async () => app.sluice.upstream('app').servers())
  app.get('/breaker', async () => `${app.sluice.upstream('app').breaker()}\n`)
  app.post('/sick', async () => {
    a.state.well = false
    return 'a is sick\n'
  })
  app.addHook('onClose', () => Promise.all([a.backend.close(), b.backend.close()]))
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
