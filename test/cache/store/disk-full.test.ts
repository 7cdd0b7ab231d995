// A real file system that is too small, has no inodes left, or is mounted read-only: no caller notices.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openDiskStore } from '../../../src/cache/store/disk'
import { until } from '../../support/waiting'
import { bytesOf, contentOf, fill } from './support'

/** A tmpfs of the test's own; undefined where that is not allowed. */
function mount(t: TestContext, options: string): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'sluice-tmpfs-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `mode=0700,${options}`, 'tmpfs', path], { stdio: 'pipe' })
  } catch {
    rmdirSync(path)
    t.skip('mount -t tmpfs is not allowed here')
    return undefined
  }
  t.after(() => {
    execFileSync('umount', ['-l', path])
    rmdirSync(path)
  })
  return path
}

interface Line {
  readonly what: string
  readonly errno: string | undefined
}

async function openOn(path: string, clock: { now: number }, lines: Line[]) {
  return openDiskStore({
    path,
    maxBytes: 1 << 30,
    now: () => clock.now,
    onState: (what, errno) => lines.push({ what, errno })
  })
}

for (const [what, options, size] of [
  ['bytes', 'size=1m', 60_000],
  ['inodes', 'size=64m,nr_inodes=50', 100]
] as const) {
  test(`a file system without ${what} left: writing stops, what is there is served, one line each way`, async (t) => {
    const path = mount(t, options)
    if (path === undefined) return
    const clock = { now: 1_000_000 }
    const lines: Line[] = []
    const store = await openOn(path, clock, lines)
    let kept = 0
    for (let n = 0; n < 60; n++) {
      if (await fill(store, `k${n}`, { body: bytesOf(size, n) })) kept = n + 1
      else break
    }
    assert.ok(kept > 5 && kept < 60, `${kept} kept`)
    for (let n = 0; n < 20; n++) assert.equal(await fill(store, 'more', { body: bytesOf(size) }), undefined)
    assert.equal(store.stats().degraded, 'ENOSPC')
    for (let n = 0; n < kept; n++) assert.deepEqual(await contentOf(store, `k${n}`), bytesOf(size, n))
    assert.deepEqual(lines, [{ what: 'writing', errno: 'ENOSPC' }])
    for (let n = 0; n < kept; n++) assert.equal(await store.remove(`k${n}`), true)
    clock.now += 60_000
    assert.ok(await fill(store, 'again', { body: bytesOf(size, 99) }))
    assert.equal(store.stats().degraded, undefined)
    assert.deepEqual(lines.at(-1), { what: 'writing', errno: undefined })
    assert.equal(lines.length, 2)
    await store.close()
  })
}

test('a file system that becomes read-only serves on, and is written again when it can be', async (t) => {
  const path = mount(t, 'size=16m')
  if (path === undefined) return
  const clock = { now: 1_000_000 }
  const lines: Line[] = []
  const store = await openOn(path, clock, lines)
  for (const size of [10, 200_000]) await fill(store, `k${size}`, { body: bytesOf(size) })
  const setTo = (way: string) => spawnSync('mount', ['-o', `remount,${way}`, path]).status === 0
  // A file that was just written stays open for its readers for a moment.
  await until('no file is open for writing', () => setTo('ro'), 30_000)
  assert.equal(await fill(store, 'new'), undefined)
  assert.equal(store.stats().degraded, 'EROFS')
  for (const size of [10, 200_000]) assert.deepEqual(await contentOf(store, `k${size}`), bytesOf(size))
  assert.ok(setTo('rw'))
  clock.now += 60_000
  assert.ok(await fill(store, 'new'))
  assert.equal(lines.length, 2)
  await store.close()
})
