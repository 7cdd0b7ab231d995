// What more workers bring: requests per second and CPU per request of 1, 2 and 4 workers of node:cluster, for hits, forwarded requests, and
// hits under a limit that the primary counts, or each worker for itself.
// `npx tsc -p test && node test/bench/cluster.mjs [--workers 1,2,4] [--seconds 2] [--rounds 3] [--connections 64]`; needs wrk.
// Each figure is the best of its rounds, the one that other work on the machine has disturbed least.
// The load and the origin run on the same machine: with as many workers as cores they take what the workers could have used. CPU per
// request, from /proc, holds on a busy machine; requests per second do not.

import { execFile, fork } from 'node:child_process'
import cluster from 'node:cluster'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'

const require = createRequire(import.meta.url)
const SELF = fileURLToPath(import.meta.url)
const BODY = 'x'.repeat(1024)
/** A tick of /proc/PID/stat. */
const TICK_MS = 10
/** One line that needs no units: requests, microseconds, percentiles in microseconds, failures. */
const REPORT = `done = function(s, l)
  local e = s.errors
  io.write(string.format("sluice %d %d %d %d %d\\n", s.requests, s.duration, l:percentile(50), l:percentile(99),
    e.connect + e.read + e.write + e.timeout + e.status))
end
`
/** Requests for each worker before it is measured. */
const WARM_UP = 3000
const LIMIT = { rate: '1000000r/s', burst: 1_000_000 }

/** Name, path, and whether the primary imports its part. */
const SCENARIOS = [
  ['hit', '/hit', true],
  ['forward', '/forward', true],
  ['hit, limit in the primary', '/limited', true],
  ['hit, limit in each worker', '/limited', false]
]

if (cluster.isWorker) await worker()
else if (process.argv[2] === 'origin') origin()
else if (process.argv[2] === 'primary') await primary(Number(process.argv[3]), process.argv[4] === 'true')
else await main()

function origin() {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'cache-control': 'max-age=3600', 'content-length': BODY.length }).end(BODY)
  })
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1', () => process.send(`http://127.0.0.1:${server.address().port}`))
}

async function primary(count, relays) {
  if (relays) require('../../build/src/primary.js')
  for (let n = 0; n < count; n++) cluster.fork()
  let url = ''
  let listening = 0
  cluster.on('listening', (_worker, { port }) => {
    url = `http://127.0.0.1:${port}`
    if (++listening === count)
      process.send({ url, pids: Object.values(cluster.workers).map((each) => each.process.pid) })
  })
}

async function worker() {
  const Fastify = require('fastify')
  const sluice = require('../../build/src/index.js').default
  const app = Fastify({ requestTimeout: 300_000, logger: { level: 'error' } })
  await app.register(sluice, {
    upstreams: { app: { servers: [process.env.ORIGIN], keepalive: 64 } },
    caches: { pages: { memory: '16m' } },
    defaults: { upstream: 'app' },
    routes: [
      { prefix: '/forward' },
      { prefix: '/hit', cache: 'pages' },
      { prefix: '/limited', cache: 'pages', rateLimit: LIMIT }
    ]
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
}

async function main() {
  const { values } = parseArgs({
    options: {
      workers: { type: 'string', default: '1,2,4' },
      seconds: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: '64' }
    }
  })
  const scratch = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const script = join(scratch, 'report.lua')
  writeFileSync(script, REPORT)
  const load = (url, seconds) => wrk(url, { seconds, connections: values.connections, script })
  const source = fork(SELF, ['origin'])
  const [address] = await once(source, 'message')
  console.log(`${cpus().length} cores, shared by the workers, their origin and wrk; Node ${process.version}`)
  console.log(
    'workers  scenario                    requests/s    p50 ms    p99 ms   CPU µs a request: workers  primary'
  )
  const edges = new Map()
  const edgeOf = async (workers, relays) => {
    const name = `${workers} ${relays}`
    if (!edges.has(name)) edges.set(name, await startEdge(workers, relays, address))
    return edges.get(name)
  }
  const contests = []
  for (const workers of values.workers.split(',').map(Number)) {
    for (const [name, path, relays] of SCENARIOS) {
      const edge = await edgeOf(workers, relays)
      await warmUp(edge, path, load)
      contests.push({ workers, name, path, edge, rounds: [] })
    }
  }
  // In turn: what else the machine does meets all of them.
  for (let n = 0; n < Number(values.rounds); n++) {
    for (const { edge, path, rounds } of contests) rounds.push(await round(edge, path, load, values.seconds))
  }
  for (const contest of contests) print(contest)
  for (const edge of edges.values()) edge.end()
  source.kill()
  rmSync(scratch, { recursive: true })
}

async function startEdge(workers, relays, address) {
  const child = fork(SELF, ['primary', workers, relays], { env: { ...process.env, ORIGIN: address } })
  const [{ url, pids }] = await once(child, 'message')
  const end = () => {
    for (const pid of [...pids, child.pid]) process.kill(pid, 'SIGKILL')
  }
  return { url, pids, primary: child.pid, end }
}

/** Code that runs often is compiled, and every worker has what it keeps; on a busy machine that takes its time. */
async function warmUp({ url, pids }, path, load) {
  for (let requests = 0; requests < WARM_UP * pids.length; ) requests += (await load(url + path, 1)).requests
}

async function round({ url, pids, primary: first }, path, load, seconds) {
  const workersMs = () => pids.reduce((sum, pid) => sum + cpuMs(pid), 0)
  const before = [workersMs(), cpuMs(first)]
  const { requests, perSecond, p50, p99, failed } = await load(url + path, seconds)
  if (failed > 0) throw new Error(`${failed} requests failed`)
  const [workers, primary] = [workersMs() - before[0], cpuMs(first) - before[1]]
  return {
    perSecond,
    p50,
    p99,
    workersUs: (workers * 1000) / requests,
    primaryUs: (primary * 1000) / requests
  }
}

function print({ workers, name, rounds }) {
  const least = (key) => Math.min(...rounds.map((each) => each[key]))
  const [p50, p99, workersUs, primaryUs] = ['p50', 'p99', 'workersUs', 'primaryUs'].map(least)
  const perSecond = Math.max(...rounds.map((each) => each.perSecond))
  const cells = [
    String(workers).padStart(7),
    `  ${name}`.padEnd(28),
    perSecond.toFixed(0).padStart(12),
    p50.toFixed(2).padStart(10),
    p99.toFixed(2).padStart(10),
    workersUs.toFixed(1).padStart(28),
    primaryUs.toFixed(1).padStart(9)
  ]
  console.log(cells.join(''))
}

/** User and system time of one process. */
function cpuMs(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS
}

async function wrk(url, { seconds, connections, script }) {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script, url]
  const { stdout } = await promisify(execFile)('wrk', args)
  const [requests, us, p50, p99, failed] = /^sluice (.*)$/m.exec(stdout)[1].split(' ').map(Number)
  return { requests, perSecond: (requests * 1e6) / us, p50: p50 / 1000, p99: p99 / 1000, failed }
}
