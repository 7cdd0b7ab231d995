// An edge in a process of its own, to be killed: `node edge-process.js <upstream> <cache directory>`; tells its URL to its parent.
import Fastify from 'fastify'
import sluice from '../../src/index'

async function main([upstream = '', path = '']: readonly string[]): Promise<void> {
  const app = Fastify({ forceCloseConnections: true })
  await app.register(sluice, {
    caches: { pages: { memory: '4m', maxObject: '16k', disk: { path, maxSize: '32m' } } },
    routes: [
      { prefix: '/', upstream, cache: { zone: 'pages', key: (request: { url: string }) => request.url } }
    ]
  } as never)
  process.send?.(await app.listen({ host: '127.0.0.1', port: 0 }))
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error)
  process.exitCode = 1
})
