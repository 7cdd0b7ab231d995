import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { openDiskStore } from '../../../src/cache/store/disk'
import { digestOf, entryPath } from '../../../src/cache/store/disk-name'
import type { DiskStore } from '../../../src/cache/store/disk-options'
import { createMemoryStore, type MemoryStore } from '../../../src/cache/store/memory'
import type { CacheStore } from '../../../src/cache/store/store'
import { createTieredStore } from '../../../src/cache/store/tiered'
import { type ContractLimits, contract } from './contract'
import { bytesOf, collect, contentOf, fill, headOf, tempDir } from './support'

const disks = new WeakMap<CacheStore, DiskStore>()

async function make(t: TestContext, memoryBytes: number, limits: ContractLimits): Promise<CacheStore> {
  const disk = await openDiskStore({
    path: tempDir(t),
    maxBytes: limits.maxBytes - memoryBytes,
    now: Date.now
  })
  const store = createTieredStore(createMemoryStore({ ...limits, maxBytes: memoryBytes }), disk)
  disks.set(store, disk)
  return store
}

async function settle(store: CacheStore, key: string): Promise<void> {
  while (!disks.get(store)?.knows(key)) await new Promise((resolve) => setImmediate(resolve))
}

contract('tiered', (t, limits) => make(t, limits.maxBytes / 2, limits), settle)
contract('tiered with little memory', (t, limits) => make(t, 40_000, limits), settle)

interface Tiers {
  readonly path: string
  readonly memory: MemoryStore
  readonly disk: DiskStore
  readonly store: CacheStore
}

async function open(
  t: TestContext,
  limits: Partial<ContractLimits & { diskBytes: number; now: () => number; inactiveMs: number }> = {}
): Promise<Tiers> {
  const path = tempDir(t)
  const { maxBytes = 1_000_000, maxObjectBytes = 500_000, diskBytes = 10_000_000 } = limits
  const memory = createMemoryStore({ maxBytes, maxObjectBytes })
  const disk = await openDiskStore({
    path,
    maxBytes: diskBytes,
    now: limits.now ?? Date.now,
    inactiveMs: limits.inactiveMs
  })
  const store = createTieredStore(memory, disk)
  t.after(() => store.close())
  return { path, memory, disk, store }
}

test('tiered: one fill feeds both', async (t) => {
  const { memory, disk, store } = await open(t)
  await fill(store, 'k', { body: bytesOf(100_000) })
  assert.ok(store.peek('k'))
  assert.deepEqual(await contentOf(memory, 'k'), bytesOf(100_000))
  await store.close()
  assert.equal(disk.stats().entries, 1)
})

test('tiered: a commit is visible in the same tick', async (t) => {
  const { store } = await open(t)
  const writer = store.open('k', headOf(), 1)
  writer?.write(Buffer.from('x'))
  void writer?.commit()
  assert.ok(store.peek('k'))
})

test('tiered: a small disk hit comes up to memory', async (t) => {
  const { memory, store } = await open(t)
  await fill(store, 'k')
  memory.forget('k')
  assert.equal(store.peek('k'), undefined)
  assert.deepEqual(await contentOf(store, 'k'), Buffer.from('hello'))
  assert.ok(store.peek('k'))
})

test('tiered: a look leaves everything where it is', async (t) => {
  const { memory, store } = await open(t)
  await fill(store, 'k')
  await store.find('other')
  memory.forget('k')
  const found = await store.look('k')
  assert.ok(found !== undefined && 'head' in found)
  assert.equal(store.peek('k'), undefined)
})

test('tiered: a large disk hit comes up to memory in the background', async (t) => {
  const { memory, store } = await open(t)
  await fill(store, 'k', { body: bytesOf(300_000) })
  memory.forget('k')
  assert.deepEqual(await contentOf(store, 'k'), bytesOf(300_000))
  while (store.peek('k') === undefined) await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(await contentOf(memory, 'k'), bytesOf(300_000))
})

