// node build/examples/own-routes.js, then: curl -i URL/report   twice: MISS, then HIT. curl URL/files/ada/x -H 'x-user: ada'
import Fastify from 'fastify'
import sluice from 'fastify-sluice'

async function main(): Promise<void> {
  const backend = Fastify({ forceCloseConnections: true })
  backend.all('/*', async ({ method, url, body }) => ({ method, url, body }))
  const url = await backend.listen({ host: '127.0.0.1', port: 0 })

  const app = Fastify()
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('x-from', 'hook') // on every answer, and never stored
  })
  await app.register(sluice, { upstreams: { files: url }, caches: { pages: { memory: '64m' } } })

  let runs = 0
  // fastcgi_cache for what the app itself answers: one run for all who wait, Age and X-Cache-Status on what is stored.
  app.get(
    '/report',
    app.sluice.cached({ zone: 'pages', valid: '60s', useStale: ['updating', 'http_500'] }, async () => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      return { runs: ++runs }
    })
  )
  app.post('/publish', async ({ host }) => app.sluice.purge({ url: `http://${host}/report` }))

  // X-Accel-Redirect the other way round: the handler decides, then the upstream answers.
  const toFiles = { rewritePrefix: '/v1', timeouts: { read: '10s' } } as const
  app.all<{ Params: { user: string } }>('/files/:user/*', async (request, reply) => {
    if (request.headers['x-user'] !== request.params.user) return reply.code(403).send({ error: 'not yours' })
    return reply.sluice('files', toFiles)
  })
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
