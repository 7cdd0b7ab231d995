// A primary with workers whose limits count together: `node cluster-limit-process.js <setup as JSON>`. Its clock stands still until the
// parent moves it, and nobody gives up waiting for its answers before a busy machine would.
import cluster, { type Worker } from 'node:cluster'
import Fastify from 'fastify'
import { workerChannel } from '../../src/cluster/channel'
import sluice from '../../src/index'

/** What a test asks for. */
export interface LimitSetup {
  readonly workers: number
  readonly rateLimit: object
  /** How much longer than usual the workers wait for the primary. */
  readonly patience: number
  /** Each worker on a port of its own. */
  readonly ownPorts?: true
  /** The primary does not relay. */
  readonly alone?: true
}

/** From the parent. */
export interface LimitCommand {
  readonly clock?: number
  /** The index of a worker that is to be killed. */
  readonly kill?: number
  readonly fork?: true
}

const setup = JSON.parse(process.argv[2] ?? '{}') as LimitSetup

async function worker(): Promise<void> {
  const { patience } = setup
  workerChannel({
    set: (listener, delayMs) => setTimeout(listener, delayMs * patience),
    clear: (timer) => clearTimeout(timer as NodeJS.Timeout)
  })
  const lines: string[] = []
  const stream = {
    write: (line: string) => void (JSON.parse(line).level >= 40 && lines.push(JSON.parse(line).msg))
  }
  const app = Fastify({
    forceCloseConnections: true,
    requestTimeout: 300_000,
    logger: { level: 'warn', stream }
  })
  app.addHook('onSend', async (_request, reply) => void reply.header('x-worker', process.env.INDEX))
  const key = (request: { headers: Record<string, unknown> }) => request.headers['x-key']
  await app.register(sluice, {
    routes: [{ path: '/', redirect: { to: '/passed' }, rateLimit: { key, ...setup.rateLimit } }]
  } as never)
  app.get('/-/log', () => lines)
  const exclusive = setup.ownPorts === true
  process.send?.({ url: await app.listen({ host: '127.0.0.1', port: 0, exclusive }) })
}

async function primary(): Promise<void> {
  let clock = 0
  performance.now = () => clock
  if (setup.alone === undefined) await import('../../src/primary.js')
  const workers: Worker[] = []
  const fork = (): void => {
    workers.push(cluster.fork({ INDEX: String(workers.length) }))
  }
  cluster.on('message', (from, { url }: { url?: string }) => {
    if (url !== undefined) process.send?.({ index: workers.indexOf(from), url })
  })
  for (let count = 0; count < setup.workers; count++) fork()
  process.on('message', (command: LimitCommand) => {
    if (command.clock !== undefined) clock = command.clock
    if (command.kill !== undefined) workers[command.kill]?.process.kill('SIGKILL')
    if (command.fork) fork()
    process.send?.({ done: true })
  })
  process.on('disconnect', () => process.exit())
}

const main = cluster.isPrimary ? primary : worker
main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
