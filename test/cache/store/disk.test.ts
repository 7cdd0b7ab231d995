import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type DiskOptions, openDiskStore } from '../../../src/cache/store/disk'
import { digestOf, entryPath } from '../../../src/cache/store/disk-name'
import type { DiskStore } from '../../../src/cache/store/disk-options'
import { until } from '../../support/waiting'
import { contract } from './contract'
import { bytesOf, collect, contentOf, entryOf, fill, headOf, tempDir } from './support'

contract('disk', (t, { maxBytes }) => openDiskStore({ path: tempDir(t), maxBytes, now: Date.now }))

const MAX_BYTES = 16 * 1024 ** 2

async function open(t: TestContext, path: string, options: Partial<DiskOptions> = {}): Promise<DiskStore> {
  const store = await openDiskStore({ path, maxBytes: MAX_BYTES, now: Date.now, ...options })
  t.after(() => store.close())
  return store
}

function filesIn(path: string): string[] {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => entry.name)
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
}

test('disk: entries survive a restart', async (t) => {
  const path = tempDir(t)
  const first = await open(t, path)
  const head = headOf({ etag: '"a"' })
  for (const size of [0, 10, 500_000]) await fill(first, `k${size}`, { head, body: bytesOf(size) })
  first.putVary('v', { vary: ['accept'], storedAt: 3 })
  await first.freshen('k10', headOf({ etag: '"a"', age: '7' }))
  const { bytes } = first.stats()
  await first.close()
  const second = await open(t, path)
  assert.equal(second.stats().entries, 4)
  assert.equal(second.stats().bytes, bytes)
  for (const size of [0, 10, 500_000]) assert.deepEqual(await contentOf(second, `k${size}`), bytesOf(size))
  assert.deepEqual(await second.find('v'), { vary: ['accept'], storedAt: 3 })
  assert.equal((await entryOf(second, 'k10'))?.head.fields.age, '7')
})

test('disk: directory and files are private, and marked', async (t) => {
  const path = join(tempDir(t), 'deep', 'cache')
  const store = await open(t, path)
  await fill(store, 'k')
  assert.equal(statSync(path).mode & 0o777, 0o700)
  assert.equal(statSync(entryPath(path, digestOf('k'))).mode & 0o777, 0o600)
  assert.ok(existsSync(join(path, '.sluice-cache')))
})

test('disk: a directory that is not ours is refused, and left as it is', async (t) => {
  const path = tempDir(t)
  writeFileSync(join(path, 'precious'), 'x')
  await assert.rejects(open(t, path), { code: 'SLUICE_OPTIONS', message: /^disk\.path: .*not empty/ })
  assert.deepEqual(readdirSync(path), ['precious'])
})

test('disk: a directory that others may write to is refused', async (t) => {
  const path = tempDir(t)
  chmodSync(path, 0o777)
  await assert.rejects(open(t, path), { message: /^disk\.path: .*other users may write/ })
})

test('disk: a path that cannot be a directory is refused', async (t) => {
  const path = join(tempDir(t), 'file')
  writeFileSync(path, 'x')
  await assert.rejects(open(t, path), { message: /^disk\.path: .*cannot be used \(E[A-Z]+\)/ })
})

test('disk: temporary files of dead processes are swept, others are not', async (t) => {
  const path = tempDir(t)
  const first = await open(t, path)
  const writer = first.open('k', headOf(), undefined)
  writer?.write(bytesOf(200_000))
  writeFileSync(join(path, 'tmp', `${process.pid}-0123456789abcdef-1`), 'dead: this process, another start')
  writeFileSync(join(path, 'tmp', '4194399-0123456789abcdef-1'), 'dead: no such process')
  writeFileSync(join(path, 'tmp', 'notes.txt'), 'not ours')
  writeFileSync(join(path, 'spool-4194399-0123456789abcdef'), 'killed before it lost its name')
  const second = await open(t, path)
  assert.ok(!existsSync(join(path, 'spool-4194399-0123456789abcdef')))
  const left = readdirSync(join(path, 'tmp'))
  assert.ok(left.includes('notes.txt'))
  assert.ok(!left.some((name) => name.includes('0123456789abcdef')))
  await writer?.commit()
  assert.deepEqual(await contentOf(second, 'k'), bytesOf(200_000))
})

