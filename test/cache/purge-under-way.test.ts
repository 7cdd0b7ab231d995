// Purges while a response is on its way to many: who reads it has all of it, who comes after the purge has nothing of it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PurgeRequest, readPurge } from '../../src/cache/purge'
import type { BanList, Spread } from '../../src/cache/spread'
import { createMemoryStore } from '../../src/cache/store/memory'
import type { CacheStore } from '../../src/cache/store/store'
import { Abort } from '../../src/http/abort'
import { type Ask, fed, gate, read, Scene, settled, text } from './scene'

const FRESH = { 'cache-control': 'max-age=60', 'cache-tag': 'news' }

/** Every way to take one page, in this process and from another one. */
const WAYS: readonly (readonly [name: string, what: PurgeRequest])[] = [
  ['url', { url: 'http://example.com/' }],
  ['a path', { url: '/' }],
  ['prefix', { prefix: 'http://example.com' }],
  ['host', { host: 'example.com' }],
  ['tag', { tags: ['news'] }],
  ['all', { all: true }]
]

/** The other processes on the directory. */
class Others implements Spread {
  #bans: BanList | undefined

  async publish(): Promise<void> {}

  async subscribe(bans: BanList): Promise<void> {
    this.#bans = bans
  }

  async close(): Promise<void> {}

  purge(what: PurgeRequest, at: number): void {
    this.#bans?.add({ of: readPurge(what).of, at, soft: false })
  }
}

/** A purge by the API, or one that another process has asked for. */
async function withOthers(): Promise<{
  scene: Scene
  purges: readonly (readonly [string, (what: PurgeRequest) => unknown])[]
}> {
  const others = new Others()
  const scene = new Scene({}, { zone: { spread: others } })
  await scene.zone.start()
  return {
    scene,
    purges: [
      ['', (what) => scene.purge(what)],
      [' elsewhere', (what) => others.purge(what, scene.now)]
    ]
  }
}

/** A leader whose origin has sent a head and half of its content, and a follower of it. */
async function streaming(scene: Scene, ask: Ask = {}) {
  const source = fed()
  scene.script = () => ({ status: 200, fields: FRESH, body: source })
  const bodies = [await scene.open(ask), await scene.open(ask)].map(({ response }) => read(response.body))
  source.push(Buffer.from('old '))
  await settled()
  assert.equal(scene.requests.length, 1)
  const end = () => {
    source.push(Buffer.from('content'))
    source.push(null)
  }
  return { source, bodies, end }
}

for (const index of [0, 1]) {
  for (const [name, what] of WAYS) {
    const where = index === 0 ? '' : ' in another process'
    test(`by ${name}${where}: who reads has the whole, who comes has a new one, fetched once, and that is stored`, async () => {
      const { scene, purges } = await withOthers()
      const { bodies, end } = await streaming(scene)
      scene.at(1)
      await purges[index]?.[1](what)
      scene.at(2)
      const answer = gate<ReturnType<typeof text>>()
      scene.script = () => answer.promise
      const after = [scene.get(), scene.get(), scene.get()]
      await settled()
      assert.equal(scene.requests.length, 2)
      end()
      assert.deepEqual(await Promise.all(bodies), ['old content', 'old content'])
      await settled()
      answer.open(text('new', FRESH))
      for (const { body } of await Promise.all(after)) assert.equal(body, 'new')
      assert.deepEqual([(await scene.get()).word, scene.requests.length], ['HIT', 2])
    })

    test(`by ${name}${where}: of what came before nothing is stored`, async () => {
      const { scene, purges } = await withOthers()
      const { bodies, end } = await streaming(scene)
      scene.at(1)
      await purges[index]?.[1](what)
      end()
      await Promise.all(bodies)
      await settled()
      assert.equal(scene.zone.stats().entries, 0)
      assert.deepEqual([scene.zone.underWay, scene.zone.stats().fetching], [0, 0])
    })

    test(`by ${name}${where}: who waits for the head asks again, together with who comes`, async () => {
      const { scene, purges } = await withOthers()
      const answers: ReturnType<typeof gate<ReturnType<typeof text>>>[] = []
      scene.script = () => {
        const answer = gate<ReturnType<typeof text>>()
        answers.push(answer)
        return answer.promise
      }
      const leader = scene.get()
      const waiting = [scene.get(), scene.get(), scene.get()]
      await settled()
      scene.at(1)
      const purging = purges[index]?.[1](what)
      // They ask at once; what is asked for in the millisecond of the purge counts as older.
      scene.at(2)
      await purging
      await settled()
      // That it carries the tag shows with its head.
      const knows = what.tags === undefined
      assert.deepEqual([answers.length, scene.zone.stats().waiting], knows ? [2, 2] : [1, 3])
      answers[0]?.open(text('old', FRESH))
      assert.equal((await leader).body, 'old')
      await settled()
      const newcomer = scene.get()
      await settled()
      assert.equal(answers.length, 2)
      answers[1]?.open(text('new', FRESH))
      for (const { body } of await Promise.all([...waiting, newcomer])) assert.equal(body, 'new')
      assert.deepEqual([(await scene.get()).word, answers.length], ['HIT', 2])
    })
  }
}

