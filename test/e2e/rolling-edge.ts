// Two edges on one port (node:cluster) that are replaced one after the other when the parent asks: `node rolling-edge.js <upstream>`.
// With each restart the parent is told what the edge that has ended did.
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import Fastify from 'fastify'
import sluice from '../../src/index'

/** One edge's life. */
export interface Life {
  /** Requests that it took. */
  readonly begun: number
  /** Answers that it did not finish. */
  readonly cut: readonly string[]
  /** How long its end took. */
  readonly drainMs: number
}

async function startWorker(): Promise<Worker> {
  const worker = cluster.fork()
  await once(worker, 'listening')
  return worker
}

async function replace(worker: Worker): Promise<Life> {
  const said = once(worker, 'message')
  const exited = once(worker, 'exit')
  worker.send('drain')
  const [life] = await said
  const [code] = await exited
  if (code !== 0) throw new Error(`a worker ended with ${code}`)
  return life
}

async function primary(): Promise<void> {
  let url = ''
  cluster.on('listening', (_, { port }) => {
    url = `http://127.0.0.1:${port}`
  })
  let workers = [await startWorker(), await startWorker()]
  process.on('message', async () => {
    const [oldest, ...others] = workers
    workers = [...others, await startWorker()]
    process.send?.(await replace(oldest as Worker))
  })
  process.once('disconnect', () => {
    for (const worker of workers) worker.process.kill('SIGKILL')
  })
  process.send?.(url)
}

async function edge(upstream: string): Promise<void> {
  const app = Fastify()
  const cut: string[] = []
  let begun = 0
  app.addHook('onRequest', async ({ url, headers }, { raw }) => {
    begun++
    raw.once('close', () => {
      if (headers.upgrade === undefined && !raw.writableFinished) cut.push(url)
    })
  })
  // A machine that is busy with other things holds up the origin as well: that is not what is asked here.
  const timeouts = { connect: '60s', read: '120s', send: '120s' }
  await app.register(sluice, { routes: [{ prefix: '/', upstream, timeouts, websocket: true }] } as never)
  process.once('message', async () => {
    const since = performance.now()
    await app.sluice.drain({ delay: '100ms', grace: '60s' })
    await app.close()
    const drainMs = Math.round(performance.now() - since)
    process.send?.({ begun, cut, drainMs } satisfies Life, () => process.exit(0))
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
}

const [upstream = ''] = process.argv.slice(2)
const run = cluster.isPrimary ? primary() : edge(upstream)
run.catch((error) => {
  console.error(error)
  process.exit(1)
})