test('disk: what is not of our form is never deleted, nor counted', async (t) => {
  const path = tempDir(t)
  const store = await open(t, path)
  await fill(store, 'k')
  await store.close()
  const foreign = ['readme', 'ab/cd/readme', `ab/cd/${'0'.repeat(64)}`, `ab/cd/${'z'.repeat(64)}`]
  mkdirSync(join(path, 'ab/cd'), { recursive: true })
  for (const name of foreign) writeFileSync(join(path, name), 'x'.repeat(9000))
  const next = await open(t, path, { maxBytes: 10_000 })
  for (let n = 0; n < 30; n++) await fill(next, `k${n}`)
  assert.ok(next.stats().evictions > 10)
  for (const name of foreign) assert.ok(existsSync(join(path, name)), name)
})

test('disk: planted links, directories, FIFOs and empty files are misses', async (t) => {
  const path = tempDir(t)
  const outside = tempDir(t)
  const store = await open(t, path)
  const secret = join(outside, 'secret')
  writeFileSync(secret, 'secret')
  const plant = {
    link: (at: string) => symlinkSync(secret, at),
    directory: (at: string) => mkdirSync(at),
    hardlink: (at: string) => linkSync(secret, at),
    empty: (at: string) => writeFileSync(at, ''),
    fifo: (at: string) => execFileSync('mkfifo', [at])
  }
  for (const [key, make] of Object.entries(plant)) {
    const at = entryPath(path, digestOf(key))
    mkdirSync(join(at, '..'), { recursive: true })
    make(at)
    await store.freshen(key, headOf())
    assert.equal(await store.find(key), undefined)
    rmSync(at, { recursive: true, force: true })
    make(at)
    await fill(store, key)
    await store.remove(key)
  }
  assert.equal(readFileSync(secret, 'utf8'), 'secret')
  assert.equal(store.stats().degraded, undefined)
  assert.deepEqual(await contentOf(await openFilled(store), 'good'), Buffer.from('hello'))
})

async function openFilled(store: DiskStore): Promise<DiskStore> {
  await fill(store, 'good')
  return store
}

test('disk: two files that were swapped are both a miss, and go', async (t) => {
  const path = tempDir(t)
  const store = await open(t, path)
  await fill(store, 'a', { body: bytesOf(100, 1) })
  await fill(store, 'b', { body: bytesOf(100, 2) })
  const [a, b] = [entryPath(path, digestOf('a')), entryPath(path, digestOf('b'))]
  renameSync(a, `${path}/tmp/x`)
  renameSync(b, a)
  renameSync(`${path}/tmp/x`, b)
  assert.equal(await store.find('a'), undefined)
  assert.equal(await store.find('b'), undefined)
  await store.close()
  assert.deepEqual(filesIn(path), [])
})

test('disk: two stores on one directory see and tolerate each other', async (t) => {
  const path = tempDir(t)
  const stores = [
    await open(t, path, { maxBytes: 300_000 }),
    await open(t, path, { maxBytes: 300_000 })
  ] as const
  await Promise.all(
    stores.map(async (store, self) => {
      for (let n = 0; n < 120; n++) {
        const key = `k${(n * 7 + self) % 12}`
        if (n % 5 === 4) await store.remove(key)
        else if (n % 3 === 0) await fill(store, key, { body: bytesOf(20_000 + n * 800, n) })
        else await checkOneOf(store, key)
      }
    })
  )
  await fill(stores[0], 'shared', { body: bytesOf(5_000) })
  assert.deepEqual(await contentOf(stores[1], 'shared'), bytesOf(5_000))
  await stores[1].remove('shared')
  assert.equal(await stores[0].find('shared'), undefined)
  for (const store of stores) assert.equal(store.stats().degraded, undefined)
})

async function checkOneOf(store: DiskStore, key: string): Promise<void> {
  const entry = await entryOf(store, key)
  if (entry === undefined) return
  const n = (entry.length - 20_000) / 800
  assert.deepEqual(await collect(entry.read()), bytesOf(entry.length, n))
}

