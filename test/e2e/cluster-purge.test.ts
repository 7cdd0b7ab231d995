// Purges between the workers of node:cluster, in zones with and without a disk: through `import 'fastify-sluice/primary'`.
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'
import { until, within } from '../support/waiting'
import { wordOf } from './cached'

const SITE = { headers: { host: 'one.example' } }
/** For a machine that is busy with other things. */
const PATIENCE_MS = 60_000

interface Report {
  readonly index: number
  readonly url?: string
  readonly result?: unknown
  readonly error?: string
}

/** A primary and its workers, in processes of their own, in front of an origin whose answers are its version. */
class Cluster {
  version = 1
  readonly urls: string[] = []
  readonly #reports: Report[] = []
  readonly #primary: ChildProcess

  constructor(t: TestContext, args: readonly string[]) {
    this.#primary = fork(join(__dirname, 'cluster-process.js'), args, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc']
    })
    const ended = once(this.#primary, 'exit')
    this.#primary.on('message', (report: Report) => {
      if (report.url === undefined) this.#reports.push(report)
      else this.urls[report.index] = report.url
    })
    t.after(async () => {
      if (this.#primary.connected) this.#primary.disconnect()
      await ended
    })
  }

  async has(count: number): Promise<void> {
    await until('all listen', () => Object.keys(this.urls).length === count, PATIENCE_MS)
  }

  ask(index: number, path: string): ReturnType<typeof get> {
    return get(this.urls[index] + path, SITE)
  }

  async text(index: number, path: string): Promise<string> {
    return (await this.ask(index, path)).text
  }

  async store(path: string): Promise<void> {
    for (const index of this.urls.keys()) {
      await until('stored', async () => wordOf(await this.ask(index, path)) === 'HIT', PATIENCE_MS)
    }
  }

  send(command: object): void {
    this.#primary.send(command)
  }

  async purge(worker: number, purge: object): Promise<Report> {
    this.send({ worker, purge })
    await until('purged', () => this.#reports.length > 0, PATIENCE_MS)
    return this.#reports.shift() as Report
  }
}

async function startCluster(t: TestContext, count: number, ...flags: string[]): Promise<Cluster> {
  // Removed when the workers have ended.
  const ends: (() => unknown)[] = []
  const directory = tempDir({ after: (end: () => unknown) => void ends.push(end) })
  const origin = await startOrigin((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://x')
    response.setHeader('cache-control', 'max-age=600')
    response.setHeader('cache-tag', `tag${pathname.replaceAll('/', '-')}`)
    response.end(String(cluster.version))
  })
  const cluster = new Cluster(t, [origin.url, String(count), directory, ...flags])
  t.after(origin.close)
  for (const end of ends) t.after(end)
  await cluster.has(count)
  return cluster
}

const WAYS: readonly (readonly [path: string, what: object])[] = [
  ['/by-url', { url: 'http://one.example/by-url' }],
  ['/by/prefix', { prefix: '/by/' }],
  ['/by-tag', { tags: ['tag-by-tag'] }],
  ['/all', { all: true, zone: 'pages' }],
  ['/kept/by-url', { url: 'http://one.example/kept/by-url' }],
  ['/kept/by/prefix', { prefix: '/kept/by/' }],
  ['/kept/all', { all: true, zone: 'kept' }]
]

test('a purge in one of four workers is in force in all of them when it resolves', async (t) => {
  const cluster = await startCluster(t, 4)
  for (const [path, what] of WAYS) {
    await cluster.store(path)
    cluster.version += 1
    const { error } = await cluster.purge(1, what)
    assert.equal(error, undefined)
    for (const index of cluster.urls.keys()) {
      assert.equal(await cluster.text(index, path), String(cluster.version), `${path} in ${index}`)
    }
    await cluster.store(path)
  }
  assert.deepEqual(JSON.parse(await cluster.text(0, '/-/warnings')), [])
})

test('workers that are killed, and those that start, hold nothing up', async (t) => {
  const cluster = await startCluster(t, 3)
  await cluster.store('/')
  cluster.send({ worker: 0, kill: true })
  cluster.version += 1
  assert.equal((await cluster.purge(1, { all: true })).error, undefined)
  cluster.send({ fork: true })
  await cluster.has(4)
  assert.equal(await cluster.text(3, '/'), '2')
  cluster.version += 1
  assert.equal((await cluster.purge(3, { all: true })).error, undefined)
  for (const index of [1, 2, 3]) assert.equal(await cluster.text(index, '/'), '3')
})

test('without the import each worker purges for itself, and says so in one line', async (t) => {
  const cluster = await startCluster(t, 2, 'alone')
  await cluster.store('/')
  cluster.version += 1
  const purged = await within('purged', cluster.purge(0, { all: true, zone: 'pages' }), PATIENCE_MS)
  assert.deepEqual(purged, { index: 0, result: { removed: 0, banned: 1 } })
  assert.deepEqual([await cluster.text(0, '/'), await cluster.text(1, '/')], ['2', '1'])
  const warnings = async () => JSON.parse(await cluster.text(1, '/-/warnings')) as string[]
  await until('warned', async () => (await warnings()).length > 0, PATIENCE_MS)
  const [warning, second] = await warnings()
  assert.match(
    String(warning),
    /^cluster: purges reach this worker only, .*'fastify-sluice\/primary'.*`disk`/
  )
  assert.equal(second, undefined)
})
