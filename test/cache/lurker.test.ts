import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { Lurker } from '../../src/cache/lurker'
import type { IsGone, Sweep } from '../../src/cache/store/store'
import { HandTimers, Scene, START, text } from './scene'

const MINUTE = 60_000

/** A store of so many responses that counts how often it is asked. */
class Place {
  readonly timers = new HandTimers()
  readonly forgotten: number[] = []
  readonly lurker: Lurker
  now = START
  purges = 0
  times: (number | undefined)[] = []
  oldestFetch = Number.POSITIVE_INFINITY
  steps = 0
  sweeps = 0
  isComplete = true
  failure: Error | undefined

  constructor(t: TestContext) {
    this.lurker = new Lurker({
      timers: this.timers,
      now: () => this.now,
      purges: () => this.purges,
      sweep: () => this.#sweep(),
      isGone: () => false,
      oldestFetch: () => this.oldestFetch,
      forget: (before) => void this.forgotten.push(before)
    })
    this.lurker.start()
    t.after(() => this.lurker.close())
  }

  /** Lets it run once; the delay that it waits for next. */
  async run(): Promise<void> {
    this.timers.fire()
    for (let turn = 0; turn < 200; turn++) await Promise.resolve()
    await new Promise(setImmediate)
  }

  async *#sweep(): Sweep {
    this.sweeps++
    for (const time of this.times) {
      if (this.failure !== undefined) throw this.failure
      this.steps++
      yield time
    }
    return this.isComplete
  }
}

test('without a new purge nothing is read', async (t) => {
  const place = new Place(t)
  place.times = [1]
  for (let count = 0; count < 3; count++) await place.run()
  assert.equal(place.steps, 0)
})

test('a purge is one sweep, so many responses at a time', async (t) => {
  const place = new Place(t)
  place.purges = 3
  place.times = Array(120).fill(START)
  const steps = []
  for (let count = 0; count < 5; count++) {
    await place.run()
    steps.push(place.steps)
  }
  assert.deepEqual([steps, place.sweeps], [[50, 100, 120, 120, 120], 1])
})

test('a purge that comes meanwhile is for the next sweep', async (t) => {
  const place = new Place(t)
  place.purges = 1
  place.times = Array(60).fill(START)
  await place.run()
  place.purges = 2
  for (let count = 0; count < 4; count++) await place.run()
  assert.equal(place.sweeps, 2)
})

for (const [name, times, oldestFetch, before] of [
  ['what is stored', [START - 5 * MINUTE, undefined, START], Number.POSITIVE_INFINITY, START - 5 * MINUTE],
  ['a fetch under way', [START], START - 3 * MINUTE, START - 3 * MINUTE],
  ['the last minute', [undefined], Number.POSITIVE_INFINITY, START - MINUTE]
] as const) {
  test(`bans that are older than all are forgotten: ${name}`, async (t) => {
    const place = new Place(t)
    Object.assign(place, { purges: 1, times, oldestFetch })
    await place.run()
    assert.deepEqual(place.forgotten, [before])
  })
}

test('a sweep that did not see everything, or failed, forgets nothing and is made again', async (t) => {
  const place = new Place(t)
  place.purges = 1
  place.times = [START]
  place.isComplete = false
  await place.run()
  place.failure = new Error('EIO')
  await place.run()
  assert.deepEqual([place.sweeps, place.forgotten], [2, []])
  place.failure = undefined
  place.isComplete = true
  await place.run()
  assert.deepEqual([place.sweeps, place.forgotten], [3, [START - MINUTE]])
})

test('closed in the middle of a sweep it reads no more', async (t) => {
  const place = new Place(t)
  place.purges = 1
  place.times = Array(120).fill(START)
  await place.run()
  place.lurker.close()
  assert.deepEqual([place.timers.pending, place.steps], [0, 50])
})

test('in a zone: what is purged leaves the memory, and then the ban goes', async () => {
  let now = START
  const scene = new Scene({}, { zone: { now: () => now } })
  await scene.zone.start()
  scene.script = ({ path }) => text(path, { 'cache-control': 'max-age=86400', 'cache-tag': path.slice(1) })
  for (const target of ['/a', '/b', '/c']) await scene.get(target)
  await scene.purge({ tags: ['a', 'b'] })
  assert.deepEqual([scene.zone.stats().entries, scene.zone.bans.size], [3, 2])
  const run = async () => {
    scene.timers.fire()
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
  }
  await run()
  assert.deepEqual([scene.zone.stats().entries, scene.zone.bans.size], [1, 2])
  // Until what is left is younger, and nobody can come with something older.
  scene.now = now = START + 2 * MINUTE
  await scene.purge({ url: '/c' })
  scene.now = now = START + 4 * MINUTE
  await scene.get('/c')
  await run()
  assert.deepEqual([scene.zone.stats().entries, scene.zone.bans.size], [1, 0])
  assert.equal((await scene.get('/c')).word, 'HIT')
  await scene.zone.close()
  assert.equal(scene.timers.pending, 0)
})

const keep: IsGone = () => false
test('the sweep of a closed zone’s store has nothing to tell', async () => {
  const scene = new Scene()
  await scene.get()
  await scene.zone.close()
  assert.deepEqual(await scene.zone.store.sweep(keep).next(), { done: true, value: true })
})
