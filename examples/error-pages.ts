// node build/examples/error-pages.js, then: curl -i URL/   502 with our page: nobody listens behind it. URL/api/ says it in JSON.
import { join } from 'node:path'
import Fastify from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'

const page = join(__dirname, '..', '..', 'examples', 'edge', '50x.html')

async function main(): Promise<void> {
  const backend = Fastify()
  backend.get('/*', async (_, reply) => reply.code(500).send({ stack: 'not for the public' }))
  const app = Fastify({ logger: { level: 'error' } })
  await app.register(
    sluice,
    defineSluice({
      upstreams: { app: await backend.listen({ host: '127.0.0.1', port: 0 }), away: 'http://127.0.0.1:9' },
      routes: [
        // error_page 502 503 504 /50x.html; for the edge's own errors
        { prefix: '/', upstream: 'away', errorPages: { '5xx': page } },
        {
          prefix: '/api',
          upstream: 'away',
          errorPages: {
            502: (request, _reply, error) => ({ problem: error?.code, request: request.id }),
            504: () => ({ problem: 'later' })
          }
        },
        {
          prefix: '/shop',
          upstream: 'app',
          errorPages: { 500: page },
          interceptErrors: [500] // proxy_intercept_errors on; the backend's own 500 as well
        }
      ]
    })
  )
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
