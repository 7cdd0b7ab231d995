// node build/examples/cluster.js, then: curl URL/news some times (workers answer in turn, each from its memory);
//   curl -X PURGE URL/news: all of them ask the backend again
import cluster from 'node:cluster'
import Fastify from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'
import 'fastify-sluice/primary' //  in the primary it relays between the workers, in a worker it does nothing

const WORKERS = 2

async function primary(): Promise<void> {
  let fetched = 0
  const backend = Fastify({ forceCloseConnections: true })
  backend.get('/*', async (_request, reply) => {
    reply.header('cache-control', 'max-age=3600')
    return { fetched: ++fetched }
  })
  const BACKEND = await backend.listen({ host: '127.0.0.1', port: 0 })
  for (let count = 0; count < WORKERS; count++) cluster.fork({ BACKEND })
  // One address for all.
  cluster.on('listening', (worker, { port }) => {
    if (worker.id === WORKERS) console.log(`http://127.0.0.1:${port}`)
  })
}

async function worker(backend = ''): Promise<void> {
  const app = Fastify()
  await app.register(
    sluice,
    defineSluice({
      upstreams: { app: backend },
      caches: { pages: { memory: '64m' } },
      routes: [
        {
          prefix: '/',
          upstream: 'app',
          cache: { zone: 'pages', purge: { access: [{ allow: '127.0.0.1' }, { deny: 'all' }] } }
        }
      ]
    })
  )
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-worker', process.pid)
  })
  await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) })
}

if (cluster.isPrimary) primary()
else worker(process.env.BACKEND)