test('disk: files never add up to more than maxSize, fills under way included', async (t) => {
  const path = tempDir(t)
  const maxBytes = 500_000
  const store = await open(t, path, { maxBytes })
  let peak = 0
  const fills = Array.from({ length: 60 }, async (_, n) => {
    await fill(store, `k${n % 25}`, { body: bytesOf(10_000 + (n % 7) * 25_000, n), known: n % 2 === 0 })
    let bytes = 0
    for (const file of readdirSync(path, { recursive: true, withFileTypes: true })) {
      if (file.isFile())
        bytes += statSync(join(file.parentPath, file.name), { throwIfNoEntry: false })?.size ?? 0
    }
    peak = Math.max(peak, bytes, store.stats().bytes)
  })
  await Promise.all(fills)
  assert.ok(peak <= maxBytes, `${peak} bytes`)
  assert.ok(store.stats().entries > 0)
})

test('disk: a smaller maxSize is kept from the start', async (t) => {
  const path = tempDir(t)
  const store = await open(t, path)
  for (let n = 0; n < 20; n++) await fill(store, `k${n}`, { body: bytesOf(50_000) })
  await store.close()
  const small = await open(t, path, { maxBytes: 200_000 })
  assert.ok(small.stats().bytes <= 200_000)
  assert.ok(small.stats().entries >= 2)
})

test('disk: what is not used for inactive goes', async (t) => {
  let now = 1_000_000
  const path = tempDir(t)
  const store = await open(t, path, { inactiveMs: 60_000, now: () => now })
  await fill(store, 'old')
  await fill(store, 'used')
  now += 50_000
  assert.ok(await store.find('used'))
  now += 20_000
  await store.find('other')
  await store.close()
  assert.deepEqual(filesIn(path), [digestOf('used').toString('hex')])
})

test('disk: a directory deleted while running is made again', async (t) => {
  const path = join(tempDir(t), 'cache')
  const store = await open(t, path)
  await fill(store, 'a')
  rmSync(path, { recursive: true })
  assert.equal(await store.find('a'), undefined)
  assert.ok(await fill(store, 'b'))
  assert.deepEqual(await contentOf(store, 'b'), Buffer.from('hello'))
  assert.ok(existsSync(join(path, '.sluice-cache')))
})

test('disk: every descriptor is closed in the end', async (t) => {
  const count = () => readdirSync('/proc/self/fd').length
  const before = count()
  const store = await open(t, tempDir(t))
  for (let n = 0; n < 100; n++) {
    await fill(store, `k${n % 10}`, { body: bytesOf(100_000) })
    const entry = await entryOf(store, `k${n % 10}`)
    if (n % 3 === 0) await collect(entry?.read() ?? assert.fail())
    if (n % 3 === 1)
      entry
        ?.read()
        .once('data', () => undefined)
        .destroy()
  }
  await store.close()
  const deadline = Date.now() + 2_000
  while (count() > before && Date.now() < deadline) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(count() <= before, `${count()} descriptors, ${before} before`)
})

test('disk: a directory that is replaced by a foreign one is not touched, and costs no caller', async (t) => {
  let now = 1_000_000
  const path = join(tempDir(t), 'cache')
  const store = await open(t, path, { now: () => now })
  await fill(store, 'a', { body: bytesOf(200_000) })
  renameSync(path, `${path}.away`)
  mkdirSync(path, { mode: 0o700 })
  writeFileSync(join(path, 'precious'), 'x')
  for (let n = 0; n < 5; n++) {
    now += 1_500
    assert.equal(await fill(store, 'b'), undefined)
    assert.equal(await store.find('c'), undefined)
    await store.remove('a')
  }
  assert.ok(store.stats().degraded !== undefined)
  assert.deepEqual(readdirSync(path), ['precious'])
  rmSync(path, { recursive: true })
  renameSync(`${path}.away`, path)
  now += 120_000
  await until('it is used again', async () => {
    now += 10_000
    return (await fill(store, 'b')) !== undefined
  })
  assert.equal(store.stats().degraded, undefined)
})

test('disk: large content is never read whole', async (t) => {
  const store = await open(t, tempDir(t))
  await fill(store, 'k', { body: bytesOf(3_000_000) })
  const entry = (await entryOf(store, 'k')) ?? assert.fail()
  assert.equal(entry.buffer, null)
  for await (const chunk of entry.read()) assert.ok(chunk.length <= 65_536)
})
