// node build/examples/explain.js, then: curl -H 'Authorization: Bearer operator' 'URL/admin/explain?url=https://example.com/news'   why, line by line.
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'

async function operatorsOnly({ headers }: FastifyRequest, reply: FastifyReply): Promise<unknown> {
  return headers.authorization === 'Bearer operator' ? undefined : reply.code(401).send('operators only\n')
}

async function main(): Promise<void> {
  const backend = Fastify()
  backend.get('/*', async (_request, reply) => reply.header('cache-control', 'max-age=60').send('news\n'))

  const app = Fastify()
  await app.register(
    sluice,
    defineSluice({
      upstreams: { app: await backend.listen({ host: '127.0.0.1', port: 0 }) },
      caches: { pages: {} },
      routes: [
        { prefix: '/', upstream: 'app', cache: 'pages' },
        { prefix: '/internal', upstream: 'app', access: [{ deny: 'all' }] }
      ]
    })
  )

  // Behind a hook of the app: it shows routes, servers and rules. Nothing runs for it, so it can be asked at any time.
  app.register(async (admin) => {
    admin.addHook('onRequest', operatorsOnly)
    admin.get('/admin/routes', async () => app.sluice.routes()) //  nginx -T
    admin.get('/admin/explain', async (request, reply) => {
      const { url = '/', method = 'GET', cookie } = request.query as Record<string, string | undefined>
      const asked = { method, url, ip: request.ip, ...(cookie && { headers: { cookie } }) }
      const explanation = await app.sluice.explain(asked)
      return request.headers.accept === 'application/json' ? explanation : reply.send(String(explanation))
    })
  })
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
