// node build/examples/rate-limit.js, then: curl -o /dev/null -sw '%{http_code} ' 'URL/login?[1-8]'   six pass, then 429 with Retry-After.
import Fastify from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'

async function main(): Promise<void> {
  const backend = Fastify()
  backend.all('/*', async () => 'passed\n')
  const url = await backend.listen({ host: '127.0.0.1', port: 0 })

  const app = Fastify()
  await app.register(
    sluice,
    defineSluice({
      upstreams: { app: url },
      // redis: new Redis(…)   counts together over all processes; without it each process counts alone
      routes: [
        {
          prefix: '/login', //                 limit_req_zone $binary_remote_addr zone=one:10m rate=1r/s;
          upstream: 'app', //                  limit_req zone=one burst=5 nodelay;
          rateLimit: { rate: '1r/s', burst: 5 } // limit_req_status 429;
        },
        {
          prefix: '/search',
          upstream: 'app',
          rateLimit: [
            { rate: '20r/s', burst: 40, delay: 20 }, // limit_req zone=two burst=40 delay=20;
            { rate: '1000r/m', key: (request) => request.headers['x-api-key']?.toString() ?? request.ip }
          ],
          concurrency: { max: 10 } //          limit_conn addr 10;
        }
      ]
    })
  )
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
