// node build/examples/load-balancing.js, then: curl 'URL/who?[1-8]'   a b a in turn; with -c jar -b jar always the same; without a and b the backup.
import { randomUUID } from 'node:crypto'
import Fastify, { type FastifyInstance } from 'fastify'
import sluice, { defineSluice } from 'fastify-sluice'

async function start(name: string): Promise<{ backend: FastifyInstance; url: string }> {
  const backend = Fastify({ forceCloseConnections: true })
  backend.get('/who', async () => `${name}\n`)
  return { backend, url: await backend.listen({ host: '127.0.0.1', port: 0 }) }
}

async function main(): Promise<void> {
  const [a, b, c] = await Promise.all(['a', 'b', 'backup'].map(start))
  if (a === undefined || b === undefined || c === undefined) return

  const app = Fastify()
  await app.register(
    sluice,
    defineSluice({
      upstreams: {
        app: {
          servers: [
            { url: a.url, weight: 2 }, //    server a weight=2;
            { url: b.url, maxFails: 1 }, //  server b max_fails=1;
            { url: c.url, backup: true } //  server c backup;
          ],
          balance: 'round-robin', //         or 'least-conn', 'random', …: least_conn; random two;
          // A client stays with its server:  sticky cookie route expires=1h;
          sticky: { cookie: 'route', secret: process.env.STICKY_SECRET ?? randomUUID(), ttl: '1h' },
          keepalive: 32 //                   keepalive 32;
        }
      },
      routes: [
        {
          prefix: '/',
          upstream: 'app',
          retry: { on: ['error', 'timeout'], tries: 3 } // proxy_next_upstream error timeout; proxy_next_upstream_tries 3;
        }
      ]
    })
  )
  // What each server does at the moment, and two ways to see it fail.
  app.get('/servers', async () => app.sluice.upstream('app').servers())
  app.post('/stop-a', () => a.backend.close().then(() => 'a is down\n'))
  app.post('/stop-b', () => b.backend.close().then(() => 'b is down\n'))
  console.log(await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 0) }))
}

main()
