import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createMemoryStore } from '../../../src/cache/store/memory'
import { contract } from './contract'
import { bytesOf, fill, headOf } from './support'

contract('memory', async (_t, limits) => createMemoryStore(limits))

test('peek answers at once and counts as a use', async () => {
  const store = createMemoryStore({ maxBytes: 70_000, maxObjectBytes: 50_000 })
  await fill(store, 'a', { body: bytesOf(20_000) })
  await fill(store, 'b', { body: bytesOf(20_000) })
  await fill(store, 'c', { body: bytesOf(20_000) })
  assert.ok(store.peek('a'))
  await fill(store, 'd', { body: bytesOf(20_000) })
  assert.ok(store.peek('a'))
  assert.equal(store.peek('b'), undefined)
})

test('a commit is visible in the same tick', () => {
  const store = createMemoryStore({ maxBytes: 70_000, maxObjectBytes: 50_000 })
  const writer = store.open('a', headOf(), undefined)
  writer?.write(Buffer.from('x'))
  void writer?.commit()
  assert.ok(store.peek('a'))
})

test('fills under way count, may take a quarter, and free what they held', () => {
  const store = createMemoryStore({ maxBytes: 400_000, maxObjectBytes: 40_000 })
  const writers = [1, 2, 3].map((n) => store.open(`k${n}`, headOf(), 40_000))
  assert.ok(writers[0] && writers[1])
  assert.equal(writers[2], undefined)
  assert.equal(store.stats().bytes, 80_000)
  const unknown = store.open('u', headOf(), undefined)
  unknown?.write(bytesOf(19_000))
  assert.equal(store.stats().bytes, 99_000)
  unknown?.write(bytesOf(2_000))
  assert.equal(store.stats().bytes, 80_000)
  for (const writer of writers) writer?.discard()
  assert.equal(store.stats().bytes, 0)
})

test('a kept Buffer is no slice of a larger one', async () => {
  const store = createMemoryStore({ maxBytes: 1_000_000, maxObjectBytes: 500_000 })
  for (const known of [true, false]) {
    const slab = bytesOf(65_536)
    const entry = await fill(store, 'k', { body: slab.subarray(100, 200), known })
    assert.equal(entry?.buffer?.buffer.byteLength, 100)
    slab.fill(0)
    assert.deepEqual(entry?.buffer, bytesOf(65_536).subarray(100, 200))
  }
})

test('heads count: large fields fill the memory as content does', async () => {
  const store = createMemoryStore({ maxBytes: 100_000, maxObjectBytes: 50_000 })
  for (let n = 0; n < 50; n++) {
    await fill(store, `k${n}`, { head: headOf({ 'x-large': 'v'.repeat(9_000) }), body: Buffer.from('x') })
  }
  assert.ok(store.stats().entries <= 11)
  assert.ok(store.stats().bytes <= 100_000)
})

test('tells which keys have left, and not those that were replaced', async () => {
  const store = createMemoryStore({ maxBytes: 60_000, maxObjectBytes: 50_000 })
  const gone: string[] = []
  store.onGone((key) => gone.push(key))
  await fill(store, 'a', { body: bytesOf(20_000) })
  await fill(store, 'a', { body: bytesOf(20_001) })
  await fill(store, 'b', { body: bytesOf(20_000) })
  assert.deepEqual(gone, [])
  await fill(store, 'c', { body: bytesOf(20_000) })
  assert.deepEqual(gone, ['a'])
  await store.remove('b')
  assert.deepEqual(gone, ['a', 'b'])
})
