// node build/examples/edge-process/server.js beside app.js: the edge as a process of its own. curl -i URL/pages/1, then stop the app.
import Fastify from 'fastify'
import sluice from 'fastify-sluice'
import { options } from './edge'

/** Starts the edge; gives what ends it. */
export async function startEdge(): Promise<() => Promise<void>> {
  const edge = Fastify({ requestTimeout: 300_000 })
  await edge.register(sluice, options)
  console.log(`edge ${await edge.listen({ host: '127.0.0.1', port: Number(process.env.PORT ?? 8080) })}`)
  return async () => {
    // With a load balancer in front: `delay`, for as long as it takes to notice.
    await edge.sluice.drain({ delay: '0s', grace: '30s' })
    await edge.close()
  }
}

if (require.main === module) {
  startEdge().then((close) => {
    // Listens no more, answers what is under way, tells clients to go; then nothing is left and the process ends with 0.
    for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => void close())
  })
}
