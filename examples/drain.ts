// node build/examples/drain.js, then: curl URL/ready; curl URL/who; curl -X POST URL/deploy; curl URL/who; kill -TERM its process
import Fastify, { type FastifyInstance } from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'

async function start(name: string): Promise<{ backend: FastifyInstance; url: string }> {
  const backend = Fastify({ forceCloseConnections: true })
  backend.get('/who', async () => `${name}\n`)
  return { backend, url: await backend.listen({ host: '127.0.0.1', port: 0 }) }
}

async function main(): Promise<void> {
  const [a, b] = [await start('a'), await start('b')]
  const app = Fastify()
  await app.register(
    sluice,
    defineSluice({ upstreams: { app: a.url }, routes: [{ prefix: '/', upstream: 'app' }] })
  )
  app.get('/ready', async (_, reply) => reply.code(app.sluice.ready() ? 200 : 503).send())

  // A deploy of the backend: the new server joins, the old one leaves when its last request has ended.
  app.post('/deploy', async () => {
    const group = app.sluice.upstream('app')
    group.add(b.url)
    await group.remove(a.url)
    return group.servers()
  })

  // A deploy of the edge: the load balancer sees /ready fail, and nothing is lost.
  process.once('SIGTERM', async () => {
    await app.sluice.drain({ delay: '200ms', grace: '30s' })
    await app.close()
    await Promise.all([a.backend.close(), b.backend.close()])
    process.exit(0)
  })
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
