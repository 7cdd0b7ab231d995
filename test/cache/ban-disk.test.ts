// The file of bans among the files of the disk tier: neither touches the other's, and no start brings back what was purged.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { BanFile } from '../../src/cache/ban-file'
import { openDiskStore } from '../../src/cache/store/disk'
import { createMemoryStore } from '../../src/cache/store/memory'
import { createTieredStore } from '../../src/cache/store/tiered'
import { until } from '../support/waiting'
import { HandTimers, Scene, START, text } from './scene'
import { tempDir } from './store/support'

const LASTING = { 'cache-control': 'max-age=86400', 'cache-tag': 'news' }
const PAGES = ['/a', '/b', '/c', '/d']

/** Processes that share a directory and a clock. */
class Site {
  now = START
  readonly path: string
  readonly #t: TestContext

  constructor(t: TestContext) {
    this.#t = t
    this.path = tempDir(t)
  }

  async start(version = ''): Promise<Scene> {
    const disk = await openDiskStore({ path: this.path, maxBytes: 1 << 24, version, now: () => this.now })
    const memory = createMemoryStore({ maxBytes: 1 << 20, maxObjectBytes: 1 << 16 })
    const spread = new BanFile({
      directory: this.path,
      timers: new HandTimers(),
      now: () => this.now,
      onState: (errno) => assert.equal(errno, undefined)
    })
    const scene = new Scene(
      {},
      { store: createTieredStore(memory, disk), version, zone: { spread, now: () => this.now } }
    )
    scene.script = ({ path }) => text(`${path} at ${this.now - START}`, LASTING)
    await scene.zone.start()
    this.#t.after(() => scene.zone.close())
    return scene
  }

  /** What each page is, asked for at this moment. */
  async pages(scene: Scene): Promise<string[]> {
    scene.now = this.now
    const seen = []
    for (const page of PAGES) seen.push((await scene.get(page)).body)
    return seen
  }

  files(): string[] {
    return readdirSync(this.path)
      .filter((name) => !/^[0-9a-f]{2}$/.test(name))
      .sort()
  }

  bans(): string {
    return readFileSync(join(this.path, 'bans'), 'utf8')
  }

  /** What the entries take, in whole blocks. */
  taken(): number {
    const files = readdirSync(this.path, { recursive: true, withFileTypes: true })
    const entries = files.filter(({ name }) => /^[0-9a-f]{64}$/.test(name))
    const sizes = entries.map(({ parentPath, name }) => statSync(join(parentPath, name)).size)
    return sizes.reduce((sum, bytes) => sum + Math.ceil(bytes / 4096) * 4096, 0)
  }
}

const at = (ms: number) => PAGES.map((page) => `${page} at ${ms}`)

test('a start from the whole index brings back what was not purged, and nothing else', async (t) => {
  const site = new Site(t)
  const first = await site.start()
  assert.deepEqual(await site.pages(first), at(0))
  site.now += 1000
  first.now = site.now
  await first.purge({ prefix: '/a' })
  await first.purge({ url: 'http://example.com/b' })
  await first.purge({ url: '/c', soft: true })
  await first.zone.close()
  assert.ok(site.files().includes('index') && site.files().includes('bans'), site.files().join())
  site.now += 1000
  const again = await site.start()
  assert.equal(again.zone.stats().entries, 3, 'the one that was purged by its URL is gone')
  assert.deepEqual(await site.pages(again), ['/a at 2000', '/b at 2000', '/c at 2000', '/d at 0'])
})

test('a start beside one that runs, and after one that was killed', async (t) => {
  const site = new Site(t)
  const first = await site.start()
  await site.pages(first)
  site.now += 1000
  first.now = site.now
  await first.purge({ tags: ['news'] })
  site.now += 1000
  // The first one neither closes nor saves anything.
  const second = await site.start()
  assert.deepEqual(await site.pages(second), at(2000))
})

test('what is purged and never asked for leaves the disk, by the process that evicts', async (t) => {
  const site = new Site(t)
  const [owner, guest] = [await site.start(), await site.start()]
  await site.pages(owner)
  const entries = () => owner.zone.stats().entries
  await until('on disk', () => entries() === PAGES.length)
  site.now += 1000
  owner.now = guest.now = site.now
  await owner.purge({ prefix: '/a' })
  await owner.purge({ prefix: '/b' })
  await until('gone', () => {
    for (const { timers } of [guest, owner]) timers.fire()
    return entries() === 2
  })
  assert.deepEqual(await site.pages(owner), ['/a at 1000', '/b at 1000', '/c at 0', '/d at 0'])
})

test('the file of bans is no entry: not counted, not swept with a former version, not in the way of a start', async (t) => {
  const site = new Site(t)
  const first = await site.start('1')
  await site.pages(first)
  site.now += 1000
  first.now = site.now
  for (let n = 0; n < 300; n++) await first.purge({ prefix: `/other/${n}` })
  assert.ok(site.bans().length > 8192)
  await first.zone.close()
  const bans = site.bans()
  const entries = site.taken()
  writeFileSync(join(site.path, 'bans.new'), '')
  const second = await site.start('1')
  assert.equal(second.zone.stats().entries, PAGES.length)
  assert.equal(site.taken(), entries)
  await second.zone.close()
  const third = await site.start('2')
  site.now += 3_600_000
  await site.pages(third)
  await until('the former version is gone', async () => {
    site.now += 10_000
    await site.pages(third)
    return site.taken() === entries
  })
  assert.equal(site.bans(), bans)
  for (const name of ['.sluice-cache', 'bans', 'version']) assert.ok(site.files().includes(name), name)
})
