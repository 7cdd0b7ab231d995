import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryBuckets } from '../../src/rate-limit/memory'
import { bucketService } from '../../src/rate-limit/primary'
import { BUCKETS_TOPIC } from '../../src/rate-limit/questions'
import { ANSWER_MS } from '../../src/rate-limit/shared'
import { workerBuckets } from '../../src/rate-limit/worker'
import { Wires, type Worker } from '../cluster/wires'

const RATE = { ratePerMs: 0.01, burst: 2, delay: Number.POSITIVE_INFINITY }

/** A primary with a clock of its own, and workers that all count one key. */
function startScene(service?: (data: string) => string | undefined) {
  const clock = { primary: 0, worker: 0 }
  const messages: string[] = []
  const count = service ?? bucketService(() => clock.primary)
  const wires = new Wires({
    [BUCKETS_TOPIC](data) {
      messages.push(data)
      return count(data)
    }
  })
  const failures: string[] = []
  const startLimit = (worker: Worker) => {
    const buckets = workerBuckets({
      channel: worker.channel,
      fallback: memoryBuckets(() => clock.worker),
      now: () => clock.worker,
      onFailure: (error) => void failures.push(String(error))
    })
    const take = async (): Promise<string> =>
      (await buckets.count({ key: 'a', rate: RATE, mode: 'take' })).verdict
    return Object.assign(worker, { take })
  }
  const start = (id: number) => startLimit(wires.worker(id))
  return { wires, clock, messages, failures, start }
}

/** The verdicts of requests that come at one time. */
async function takeAll(wires: Wires, takes: readonly (() => Promise<string>)[]): Promise<string[]> {
  const verdicts = Promise.all(takes.map((take) => take()))
  await wires.settle()
  return verdicts
}

test('workers share one bucket, on the clock of the primary', async () => {
  const { wires, clock, start } = startScene()
  const [a, b] = [start(1), start(2)]
  await wires.settle()
  assert.deepEqual(await takeAll(wires, [a.take, b.take, a.take, b.take]), ['pass', 'pass', 'pass', 'reject'])
  clock.worker = 60_000
  assert.deepEqual(await takeAll(wires, [a.take, b.take]), ['reject', 'reject'])
  clock.primary = 100
  assert.deepEqual(await takeAll(wires, [b.take, a.take]), ['pass', 'reject'])
})

test('requests of one turn go in one message, and those that come meanwhile in the next', async () => {
  const { wires, messages, start } = startScene()
  const a = start(1)
  await wires.settle()
  const early = [a.take(), a.take(), a.take()]
  await new Promise(setImmediate)
  wires.hanging.add(1)
  const late = [a.take(), a.take()]
  await wires.settle()
  wires.hanging.delete(1)
  await wires.settle()
  assert.deepEqual(await Promise.all([...early, ...late]), ['pass', 'pass', 'pass', 'reject', 'reject'])
  assert.deepEqual(
    messages.map((data) => JSON.parse(data).length),
    [3, 2]
  )
})

test('a primary that hangs costs the requests that wait its time once; then the worker counts alone and says so', async () => {
  const { wires, clock, messages, failures, start } = startScene()
  const a = start(1)
  await wires.settle()
  wires.hanging.add(1)
  const waiting = [a.take(), a.take()]
  await wires.settle()
  waiting.push(a.take())
  a.late(ANSWER_MS)
  assert.deepEqual(await Promise.all(waiting), ['pass', 'pass', 'pass'])
  assert.deepEqual(await takeAll(wires, [a.take]), ['reject'])
  assert.deepEqual(failures, [`Error: no answer in ${ANSWER_MS} ms`])
  wires.hanging.delete(1)
  await wires.settle()
  assert.equal(messages.length, 1, 'what waited when it failed was not sent later')
  clock.worker = 1000
  assert.deepEqual(
    await takeAll(wires, [a.take, a.take]),
    ['pass', 'reject'],
    'shared again: two had been counted'
  )
})

test('without a primary that relays the worker counts alone at once, and shares as soon as there is one', async () => {
  const { wires, messages, failures, start } = startScene()
  const a = start(1)
  assert.deepEqual(await Promise.all([a.take(), a.take(), a.take(), a.take()]), [
    'pass',
    'pass',
    'pass',
    'reject'
  ])
  assert.deepEqual([messages, failures], [[], []])
  await wires.settle()
  assert.deepEqual(await takeAll(wires, [a.take]), ['pass'])
})

test('a worker that ends while it asks costs the others nothing, and what it took stays taken', async () => {
  const { wires, failures, start } = startScene()
  const [a, b] = [start(1), start(2)]
  await wires.settle()
  const lost = [a.take(), a.take()]
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  wires.end(1)
  assert.deepEqual(await takeAll(wires, [b.take, b.take]), ['pass', 'pass'])
  await Promise.all(lost)
  assert.equal(failures.length, 1)
})

test('a channel that is closed: each request is counted here', async () => {
  const { wires, failures, start } = startScene()
  const a = start(1)
  await wires.settle()
  wires.end(1)
  assert.deepEqual(await takeAll(wires, [a.take, a.take, a.take, a.take]), ['pass', 'pass', 'pass', 'reject'])
  assert.match(String(failures), /channel closed/)
})

test('an answer that is none is a failure', async () => {
  const { wires, failures, start } = startScene(() => 'p,p')
  const a = start(1)
  await wires.settle()
  assert.deepEqual(await takeAll(wires, [a.take]), ['pass'])
  assert.deepEqual(failures, ['Error: unexpected answer from the primary: p,p'])
})
