// PORT=8080 node build/examples/cache-disk.js, then: curl -i URL/news; stop it, start it again, curl again: still a HIT.
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'

async function main(): Promise<void> {
  const backend = Fastify()
  backend.get('/news', async () => ({ fetchedAt: new Date().toISOString() }))
  const url = await backend.listen({ host: '127.0.0.1', port: 0 })

  const app = Fastify()
  await app.register(
    sluice,
    defineSluice({
      upstreams: { app: url },
      caches: {
        pages: {
          memory: '16m', //                                  hot responses
          disk: {
            path: process.env.CACHE_DIR ?? join(tmpdir(), 'sluice-example'), // proxy_cache_path /…
            maxSize: '100m', //                              max_size=100m
            inactive: '10m' //                               inactive=10m; off by default
          },
          version: '2024-07' //                              a new release starts with a cold cache
        }
      },
      routes: [{ prefix: '/', upstream: 'app', cache: { zone: 'pages', valid: { 200: '10m' } } }]
    })
  )
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
  // Closing waits until what is being written is complete.
  process.once('SIGTERM', () => app.close())
  process.once('SIGINT', () => app.close())
  app.server.once('close', () => backend.close())
}

main()
