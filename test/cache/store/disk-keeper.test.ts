// What the disk tier knows after a restart, and what leaves by itself.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type DiskOptions, type DiskStore, openDiskStore } from '../../../src/cache/store/disk'
import { digestOf, entryPath } from '../../../src/cache/store/disk-name'
import { until } from '../../support/waiting'
import { bytesOf, contentOf, fill, tempDir } from './support'

const MAX_BYTES = 1 << 24

async function open(t: TestContext, path: string, options: Partial<DiskOptions> = {}): Promise<DiskStore> {
  const store = await openDiskStore({ path, maxBytes: MAX_BYTES, now: Date.now, ...options })
  t.after(() => store.close())
  return store
}

function keys(store: DiskStore, count: number): number[] {
  return Array.from({ length: count }, (_, n) => n).filter((n) => store.knows(`k${n}`))
}

test('the order of use survives a restart', async (t) => {
  const path = tempDir(t)
  const first = await open(t, path)
  for (let n = 0; n < 10; n++) await fill(first, `k${n}`, { body: bytesOf(50_000) })
  for (const n of [0, 3, 6]) await first.find(`k${n}`)
  await first.close()
  const second = await open(t, path, { maxBytes: 3 * 53_248 })
  assert.deepEqual(keys(second, 10), [0, 3, 6])
})

test('after a crash the order of the last snapshot holds, and every file is counted', async (t) => {
  const path = tempDir(t)
  const first = await open(t, path)
  for (let n = 0; n < 6; n++) await fill(first, `k${n}`, { body: bytesOf(50_000) })
  await first.find('k0')
  await first.close()
  const second = await open(t, path)
  // Read, so that it is not complete any more; a crash would leave it as it is here.
  const snapshot = readFileSync(join(path, 'index'))
  await fill(second, 'k1', { body: bytesOf(500_000) })
  await fill(second, 'new', { body: bytesOf(50_000) })
  const { bytes } = second.stats()
  await second.close()
  writeFileSync(join(path, 'index'), snapshot)
  const third = await open(t, path)
  assert.equal(third.stats().bytes, bytes)
  assert.equal(third.stats().entries, 7)
  await third.close()
  writeFileSync(join(path, 'index'), snapshot)
  const small = await open(t, path, { maxBytes: 2 * 53_248 })
  assert.deepEqual(keys(small, 7), [0, 5])
})

test('a complete snapshot is believed: the files are not counted', async (t) => {
  const path = tempDir(t)
  const first = await open(t, path)
  for (let n = 0; n < 5; n++) await fill(first, `k${n}`)
  await first.close()
  rmSync(entryPath(path, digestOf('k2')))
  const second = await open(t, path)
  assert.equal(second.stats().entries, 5)
  assert.equal(await second.find('k2'), undefined)
  await until('it was looked for', () => second.stats().entries === 4)
})

test('without a snapshot, or with another file in its place, the files are counted', async (t) => {
  const path = tempDir(t)
  const first = await open(t, path)
  for (let n = 0; n < 5; n++) await fill(first, `k${n}`)
  await first.close()
  for (const spoil of [
    () => rmSync(join(path, 'index')),
    () => writeFileSync(join(path, 'index'), 'SLUICEIX and no more'),
    () => writeFileSync(join(path, 'index'), bytesOf(5_000))
  ]) {
    spoil()
    const store = await open(t, path)
    assert.equal(store.stats().entries, 5)
    await store.close()
  }
})

test('a file counts in whole blocks', async (t) => {
  const path = tempDir(t)
  const store = await open(t, path)
  await fill(store, 'tiny', { body: bytesOf(1) })
  assert.equal(store.stats().bytes, 4096)
  await fill(store, 'more', { body: bytesOf(4_000) })
  assert.equal(store.stats().bytes, 3 * 4096)
  const { blocks } = statSync(entryPath(path, digestOf('tiny')))
  assert.ok(blocks * 512 <= 4096)
})

test('what a former version has stored goes ten minutes after the change, unless it is used', async (t) => {
  let now = 1_000_000_000
  const path = tempDir(t)
  const options = { now: () => now }
  const first = await open(t, path, { ...options, version: 'v1' })
  for (let n = 0; n < 250; n++) await fill(first, `k${n}`)
  await first.close()
  now += 60_000
  const second = await open(t, path, { ...options, version: 'v2' })
  now += 5_000
  await fill(second, 'new')
  assert.ok(await second.find('k7'))
  now += 590_000
  await second.find('none')
  assert.equal(second.stats().entries, 251)
  const files = () =>
    readdirSync(path, { recursive: true }).filter((name) => /[0-9a-f]{64}$/.test(String(name)))
  await until('the old ones are gone', async () => {
    now += 10_000
    await second.find('none')
    return files().length === 2
  })
  assert.ok(second.knows('k7') && second.knows('new'))
  await second.close()
  const third = await open(t, path, { ...options, version: 'v2' })
  now += 3_600_000
  await third.find('none')
  await third.close()
  assert.equal(files().length, 2)
})

test('what is inactive goes also when nobody asks for anything', async (t) => {
  let now = 1_000_000_000
  const store = await open(t, tempDir(t), { now: () => now, inactiveMs: 60_000 })
  await fill(store, 'k')
  now += 61_000
  await until('it is gone', () => !store.knows('k'))
})

test('a store that shares its directory sees what the other stores, and what it may not keep is no error', async (t) => {
  const path = tempDir(t)
  const owner = await open(t, path)
  const guest = await open(t, path)
  await fill(owner, 'k', { body: bytesOf(100_000) })
  assert.deepEqual(await contentOf(guest, 'k'), bytesOf(100_000))
  assert.equal(await fill(guest, 'own'), undefined, 'before it was granted anything')
  assert.equal(await guest.remove('k'), true)
  assert.equal(await owner.find('k'), undefined)
  await owner.close()
  await until('the other one takes over', async () => (await fill(guest, 'own')) !== undefined)
  assert.equal(guest.stats().entries, 1)
})
