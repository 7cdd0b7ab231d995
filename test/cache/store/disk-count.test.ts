// What is counted against the maximum: exactly what is there, whoever changed it, and in whatever order it was told.
import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openDiskStore } from '../../../src/cache/store/disk'
import { takenBytes } from '../../../src/cache/store/disk-entry'
import type { DiskStore } from '../../../src/cache/store/disk-options'
import { until } from '../../support/waiting'
import { bytesOf, entryOf, fill, seeded, tempDir } from './support'

const MAX_BYTES = 2 << 20
const LONG_MS = 60_000

async function open(t: TestContext, path: string): Promise<DiskStore> {
  const store = await openDiskStore({ path, maxBytes: MAX_BYTES, now: Date.now })
  t.after(() => store.close())
  return store
}

/** The first one evicts. */
async function openAll(t: TestContext, path: string) {
  const stores = [await open(t, path), await open(t, path), await open(t, path)] as const
  for (const store of stores) {
    await until('it may write', async () => (await fill(store, 'first')) !== undefined, LONG_MS)
  }
  return stores
}

function onDisk(path: string) {
  const found = { entries: 0, bytes: 0 }
  for (const file of readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (!/^[0-9a-f]{64}$/.test(file.name)) continue
    found.entries++
    found.bytes += takenBytes(statSync(join(file.parentPath, file.name)).size)
  }
  return found
}

async function settles(owner: DiskStore, path: string): Promise<void> {
  const isRight = () => {
    const { entries, bytes } = owner.stats()
    const there = onDisk(path)
    return entries === there.entries && bytes === there.bytes
  }
  let inRow = 0
  await until(
    'the count is what is there, and stays so',
    async () => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      inRow = isRight() ? inRow + 1 : 0
      return inRow === 15
    },
    LONG_MS
  )
}

test('a deletion that is told late does not take out of the count what came after it', async (t) => {
  const path = tempDir(t)
  const [owner, first, second] = await openAll(t, path)
  for (let n = 0; n < 5; n++) {
    await fill(owner, `k${n}`)
    await second.remove(`k${n}`)
    await until(
      'stored',
      async () => (await fill(first, `k${n}`, { body: bytesOf(20_000) })) !== undefined,
      LONG_MS
    )
  }
  await settles(owner, path)
  assert.equal(owner.stats().entries, 6)
})

test('three stores that fill, read and remove the same keys are counted right', async (t) => {
  const path = tempDir(t)
  const stores = await openAll(t, path)
  const random = seeded(42)
  const pick = (count: number) => Math.floor(random() * count)
  const turn = async (store: DiskStore) => {
    for (let n = 0; n < 120; n++) {
      const key = `k${pick(30)}`
      const what = pick(6)
      if (what < 4) await fill(store, key, { body: bytesOf(1_000 + pick(9) * 9_000, n) })
      else if (what === 4) await store.remove(key)
      else await entryOf(store, key)
    }
  }
  await Promise.all([...stores, ...stores].map(turn))
  await settles(stores[0], path)
  assert.ok(stores[0].stats().bytes <= MAX_BYTES)
})
