// node build/examples/minimal.js, then: curl -i URL/api/hello   the backend answers, and sees /hello from your address.
import Fastify from 'fastify'
import sluice from 'fastify-sluice'

async function main(): Promise<void> {
  // The backend: any HTTP server, here a Fastify app on a free port.
  const backend = Fastify()
  backend.get('/hello', async ({ headers }) => ({ hello: headers['x-forwarded-for'] }))
  const upstream = await backend.listen({ host: '127.0.0.1', port: 0 })

  // The edge: one registration. location /api/ { proxy_pass http://127.0.0.1:…/; }
  const app = Fastify()
  await app.register(sluice, { prefix: '/api', upstream, rewritePrefix: '/' })
  app.get('/own', async () => 'a route of the app itself\n')
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
