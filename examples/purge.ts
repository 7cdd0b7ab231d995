// node build/examples/purge.js, then: curl -i URL/news twice; curl -X POST URL/admin/purge -H 'authorization: Bearer secret'
//   -H 'content-type: application/json' -d '{"tags":["front"]}'; or, from this machine, curl -X PURGE URL/news
import { timingSafeEqual } from 'node:crypto'
import Fastify, { type FastifyRequest } from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'

const TOKEN = Buffer.from(`Bearer ${process.env.PURGE_TOKEN ?? 'secret'}`)

function isOperator({ headers }: FastifyRequest): boolean {
  const given = Buffer.from(headers.authorization ?? '')
  return given.length === TOKEN.length && timingSafeEqual(given, TOKEN)
}

async function main(): Promise<void> {
  let fetched = 0
  const backend = Fastify({ forceCloseConnections: true })
  backend.get('/*', async (_request, reply) => {
    reply.header('cache-control', 'max-age=3600, stale-while-revalidate=60')
    reply.header('surrogate-key', 'front news') //  tags: for the edge, no client sees them
    return { fetched: ++fetched }
  })
  const url = await backend.listen({ host: '127.0.0.1', port: 0 })

  const app = Fastify()
  await app.register(
    sluice,
    defineSluice({
      upstreams: { app: url },
      caches: { pages: { memory: '64m' } }, //      with `disk`, purges reach every process on it
      routes: [
        {
          prefix: '/',
          upstream: 'app',
          cache: { zone: 'pages', purge: { access: [{ allow: '127.0.0.1' }, { deny: 'all' }] } }
        }
      ]
    })
  )

  // JSON only: a form of another site cannot send it, and has no token.
  app.post<{ Body: Parameters<typeof app.sluice.purge>[0] }>(
    '/admin/purge',
    {
      onRequest: async (request, reply) => {
        if (!isOperator(request)) return reply.code(401).send({ error: 'who are you?' })
      }
    },
    async ({ body }) => app.sluice.purge(body)
  )
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
