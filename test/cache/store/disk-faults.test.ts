// Every file system call fails with every errno: no request does, the tier goes off and comes back.
import assert from 'node:assert/strict'
import nodeFs, { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { openDiskStore } from '../../../src/cache/store/disk'
import type { DiskFs } from '../../../src/cache/store/disk-io'
import { bytesOf, collect, contentOf, entryOf, fill, headOf, tempDir } from './support'

const CALLS = ['open', 'read', 'write', 'close', 'rename', 'unlink', 'mkdir', 'readdir', 'lstat'] as const
const ERRNOS = [
  'ENOSPC',
  'EDQUOT',
  'EIO',
  'EROFS',
  'EACCES',
  'EMFILE',
  'ENFILE',
  'ENOENT',
  'EINVAL',
  'EEXIST'
]

type Call = (typeof CALLS)[number]
type Callback = (error: Error | null, result?: unknown) => void

/** node:fs, of which `fault` decides which calls fail, with what. */
function faultyFs(fault: (call: Call) => string | undefined): DiskFs {
  const wrapped = CALLS.map((call) => {
    const real = nodeFs[call] as (...args: unknown[]) => void
    const faulty = (...args: unknown[]) => {
      const errno = fault(call)
      if (errno === undefined) return real(...args)
      // A file that could not be closed is closed all the same.
      if (call === 'close') return real(args[0], () => (args.at(-1) as Callback)(failure(errno)))
      setImmediate(() => (args.at(-1) as Callback)(failure(errno)))
    }
    return [call, faulty]
  })
  return Object.fromEntries(wrapped) as DiskFs
}

function failure(errno: string): Error {
  return Object.assign(new Error(errno), { code: errno })
}

for (const call of CALLS) {
  test(`${call} fails, whatever the errno: no caller does, and all is well afterwards`, async (t) => {
    for (const errno of ERRNOS) {
      let broken = false
      let now = 1_000_000
      const path = tempDir(t)
      const fs = faultyFs((made) => (broken && made === call ? errno : undefined))
      const store = await openDiskStore({ path, maxBytes: 1 << 24, now: () => now, fs })
      await fill(store, 'old', { body: bytesOf(150_000, 1) })
      await fill(store, 'small', { body: bytesOf(10, 2) })
      broken = true
      for (let n = 0; n < 3; n++) {
        await fill(store, `k${n}`, { body: bytesOf(200_000, n), known: n === 1 })
        await fill(store, 'small', { body: bytesOf(10, 2) })
        const entry = await entryOf(store, 'old')
        const content = await (entry && collect(entry.read()).catch(() => undefined))
        if (content !== undefined) assert.deepEqual(content, bytesOf(150_000, 1))
        await store.freshen('small', headOf({ age: '1' }))
        store.putVary('v', { vary: ['accept'], storedAt: n })
        await store.remove('gone')
        now += 7_000
      }
      broken = false
      now += 120_000
      // The first call after the pause is the try.
      await store.find('old')
      await fill(store, 'try', { body: bytesOf(10) })
      assert.equal(store.stats().degraded, undefined, errno)
      assert.ok(await fill(store, 'new', { body: bytesOf(100_000, 3) }), errno)
      assert.deepEqual(await contentOf(store, 'new'), bytesOf(100_000, 3))
      await store.close()
      if (call !== 'unlink') assert.deepEqual(readdirSync(`${path}/tmp`), [], errno)
    }
  })
}

test('a full disk still serves what it has', async (t) => {
  let broken = false
  const fs = faultyFs((call) => (broken && call === 'write' ? 'ENOSPC' : undefined))
  const store = await openDiskStore({ path: tempDir(t), maxBytes: 1 << 24, now: () => 1_000, fs })
  t.after(() => store.close())
  await fill(store, 'k')
  broken = true
  assert.equal(await fill(store, 'new'), undefined)
  assert.equal(store.stats().degraded, 'ENOSPC')
  assert.equal(store.open('new', headOf(), 5), undefined)
  assert.deepEqual(await contentOf(store, 'k'), Buffer.from('hello'))
})

test('what was removed while the disk refused to delete is never served, and goes when it can', async (t) => {
  let broken = false
  let now = 1_000
  const path = tempDir(t)
  const fs = faultyFs((call) => (broken && call === 'unlink' ? 'EROFS' : undefined))
  const store = await openDiskStore({ path, maxBytes: 1 << 24, now: () => now, fs })
  t.after(() => store.close())
  await fill(store, 'k')
  broken = true
  assert.equal(await store.remove('k'), true)
  assert.equal(await store.find('k'), undefined)
  broken = false
  assert.equal(await store.find('k'), undefined)
  now += 10_000
  await fill(store, 'other')
  await store.close()
  const again = await openDiskStore({ path, maxBytes: 1 << 24, now: () => now })
  t.after(() => again.close())
  assert.equal(await again.find('k'), undefined)
  assert.ok(await again.find('other'))
})

test('short reads and writes change nothing', async (t) => {
  const random = (max: number) => 1 + Math.floor(max / 3)
  const fs = {
    ...nodeFs,
    read: (fd: number, into: Buffer, offset: number, length: number, at: number, done: never) =>
      nodeFs.read(fd, into, offset, random(length), at, done),
    write: (fd: number, from: Buffer, offset: number, length: number, at: number, done: never) =>
      nodeFs.write(fd, from, offset, random(length), at, done)
  } as unknown as DiskFs
  const store = await openDiskStore({ path: tempDir(t), maxBytes: 1 << 24, now: Date.now, fs })
  t.after(() => store.close())
  for (const size of [0, 10, 300_000]) {
    await fill(store, 'k', { body: bytesOf(size) })
    assert.deepEqual(await contentOf(store, 'k'), bytesOf(size))
  }
})

test('a disk that hangs holds up no writer for ever: it gives up, and the memory is free', async (t) => {
  let hang = false
  const stuck: (() => void)[] = []
  const write = ((...args: Parameters<typeof nodeFs.write>) => {
    const go = () => (nodeFs.write as (...all: unknown[]) => void)(...args)
    if (hang) stuck.push(go)
    else go()
  }) as unknown as DiskFs['write']
  const store = await openDiskStore({
    path: tempDir(t),
    maxBytes: 1 << 28,
    now: Date.now,
    fs: { ...nodeFs, write }
  })
  hang = true
  const writer = store.open('k', headOf(), undefined) ?? assert.fail()
  let waits = 0
  for (let n = 0; n < 400; n++) if (!writer.write(bytesOf(50_000))) waits++
  assert.ok(waits > 0 && waits < 200)
  const commit = writer.commit()
  hang = false
  await new Promise((resolve) => setImmediate(resolve))
  for (let n = 0; n < 50 && stuck.length === 0; n++) await new Promise((resolve) => setTimeout(resolve, 2))
  for (const go of stuck) go()
  assert.equal(await commit, undefined)
  assert.equal(await store.find('k'), undefined)
  await store.close()
})

test('a lookup on a disk that hangs is a miss, and the tier goes off', async (t) => {
  let hang = false
  const stuck: (() => void)[] = []
  const open = ((...args: unknown[]) => {
    const go = () => (nodeFs.open as (...all: unknown[]) => void)(...args)
    if (hang) stuck.push(go)
    else go()
  }) as unknown as DiskFs['open']
  const store = await openDiskStore({
    path: tempDir(t),
    maxBytes: 1 << 24,
    now: () => 1_000,
    fs: { ...nodeFs, open }
  })
  await fill(store, 'k')
  hang = true
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const finding = store.find('k')
  const freshening = store.freshen('k', headOf())
  t.mock.timers.tick(2_000)
  t.mock.timers.reset()
  assert.equal(await finding, undefined)
  await freshening
  assert.equal(store.stats().degraded, 'ETIMEDOUT')
  assert.equal(await store.find('k'), undefined)
  hang = false
  for (const go of stuck) go()
  await store.close()
})
