// An edge in a process of its own that purges what its parent sends: `node purge-process.js <upstream> <cache directory>`.
import Fastify from 'fastify'
import sluice from '../../src/index'

async function main([upstream = '', path = '']: readonly string[]): Promise<void> {
  const app = Fastify({ forceCloseConnections: true })
  await app.register(sluice, {
    upstreams: { app: upstream },
    caches: { pages: { disk: { path, maxSize: '32m' } } },
    // The processes have ports of their own, and are one site.
    routes: [{ prefix: '/', upstream: 'app', cache: 'pages' }]
  } as never)
  process.on('message', (what) => {
    const purged = app.sluice.purge(what as never)
    purged.then((result) => process.send?.(result)).catch((error) => process.send?.({ error: error.detail }))
  })
  process.send?.(await app.listen({ host: '127.0.0.1', port: 0 }))
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error)
  process.exitCode = 1
})
