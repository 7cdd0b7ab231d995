// node build/examples/spa.js, then: curl URL/some/page   the app's index.html; URL/api/time the backend; URL/assets/none.js 404.
import { join } from 'node:path'
import Fastify from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'

const root = join(__dirname, '..', '..', 'examples', 'edge', 'public')

async function main(): Promise<void> {
  const backend = Fastify()
  backend.get('/api/time', async () => ({ time: new Date().toISOString() }))
  const url = await backend.listen({ host: '127.0.0.1', port: 0 })

  const app = Fastify()
  await app.register(
    sluice,
    defineSluice({
      upstreams: { app: url },
      routes: [
        { prefix: '/api', upstream: 'app' },
        // Assets have their content's hash in the name: kept for a year, and a missing one is no page.
        { prefix: '/assets', static: { root: join(root, 'assets'), expires: '1y', immutable: true } },
        // Any other path is a page of the client-side router. try_files $uri /index.html; expires epoch for the page itself.
        {
          prefix: '/',
          static: {
            root,
            tryFiles: ['$uri', '/index.html'],
            rules: [{ match: 'index.html', expires: 'epoch' }]
          }
        }
      ]
    })
  )
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
