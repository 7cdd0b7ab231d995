// Files that are not what was written: never a wrong byte, as a whole or in a range.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { openDiskStore } from '../../../src/cache/store/disk'
import { digestOf, entryPath } from '../../../src/cache/store/disk-name'
import { bytesOf, collect, entryOf, fill, headOf, seeded, tempDir } from './support'

const MUTATIONS = Number(process.env.SLUICE_MUTATIONS ?? 5_000)
const SIZES = [0, 300, 65_536, 70_000, 200_000]

type Random = () => number

/** Each makes other bytes of a good file; `other` is another good one. */
const mutations: Record<string, (file: Buffer, random: Random, other: Buffer) => Buffer> = {
  flip(file, random) {
    const at = Math.floor(random() * file.length)
    file[at] = (file[at] ?? 0) ^ (1 << Math.floor(random() * 8))
    return file
  },
  flipNearStart(file, random) {
    const at = Math.floor(random() * Math.min(file.length, 64))
    file[at] = (file[at] ?? 0) ^ (1 << Math.floor(random() * 8))
    return file
  },
  truncate: (file, random) => file.subarray(0, Math.floor(random() * file.length)),
  extend: (file, random) => Buffer.concat([file, bytesOf(1 + Math.floor(random() * 9_000), 5)]),
  zeroes(file, random) {
    const at = Math.floor(random() * file.length)
    return file.fill(0, at, Math.min(file.length, at + 4_096))
  },
  garbage(file, random) {
    const at = Math.floor(random() * file.length)
    bytesOf(Math.min(1 + Math.floor(random() * 500), file.length - at), 6).copy(file, at)
    return file
  },
  splice(file, random, other) {
    const at = Math.floor(random() * Math.min(file.length, other.length))
    return Buffer.concat([file.subarray(0, at), other.subarray(at)])
  },
  replace: (_file, _random, other) => Buffer.from(other),
  moveBlock(file, random) {
    const block = 65_536
    const from = file.length - block - Math.floor(random() * 1_000)
    if (from > 0) file.copy(file, Math.max(0, from - block), from, from + block)
    return file
  },
  /** As a file system leaves it whose journal knew the length and not the content. */
  zeroTail(file, random) {
    const at = Math.floor(random() * file.length)
    return file.fill(0, at)
  },
  swapHalves: (file) => {
    const half = file.length >> 1
    return Buffer.concat([file.subarray(half), file.subarray(0, half)])
  },
  noise: (_file, random) => bytesOf(Math.floor(random() * 2_000), 8)
}

test(`${MUTATIONS} damaged files: never a wrong byte served`, async (t) => {
  const path = tempDir(t)
  const store = await openDiskStore({ path, maxBytes: 1 << 28, now: Date.now })
  t.after(() => store.close())
  const head = headOf({ etag: '"a"' })
  const good = new Map<number, Buffer>()
  const at = entryPath(path, digestOf('k'))
  for (const size of SIZES) {
    await fill(store, 'k', { head, body: bytesOf(size) })
    good.set(size, readFileSync(at))
  }
  await fill(store, 'other', { head, body: bytesOf(200_000, 2) })
  const other = readFileSync(entryPath(path, digestOf('other')))
  const random = seeded(42)
  const kinds = Object.entries(mutations)
  let survived = 0
  for (let n = 0; n < MUTATIONS; n++) {
    const size = SIZES[n % SIZES.length] ?? 0
    const [kind, mutate] = kinds[Math.floor(random() * kinds.length)] ?? assert.fail()
    const intact = good.get(size) ?? assert.fail()
    const damaged = mutate(Buffer.from(intact), random, other)
    // What the last round still has to delete must not be this file.
    await store.remove('k')
    mkdirSync(dirname(at), { recursive: true })
    writeFileSync(at, damaged)
    const entry = await entryOf(store, 'k')
    const what = `${kind}, ${size} bytes, number ${n}`
    if (entry === undefined) {
      assert.equal(damaged.equals(intact), false, what)
      continue
    }
    assert.deepEqual(entry.head, head, what)
    assert.equal(entry.length, size, what)
    const from = Math.floor(random() * size)
    for (const [start, end] of [
      [0, size - 1],
      [from, Math.min(size - 1, from + 100)]
    ] as const) {
      const expected = bytesOf(size)
      let served = start
      try {
        for await (const chunk of entry.read(start, end)) {
          assert.ok(chunk.equals(expected.subarray(served, served + chunk.length)), what)
          served += chunk.length
        }
        assert.equal(served, end + 1, what)
        survived++
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'SLUICE_INTERNAL', `${what}: ${error}`)
      }
    }
  }
  assert.ok(survived > 0)
  assert.equal(store.stats().degraded, undefined)
})

test('a block that is damaged ends the stream, and the file', async (t) => {
  const path = tempDir(t)
  const store = await openDiskStore({ path, maxBytes: 1 << 28, now: Date.now })
  t.after(() => store.close())
  await fill(store, 'k', { body: bytesOf(300_000) })
  const at = entryPath(path, digestOf('k'))
  const file = readFileSync(at)
  file[file.length - 20_000] = (file[file.length - 20_000] ?? 0) ^ 1
  writeFileSync(at, file)
  const entry = (await entryOf(store, 'k')) ?? assert.fail()
  assert.deepEqual(await collect(entry.read(0, 100_000)), bytesOf(300_000).subarray(0, 100_001))
  await assert.rejects(collect(entry.read()), { code: 'SLUICE_INTERNAL' })
  await store.close()
  assert.equal(existsSync(at), false)
})

test('a damaged file is gone after the first lookup', async (t) => {
  const path = tempDir(t)
  const store = await openDiskStore({ path, maxBytes: 1 << 28, now: Date.now })
  t.after(() => store.close())
  await fill(store, 'k')
  const at = entryPath(path, digestOf('k'))
  writeFileSync(at, 'torn')
  assert.equal(await store.find('k'), undefined)
  await store.close()
  assert.equal(existsSync(at), false)
  assert.equal(store.stats().entries, 0)
})
