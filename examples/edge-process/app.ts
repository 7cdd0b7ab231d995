// node build/examples/edge-process/app.js   the app on a unix socket; with EDGE=inside it is its own edge too, by the same options.
import { rmSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import Fastify from 'fastify'
import { socket } from './edge'
import { startEdge } from './server'

async function main(): Promise<void> {
  const app = Fastify()
  app.get('/pages/*', async () => `a page of process ${process.pid}\n`)
  app.get('/pages/kept', (_, reply) => reply.header('cache-control', 'max-age=3600').send('kept\n'))
  app.get('/live', async () => `process ${process.pid}\n`)
  app.get('/slow', async () => {
    await wait(1000)
    return 'slow, but whole\n'
  })
  // What no app should do, and some do: nothing else runs here meanwhile.
  app.get('/block', (_, reply) => {
    reply.hijack()
    reply.raw.write('blocking\n')
    setImmediate(() => {
      const end = Date.now() + 2000
      while (Date.now() < end);
      reply.raw.end('done\n')
    })
  })

  // A process that was killed has left its socket.
  rmSync(socket, { force: true })
  await app.listen({ path: socket })
  console.log(`app ${socket}`)
  const closeEdge = process.env.EDGE === 'inside' ? await startEdge() : async () => {}
  const close = async () => {
    await closeEdge()
    await app.close()
  }
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void close())
}

main()
