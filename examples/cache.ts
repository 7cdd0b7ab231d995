// node build/examples/cache.js, then: curl -i URL/news   twice: MISS, then HIT with an Age. curl -X POST URL/publish: MISS again.
import Fastify from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'

async function main(): Promise<void> {
  let fetched = 0
  const backend = Fastify({ forceCloseConnections: true })
  backend.get('/news', async () => ({ fetched: ++fetched }))
  const url = await backend.listen({ host: '127.0.0.1', port: 0 })

  const app = Fastify()
  await app.register(
    sluice,
    defineSluice({
      upstreams: { app: url },
      caches: { pages: { memory: '64m' } }, //       proxy_cache_path … keys_zone=pages:10m max_size=64m;
      routes: [
        {
          prefix: '/',
          upstream: 'app',
          cache: {
            zone: 'pages', //                        proxy_cache pages;
            valid: { 200: '60s', 404: '10s' }, //    proxy_cache_valid 200 60s; proxy_cache_valid 404 10s;
            useStale: ['error', 'timeout', 'updating'], // proxy_cache_use_stale error timeout updating;
            bypass: ['x-preview'] //                 proxy_cache_bypass $http_x_preview;
            //                                       proxy_cache_lock on; is the default here
          }
        }
      ]
    })
  )
  // nginx sells this one.
  app.post('/publish', async ({ host }) => app.sluice.purge({ url: `http://${host}/news` }))
  app.get('/stats', async () => app.sluice.stats().caches)
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
