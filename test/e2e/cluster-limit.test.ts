// limit_req between the workers of node:cluster: one bucket for each key in their primary (nginx limit_req_zone), on its clock.
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { get } from '../support/http-client'
import { until } from '../support/waiting'
import type { LimitCommand, LimitSetup } from './cluster-limit-process'

/** For a machine that is busy with other things. */
const PATIENCE_MS = 60_000
const PATIENT = 200

/** What came of some requests. */
interface Seen {
  readonly passed: number
  readonly refused: number
  /** Without an answer. */
  readonly lost: number
  readonly workers: ReadonlySet<unknown>
}

class Cluster {
  /** By worker; with a shared port they are all the same. */
  readonly urls: string[] = []
  readonly primary: ChildProcess

  constructor(t: TestContext, setup: LimitSetup) {
    this.primary = fork(join(__dirname, 'cluster-limit-process.js'), [JSON.stringify(setup)])
    const ended = once(this.primary, 'exit')
    this.primary.on('message', ({ index, url }: { index: number; url?: string }) => {
      if (url !== undefined) this.urls[index] = url
    })
    t.after(async () => {
      // Its workers end with it.
      this.primary.kill('SIGKILL')
      await ended
    })
  }

  async has(count: number): Promise<void> {
    await until('all listen', () => Object.keys(this.urls).length === count, PATIENCE_MS)
  }

  async tell(command: LimitCommand): Promise<void> {
    const heard = new Promise<void>((resolve) => {
      const hear = ({ done }: { done?: true }): void => {
        if (done === undefined) return
        this.primary.off('message', hear)
        resolve()
      }
      this.primary.on('message', hear)
    })
    this.primary.send(command)
    await heard
  }

  async ask(count: number, { worker = 0, key = 'one' } = {}): Promise<Seen> {
    const options = { headers: { 'x-key': key } }
    const url = this.urls[worker] as string
    const answers = await Promise.allSettled(Array.from({ length: count }, () => get(url, options)))
    const seen = { passed: 0, refused: 0, lost: 0, workers: new Set<unknown>() }
    for (const answer of answers) {
      if (answer.status === 'rejected') {
        seen.lost++
        continue
      }
      const { status, headers } = answer.value
      assert.ok(status === 308 || status === 429, String(status))
      seen[status === 308 ? 'passed' : 'refused']++
      seen.workers.add(headers['x-worker'])
    }
    return seen
  }

  async log(worker: number): Promise<string[]> {
    return (await get(`${this.urls[worker]}/-/log`)).json()
  }
}

async function startCluster(t: TestContext, setup: LimitSetup): Promise<Cluster> {
  const cluster = new Cluster(t, setup)
  await cluster.has(setup.workers)
  return cluster
}

const STEPS = [
  [0, 6],
  [100, 1],
  [350, 2],
  [351, 0],
  [5000, 6]
] as const

for (const workers of [1, 4]) {
  test(`rate 10r/s, burst 5: ${workers} on one port let pass what one bucket lets pass`, async (t) => {
    const rateLimit = { rate: '10r/s', burst: 5 }
    const cluster = await startCluster(t, { workers, rateLimit, patience: PATIENT })
    const took = new Set<unknown>()
    for (const [clock, passes] of STEPS) {
      await cluster.tell({ clock })
      const seen = await cluster.ask(20)
      assert.deepEqual([seen.passed, seen.refused, seen.lost], [passes, 20 - passes, 0], `at ${clock} ms`)
      for (const worker of seen.workers) took.add(worker)
    }
    assert.equal(took.size, workers)
    assert.deepEqual(await cluster.log(0), [])
  })
}

test('a worker killed in the middle: the others answer all, and what it let pass stays counted', async (t) => {
  const rateLimit = { rate: '1r/h', burst: 29 }
  const cluster = await startCluster(t, { workers: 3, rateLimit, patience: PATIENT, ownPorts: true })
  const before = await cluster.ask(10, { worker: 0 })
  assert.equal(before.passed, 10)
  const asking = Promise.all([0, 1, 2].map((worker) => cluster.ask(10, { worker })))
  await cluster.tell({ kill: 0 })
  const [lost, ...during] = (await asking) as [Seen, Seen, Seen]
  const after = await cluster.ask(30, { worker: 1 })
  const all = [before, lost, ...during, after]
  const passed = all.reduce((sum, seen) => sum + seen.passed, 0)
  assert.ok(during.every((seen) => seen.lost === 0))
  // A request that was lost may have been counted, as one is whose client leaves.
  assert.ok(passed <= 30 && passed >= 30 - lost.lost, `${passed} passed, ${lost.lost} lost`)
  await cluster.tell({ fork: true })
  await cluster.has(4)
  const last = await cluster.ask(10, { worker: 3 })
  assert.deepEqual([last.passed, last.refused], [0, 10], 'a new one counts with the others')
})

test('a primary that hangs: workers go on alone and say so once, and share again when it is back', async (t) => {
  const rateLimit = { rate: '1r/h', burst: 2 }
  const cluster = await startCluster(t, { workers: 2, rateLimit, patience: 4, ownPorts: true })
  let last = 0
  /** Whether what one took is known to the other. */
  const share = async (): Promise<boolean> => {
    const key = `key ${++last}`
    const { passed } = await cluster.ask(3, { worker: 0, key })
    assert.equal(passed, 3)
    return (await cluster.ask(1, { worker: 1, key })).refused === 1
  }
  await until('shared', share, PATIENCE_MS)
  cluster.primary.kill('SIGSTOP')
  try {
    for (const worker of [0, 1]) {
      const key = `alone ${worker}`
      const seen = await cluster.ask(10, { worker, key })
      assert.deepEqual([seen.passed, seen.refused], [3, 7])
    }
    assert.equal(await share(), false)
  } finally {
    cluster.primary.kill('SIGCONT')
  }
  await until('shared again', share, PATIENCE_MS)
  for (const worker of [0, 1]) {
    const lines = await cluster.log(worker)
    assert.deepEqual(
      [...new Set(lines)],
      ['rateLimit: the primary does not answer; this process counts alone']
    )
    // One a minute, however long this takes, and not one for each of the requests.
    assert.ok(lines.length < 5, `${lines.length} lines`)
  }
})

test('without the import each worker counts alone, and says so in one line', async (t) => {
  const rateLimit = { rate: '1r/h', burst: 2 }
  const setup = { workers: 2, rateLimit, patience: 1, ownPorts: true, alone: true } as const
  const cluster = await startCluster(t, setup)
  for (const worker of [0, 1]) assert.equal((await cluster.ask(10, { worker })).passed, 3)
  for (const worker of [0, 1]) {
    await until('warned', async () => (await cluster.log(worker)).length > 0, PATIENCE_MS)
    const [warning, second] = await cluster.log(worker)
    assert.match(
      String(warning),
      /^cluster: rate limits count in this worker only, .*'fastify-sluice\/primary'.*`redis`/
    )
    assert.equal(second, undefined)
  }
})
