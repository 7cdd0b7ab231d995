import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openDiskStore } from '../../../src/cache/store/disk'
import type { CacheStore, IsGone } from '../../../src/cache/store/store'
import { bytesOf, entryOf, fill, headOf, tempDir } from './support'

async function open(t: TestContext, path: string) {
  const store = await openDiskStore({ path, maxBytes: 1 << 24, now: Date.now })
  t.after(() => store.close())
  return store
}

/** All steps of a sweep, and what it ends with. */
async function swept(store: CacheStore, isGone: IsGone = () => false) {
  const times: (number | undefined)[] = []
  const steps = store.sweep(isGone)
  let step = await steps.next()
  for (; !step.done; step = await steps.next()) times.push(step.value)
  return { times: times.sort(), isComplete: step.value }
}

test('an empty directory is seen whole', async (t) => {
  assert.deepEqual(await swept(await open(t, tempDir(t))), { times: [], isComplete: true })
})

test('a record of Vary tells when it was made, and stays', async (t) => {
  const store = await open(t, tempDir(t))
  store.putVary('k', { vary: ['accept'], storedAt: 7 })
  while ((await store.look('k')) === undefined || store.stats().entries === 0) await new Promise(setImmediate)
  const { times, isComplete } = await swept(store, () => true)
  assert.deepEqual([times, isComplete], [[7], true])
  assert.ok(await store.look('k'))
})

test('a process that does not evict sweeps nothing, and knows that this is not all', async (t) => {
  const path = tempDir(t)
  const owner = await open(t, path)
  const guest = await open(t, path)
  await fill(owner, 'k')
  assert.deepEqual(await swept(guest, () => true), { times: [], isComplete: false })
  assert.ok(await entryOf(owner, 'k'))
})

test('what is no response of ours is passed by', async (t) => {
  const path = tempDir(t)
  const store = await open(t, path)
  await fill(store, 'k', { head: headOf({}, 5) })
  const files = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /[0-9a-f]{64}$/.test(name)
  )
  assert.equal(files.length, 1)
  writeFileSync(join(path, files[0] as string), 'not ours')
  assert.deepEqual(await swept(store, () => true), { times: [undefined], isComplete: true })
})

test('a response that is stored again while it is judged keeps its place', async (t) => {
  const store = await open(t, tempDir(t))
  await fill(store, 'k', { head: headOf({}, 1), body: bytesOf(100_000) })
  const writing: Promise<unknown>[] = []
  const { times } = await swept(store, (_key, { requestTime }) => {
    writing.push(fill(store, 'k', { head: headOf({}, 2) }))
    return requestTime === 1
  })
  await Promise.all(writing)
  assert.deepEqual(times, [undefined])
  assert.equal((await entryOf(store, 'k'))?.head.requestTime, 2)
})

test('a closed store is not swept', async (t) => {
  const store = await open(t, tempDir(t))
  await fill(store, 'k')
  const steps = store.sweep(() => true)
  await store.close()
  assert.deepEqual(await steps.next(), { done: true, value: false })
})