test('tiered: what is too large for memory stays on disk', async (t) => {
  const { store } = await open(t, { maxObjectBytes: 1_000 })
  await fill(store, 'k', { body: bytesOf(2_000) })
  assert.deepEqual(await contentOf(store, 'k'), bytesOf(2_000))
  assert.equal(store.peek('k'), undefined)
})

test('tiered: a version that is too large for memory replaces the one there', async (t) => {
  const { store } = await open(t, { maxObjectBytes: 1_000 })
  await fill(store, 'k', { body: bytesOf(500, 1) })
  for (const known of [true, false]) {
    await fill(store, 'k', { body: bytesOf(2_000, 2), known })
    assert.deepEqual(await contentOf(store, 'k'), bytesOf(2_000, 2))
  }
})

test('tiered: memory lets go without a loss', async (t) => {
  const { store } = await open(t, { maxBytes: 60_000, maxObjectBytes: 50_000 })
  for (let n = 0; n < 20; n++) await fill(store, `k${n}`, { body: bytesOf(15_000, n) })
  for (let n = 0; n < 20; n++) assert.deepEqual(await contentOf(store, `k${n}`), bytesOf(15_000, n))
})

test('tiered: what the disk evicts leaves memory, what memory uses is spared', async (t) => {
  const { memory, disk, store } = await open(t, { diskBytes: 100_000 })
  for (let n = 0; n < 6; n++) await fillBoth(store, memory, `k${n}`)
  assert.ok(store.peek('k0'))
  await fillBoth(store, memory, 'new')
  assert.equal(store.peek('k1'), undefined)
  assert.equal(disk.knows('k1'), false)
  assert.ok(store.peek('k0'))
  assert.equal(disk.knows('k0'), true)
  assert.equal(disk.stats().evictions, 1)
})

// A lookup waits until the disk has done what it was asked to, and brings the entry back to memory.
async function fillBoth(store: CacheStore, memory: MemoryStore, key: string): Promise<void> {
  await fill(store, key, { body: bytesOf(15_000) })
  memory.forget(key)
  assert.ok(await store.find(key))
}

test('tiered: a removed response does not come back through a lookup that was under way', async (t) => {
  const { memory, store } = await open(t)
  for (let n = 0; n < 50; n++) {
    await fill(store, 'k', { body: bytesOf(n % 2 === 0 ? 10 : 200_000) })
    await store.find('other')
    memory.forget('k')
    const looking = store.find('k')
    const removing = store.remove('k')
    const between = store.find('k')
    const found = await looking
    if (found !== undefined && !('vary' in found)) await collect(found.read()).catch(() => undefined)
    await between
    await removing
    assert.equal(await store.find('k'), undefined)
    assert.equal(store.peek('k'), undefined)
  }
})

test('tiered: many lookups of one key read the disk once', async (t) => {
  const { memory, disk, store } = await open(t)
  await fill(store, 'k')
  await store.find('other')
  memory.forget('k')
  let finds = 0
  const find = disk.find.bind(disk)
  disk.find = (key) => {
    finds++
    return find(key)
  }
  const found = await Promise.all(Array.from({ length: 50 }, () => store.find('k')))
  assert.equal(finds, 1)
  assert.ok(found.every((entry) => entry !== undefined))
})

test('tiered: a damaged file is a miss, not a wrong answer', async (t) => {
  const { path, memory, store } = await open(t)
  await fillBoth(store, memory, 'k')
  memory.forget('k')
  writeFileSync(entryPath(path, digestOf('k')), 'garbage')
  assert.equal(await store.find('k'), undefined)
})

test('tiered: what memory serves is not inactive on disk', async (t) => {
  let now = 1_000_000
  const { memory, disk, store } = await open(t, { inactiveMs: 60_000, now: () => now })
  for (const key of ['used', 'unused']) await fillBoth(store, memory, key)
  now += 70_000
  assert.ok(store.peek('used'))
  await disk.find('other')
  while (disk.knows('unused')) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(store.peek('used'))
  assert.ok(disk.knows('used'))
  while (memory.peek('unused') !== undefined) await new Promise((resolve) => setImmediate(resolve))
})
