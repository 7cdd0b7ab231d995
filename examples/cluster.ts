// node build/examples/cluster.js, then: curl -i URL/news (x-worker: who answered); curl -X PURGE URL/news: all ask the backend again;
//   curl URL/search: three pass, whoever answers; kill -HUP PRIMARY: new workers, no request lost; kill -9 a worker: another starts
import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { join } from 'node:path'
import 'fastify-sluice/primary' //  what the workers share: purges and rate limits
import { startBackend } from './cluster/backend'

let wanted = 2
const leaving = new Set<Worker>()
const staying = () =>
  Object.values(cluster.workers ?? {}).filter((each) => each && !leaving.has(each)) as Worker[]

function fill(): void {
  while (staying().length < wanted) cluster.fork()
}

function leave(worker: Worker): void {
  leaving.add(worker)
  worker.process.kill('SIGTERM')
}

/** A worker at a time; a release that does not start replaces nobody. */
async function roll(): Promise<void> {
  for (const old of wanted > 0 ? staying() : []) {
    const next = cluster.fork()
    await Promise.race([once(next, 'listening'), once(next, 'exit')])
    if (!next.isDead()) leave(old)
  }
}

async function main(): Promise<void> {
  process.env.BACKEND = await startBackend()
  cluster.setupPrimary({ exec: join(__dirname, 'cluster', 'worker.js') })
  // Who dies is replaced; those that do not even start, less and less often.
  let pauseMs = 100
  cluster.on('listening', () => {
    pauseMs = 100
  })
  cluster.on('exit', () => {
    if (wanted > 0) setTimeout(fill, pauseMs)
    pauseMs = Math.min(2 * pauseMs, 30_000)
  })
  fill()
  let rolling = Promise.resolve()
  process.on('SIGHUP', () => {
    rolling = rolling.then(roll)
  })
  const end = () => {
    wanted = 0
    for (const worker of staying()) leave(worker)
  }
  process.once('SIGTERM', end).once('SIGINT', end)
  const [, { port }] = await once(cluster, 'listening')
  console.log(`http://127.0.0.1:${port} primary ${process.pid}`)
}

main()