test('a purge of another page, or one elsewhere from before the fetch, disturbs nobody', async () => {
  const { scene, purges } = await withOthers()
  const [, [, purgeElsewhere]] = purges as [unknown, (typeof purges)[0]]
  scene.at(5)
  const { bodies, end } = await streaming(scene)
  for (const [, purge] of purges) await purge({ url: 'http://example.com/other' })
  scene.at(4)
  await purgeElsewhere({ all: true })
  scene.at(6)
  bodies.push(scene.get().then(({ body }) => body))
  await settled()
  end()
  assert.deepEqual(await Promise.all(bodies), ['old content', 'old content', 'old content'])
  assert.deepEqual([(await scene.get()).word, scene.requests.length], ['HIT', 1])
})

test('a purge counts from when it comes, though the clock was set back since the fetch', async () => {
  const { scene } = await withOthers()
  scene.at(5)
  assert.equal((await scene.get()).word, 'MISS')
  scene.at(4)
  await scene.purge({ all: true })
  assert.deepEqual([(await scene.get()).word, (await scene.get()).word], ['MISS', 'HIT'])
})

test('a route with a key of its own: who asks by the URL that was purged has a new one', async () => {
  const scene = new Scene({ key: () => 'k' })
  const own = (target: string): Ask => ({ target, request: { customKey: 'k' } })
  const { bodies, end } = await streaming(scene, own('/page'))
  scene.at(1)
  await scene.purge({ url: 'http://example.com/page' })
  scene.at(2)
  scene.script = () => text('new', FRESH)
  assert.equal((await scene.ask(own('/page'))).body, 'new')
  end()
  assert.deepEqual(await Promise.all(bodies), ['old content', 'old content'])
  await settled()
  assert.deepEqual([(await scene.ask(own('/other'))).body, scene.requests.length], ['new', 2])
})

test('soft: who comes has a new one, and what is stored of the old is stale', async () => {
  const scene = new Scene()
  const { bodies, end } = await streaming(scene)
  scene.at(1)
  await scene.purge({ url: '/', soft: true })
  scene.at(2)
  end()
  await Promise.all(bodies)
  await settled()
  scene.script = () => text('new', FRESH)
  const { word, body } = await scene.get()
  assert.deepEqual([word, body, scene.requests.length], ['EXPIRED', 'new', 2])
})

test('soft, while it streams: who comes has a new one, and the old does not take its place', async () => {
  const scene = new Scene()
  const { bodies, end } = await streaming(scene)
  scene.at(1)
  await scene.purge({ url: '/', soft: true })
  scene.at(2)
  scene.script = () => text('new', FRESH)
  assert.equal((await scene.get()).body, 'new')
  end()
  assert.deepEqual(await Promise.all(bodies), ['old content', 'old content'])
  await settled()
  assert.deepEqual([(await scene.get()).body, scene.requests.length], ['new', 2])
})

test('while the store still removes it, who comes shares one fetch', async () => {
  const store = createMemoryStore({ maxBytes: 8 << 20, maxObjectBytes: 1 << 20 })
  const removing = gate<boolean>()
  const slow: CacheStore = Object.assign(store, { remove: () => removing.promise })
  const scene = new Scene({}, { store: slow })
  const { bodies, end } = await streaming(scene)
  scene.at(1)
  const purging = scene.purge({ url: 'http://example.com/' })
  scene.at(2)
  const fresh = fed()
  scene.script = () => ({ status: 200, fields: FRESH, body: fresh })
  const after = [scene.get(), scene.get(), scene.get()]
  await settled()
  end()
  fresh.push(Buffer.from('new'))
  fresh.push(null)
  assert.deepEqual(await Promise.all(bodies), ['old content', 'old content'])
  for (const { body } of await Promise.all(after)) assert.equal(body, 'new')
  removing.open(true)
  assert.deepEqual(await purging, { removed: 1, banned: 0 })
  assert.deepEqual([(await scene.get()).body, scene.requests.length], ['new', 2])
})

test('an unsafe request while a 304 is being noted: who comes after it is not told of that', async () => {
  const store = createMemoryStore({ maxBytes: 8 << 20, maxObjectBytes: 1 << 20 })
  const noted = gate()
  const slow: CacheStore = Object.assign(store, { freshen: () => noted.promise })
  const scene = new Scene({}, { store: slow })
  scene.script = () => text('old', { 'cache-control': 'max-age=1', etag: '"a"' })
  await scene.get()
  scene.at(2)
  scene.script = () => ({ status: 304, fields: FRESH, body: null })
  assert.equal((await scene.get()).word, 'REVALIDATED')
  scene.script = () => text('changed')
  await scene.ask({ method: 'POST' })
  scene.script = () => text('new', FRESH)
  assert.equal((await scene.get()).body, 'new')
  noted.open()
  await settled()
  assert.equal(scene.zone.underWay, 0)
})

test('a fetch that only those kept alive who waited for it ends with the purge', async () => {
  const scene = new Scene()
  const lives: Abort[] = []
  scene.script = (_request, life) => {
    lives.push(life)
    return new Promise((_, fail) => life.listen(fail))
  }
  const client = new Abort()
  const leader = scene.ask({ abort: client })
  const follower = scene.get()
  await settled()
  client.abort(new Error('left'))
  assert.equal(lives[0] && reasonOf(lives[0]), undefined)
  scene.script = () => text('new', FRESH)
  scene.at(1)
  const purging = scene.purge({ all: true })
  scene.at(2)
  await purging
  assert.equal(lives[0] && reasonOf(lives[0]), 'left')
  await assert.rejects(leader, /left/)
  assert.equal((await follower).body, 'new')
})

function reasonOf({ reason }: Abort): string | undefined {
  return reason?.message
}
