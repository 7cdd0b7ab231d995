// Whatever is stored, purged, looked up and started again in whatever order: nothing is served that a naive model calls purged, and
// nothing is fetched again that it does not. One process has memory and disk, the other memory alone; they share a file of bans.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { BanFile } from '../../src/cache/ban-file'
import type { PurgeRequest } from '../../src/cache/purge'
import { openDiskStore } from '../../src/cache/store/disk'
import { createMemoryStore } from '../../src/cache/store/memory'
import { createTieredStore } from '../../src/cache/store/tiered'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'
import { HandTimers, Scene, START, text } from './scene'

const HOSTS = ['one.example', 'two.example']
const TARGETS = ['/', '/a', '/a/b?c', '/a/b', '/b']
const TAGS = ['x', 'y', 'z']
/** The tags of a response, by its target. */
const TAGGED: Record<string, readonly string[]> = { '/a': ['x'], '/a/b': ['x', 'y'], '/b': ['y'] }

const host = fc.constantFrom(...HOSTS)
const target = fc.constantFrom(...TARGETS)
const what: fc.Arbitrary<PurgeRequest> = fc
  .tuple(
    fc.oneof<fc.Arbitrary<PurgeRequest>[]>(
      fc.tuple(host, target).map(([name, path]) => ({ url: `http://${name.toUpperCase()}:80${path}` })),
      target.map((url) => ({ url })),
      fc.tuple(host, target).map(([name, path]) => ({ prefix: `http://${name}${path}` })),
      target.map((prefix) => ({ prefix })),
      host.map((name) => ({ host: name })),
      fc.uniqueArray(fc.constantFrom(...TAGS), { minLength: 1, maxLength: 2 }).map((tags) => ({ tags })),
      fc.constant({ all: true as const })
    ),
    fc.boolean()
  )
  .map(([each, soft]) => ({ ...each, soft }))

type Step =
  | { readonly do: 'get'; readonly process: number; readonly host: string; readonly target: string }
  | { readonly do: 'purge'; readonly process: number; readonly what: PurgeRequest }
  /** A purge while the response is on its way. */
  | {
      readonly do: 'cross'
      readonly process: number
      readonly host: string
      readonly target: string
      readonly what: PurgeRequest
    }
  | { readonly do: 'look' | 'restart'; readonly process: number }
  | { readonly do: 'wait' }

const process = fc.nat(1)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('get' as const), process, host, target }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('purge' as const), process, what }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cross' as const), process, host, target, what }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('look' as const), process }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), process }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const) }) }
)

/** A response that was fetched. */
interface Fetched {
  readonly host: string
  readonly target: string
  readonly at: number
  /** Its place in the order of all that happens. */
  readonly order: number
}

interface Told {
  readonly what: PurgeRequest
  readonly at: number
  readonly order: number
  /** Processes that know of it. */
  readonly known: Set<number>
}

/** The model's whole idea of a purge. */
function isMeant({ url, prefix, host: name, tags, all }: PurgeRequest, fetched: Fetched): boolean {
  const own = `http://${fetched.host}${fetched.target}`
  if (url !== undefined) return url === fetched.target || url.toLowerCase().replace(':80', '') === own
  if (prefix !== undefined) return (prefix.startsWith('/') ? fetched.target : own).startsWith(prefix)
  if (tags !== undefined) return tags.some((tag) => TAGGED[fetched.target]?.includes(tag))
  return all === true || name === fetched.host
}

class World {
  readonly #dir: string
  readonly #scenes: Scene[] = []
  readonly #timers: HandTimers[] = []
  readonly #fetched: Fetched[] = []
  readonly #told: Told[] = []
  /** What each process has served last, by URL. */
  readonly #last: Map<string, number>[] = [new Map(), new Map()]
  #now = START
  #order = 0

  constructor(dir: string) {
    this.#dir = dir
  }

