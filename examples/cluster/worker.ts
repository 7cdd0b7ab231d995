// One of the workers that build/examples/cluster.js starts: an edge as any other, on the port and the cache directory of all.
import Fastify from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'

async function main(): Promise<void> {
  const app = Fastify({ requestTimeout: 300_000 })
  app.addHook('onSend', async (_, reply) => void reply.header('x-worker', process.pid))
  await app.register(
    sluice,
    defineSluice({
      upstreams: { app: process.env.BACKEND ?? '' },
      caches: {
        pages: {
          memory: '64m', //   each worker has its own
          disk: { path: process.env.CACHE_DIR ?? '/tmp/sluice-example-cluster', maxSize: '256m' } // one for all
        }
      },
      defaults: { upstream: 'app' },
      routes: [
        {
          prefix: '/',
          cache: { zone: 'pages', purge: { access: [{ allow: '127.0.0.1' }, { deny: 'all' }] } }
        },
        { prefix: '/search', rateLimit: { rate: '6r/h', burst: 2 } } // one bucket per client, in the primary
      ]
    })
  )
  // Ctrl-C reaches all processes: the primary tells its workers to go.
  process.on('SIGINT', () => {})
  process.once('SIGTERM', async () => {
    await app.sluice.drain({ delay: '0s', grace: '30s' })
    await app.close()
    process.exit(0)
  })
  await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) })
}

main()
