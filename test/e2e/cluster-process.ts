// A primary with workers that are edges: `node cluster-process.js <upstream> <count> <directory> [alone]`. Its parent commands the workers by their index.
import cluster, { type Worker } from 'node:cluster'
import Fastify from 'fastify'
import sluice from '../../src/index'

interface Command {
  readonly worker: number
  /** A purge; without it the worker is killed, or another one started. */
  readonly purge?: object
  readonly kill?: true
  readonly fork?: true
}

async function edge([upstream = '', , path = '']: readonly string[]): Promise<void> {
  const warnings: string[] = []
  const stream = {
    write: (line: string) => void (JSON.parse(line).level >= 40 && warnings.push(JSON.parse(line).msg))
  }
  const app = Fastify({
    forceCloseConnections: true,
    requestTimeout: 300_000,
    logger: { level: 'warn', stream }
  })
  await app.register(sluice, {
    upstreams: { app: upstream },
    caches: { pages: {}, kept: { disk: { path, maxSize: '32m' } } },
    routes: [
      { prefix: '/', upstream: 'app', cache: 'pages' },
      { prefix: '/kept', upstream: 'app', cache: 'kept' }
    ]
  } as never)
  app.get('/-/warnings', () => warnings)
  process.on('message', ({ purge }: { purge?: object }) => {
    if (purge === undefined) return
    const purged = app.sluice.purge(purge as never)
    purged
      .then((result) => process.send?.({ result }))
      .catch((error) => process.send?.({ error: error.detail }))
  })
  // Each on a port of its own, so that a test can ask each.
  process.send?.({ url: await app.listen({ host: '127.0.0.1', port: 0, exclusive: true }) })
}

async function primary([, count, , alone]: readonly string[]): Promise<void> {
  if (alone === undefined) await import('../../src/primary.js')
  const workers: Worker[] = []
  const fork = (): void => void workers.push(cluster.fork())
  cluster.on('message', (worker, message) => {
    const { url, result, error } = message as Record<string, unknown>
    const index = workers.indexOf(worker)
    if (url ?? result ?? error) process.send?.({ index, url, result, error })
  })
  for (let index = 0; index < Number(count); index++) fork()
  process.on('message', ({ worker, purge, kill, fork: another }: Command) => {
    if (purge !== undefined) workers[worker]?.send({ purge })
    if (kill) workers[worker]?.process.kill('SIGKILL')
    if (another) fork()
  })
  // It ends after them: nobody writes into the directory any more.
  process.on('disconnect', () => {
    for (const each of workers) each.process.kill('SIGKILL')
  })
}

const main = cluster.isPrimary ? primary : edge
main(process.argv.slice(2)).catch((error) => {
  console.error(error)
  process.exitCode = 1
})