  async start(index: number): Promise<void> {
    const memory = createMemoryStore({ maxBytes: 1 << 20, maxObjectBytes: 1 << 16 })
    const path = join(this.#dir, 'disk')
    const disk =
      index === 0 ? await openDiskStore({ path, maxBytes: 1 << 24, now: () => this.#now }) : undefined
    const timers = new HandTimers()
    const spread = new BanFile({
      directory: this.#dir,
      timers,
      now: () => this.#now,
      onState: (errno) => assert.equal(errno, undefined),
      compactBytes: 600
    })
    const store = disk === undefined ? memory : createTieredStore(memory, disk)
    this.#scenes[index] = new Scene({}, { store, zone: { spread } })
    this.#timers[index] = timers
    await this.#scene(index).zone.start()
    for (const { known } of this.#told) known.add(index)
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'wait') this.#now += 1
    else if (step.do === 'get') await this.#get(step)
    else if (step.do === 'purge') await this.#purge(step.process, step.what)
    else if (step.do === 'cross') await this.#get(step, () => this.#purge(step.process, step.what))
    else if (step.do === 'look') await this.#look(step.process)
    else await this.#restart(step.process)
  }

  async end(): Promise<void> {
    for (const { zone } of this.#scenes) await zone.close()
  }

  async #get(
    { process: index, host: name, target: path }: { process: number; host: string; target: string },
    meanwhile?: () => Promise<void>
  ): Promise<void> {
    const scene = this.#scene(index)
    scene.script = async () => {
      const id = this.#fetched.push({ host: name, target: path, at: this.#now, order: ++this.#order }) - 1
      await meanwhile?.()
      const tags = TAGGED[path]?.join(', ')
      return text(String(id), { 'cache-control': 'max-age=86400', ...(tags && { 'cache-tag': tags }) })
    }
    const { word, body } = await scene.ask({ target: path, request: { authority: name } })
    const last = this.#last[index] as Map<string, number>
    const before = last.get(name + path)
    last.set(name + path, Number(body))
    if (word === 'HIT') this.#judge(index, Number(body))
    else if (before !== undefined)
      assert.ok(
        // Another process, or a later start, cannot tell the order within a millisecond.
        this.#isPurged(before, (told, fetched) => told.at >= fetched.at),
        `${name}${path} was fetched again`
      )
  }

  #judge(index: number, id: number): void {
    const known = this.#isPurged(id, (told, { order }) => told.order > order && told.known.has(index))
    assert.equal(known, false, `${JSON.stringify(this.#fetched[id])} was served after it was purged`)
  }

  #isPurged(id: number, counts: (told: Told, fetched: Fetched) => boolean): boolean {
    const fetched = this.#fetched[id] ?? assert.fail('no such response')
    return this.#told.some((told) => counts(told, fetched) && isMeant(told.what, fetched))
  }

  async #purge(index: number, request: PurgeRequest): Promise<void> {
    this.#told.push({ what: request, at: this.#now, order: ++this.#order, known: new Set([index]) })
    await this.#scene(index).purge(request)
  }

  async #look(index: number): Promise<void> {
    const timers = this.#timers[index] as HandTimers
    timers.fire()
    await until('looked', () => timers.pending === 1)
    for (const { known } of this.#told) known.add(index)
  }

  async #restart(index: number): Promise<void> {
    await this.#scene(index).zone.close()
    if (index === 1) this.#last[1]?.clear()
    await this.start(index)
  }

  #scene(index: number): Scene {
    const scene = this.#scenes[index] ?? assert.fail('no such process')
    scene.now = this.#now
    return scene
  }
}

async function run(dir: string, steps: readonly Step[]): Promise<void> {
  const world = new World(dir)
  for (const index of [0, 1]) await world.start(index)
  try {
    for (const each of steps) await world.take(each)
  } finally {
    await world.end()
  }
}

test('a soft purge of what is on its way, a tick behind another purge, is in force in the same millisecond', async (t) => {
  const get = { process: 1, host: 'two.example', target: '/a/b?c' }
  await run(join(tempDir(t), 'one'), [
    { do: 'purge', process: 1, what: { tags: ['x'], soft: false } },
    { do: 'cross', ...get, what: { prefix: '/', soft: true } },
    { do: 'get', ...get }
  ])
})

test('nothing purged is served, nothing else is fetched again', async (t: TestContext) => {
  const dir = tempDir(t)
  let runs = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), (steps) => run(join(dir, String(++runs)), steps)),
    { numRuns: 60 }
  )
})
