// kill -9 at any moment leaves nothing wrong: this file runs itself as the process that fills, and kills it.
// SLUICE_KILLS=500 for a long run, in which it must have been filling at 200 responses a second and more.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { openDiskStore } from '../../../src/cache/store/disk'
import { bytesOf, collect, entryOf, fill, headOf, tempDir } from './support'

const asked = process.env.SLUICE_KILLS
const ROUNDS = Number(asked ?? 20)
const KEYS = 40
const MAX_BYTES = 3_000_000
const AT_ONCE = 6
const LONG_RUN_RATE = 200
const path = process.env.SLUICE_KILL_DIRECTORY

// The content tells its own length and seed: entry n has sizeOf(n) bytes of bytesOf(…, n).
const sizeOf = (n: number) => 500 + (n % 9) * 30_000
const SIZES = [0, 1, 2, 3, 4, 5, 6, 7, 8].map(sizeOf)

async function fillForEver(directory: string): Promise<void> {
  const store = await openDiskStore({ path: directory, maxBytes: MAX_BYTES, now: Date.now })
  const one = async (n: number) => {
    const head = headOf({ 'x-number': String(n) })
    await fill(store, `k${n % KEYS}`, { head, body: bytesOf(sizeOf(n), n) })
    await store.freshen(`k${(n + 5) % KEYS}`, headOf({ 'x-number': 'fresh' }))
    if (n % 7 === 0) await store.remove(`k${(n + 3) % KEYS}`)
  }
  let next = 0
  const worker = async () => {
    for (;;) {
      await one(next++)
      // A byte for each: a pipe is written to at once, so that what was filled is told before the kill.
      process.stdout.write('.')
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

/** What was filled until then, and in how long. */
interface Filled {
  readonly fills: number
  readonly ms: number
}

async function killedAfter(directory: string, ms: number): Promise<Filled> {
  const child = spawn(process.execPath, [__filename], {
    env: { ...process.env, SLUICE_KILL_DIRECTORY: directory, NODE_TEST_CONTEXT: '' },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  let fills = 0
  let firstAt = 0
  child.stdout.on('data', (dots: Buffer) => {
    if (firstAt === 0) {
      firstAt = performance.now()
      setTimeout(() => child.kill('SIGKILL'), ms)
    }
    fills += dots.length
  })
  await once(child, 'close')
  return { fills, ms: performance.now() - firstAt }
}

async function checkAll(directory: string): Promise<number> {
  const store = await openDiskStore({ path: directory, maxBytes: MAX_BYTES, now: Date.now })
  let found = 0
  assert.deepEqual(readdirSync(`${directory}/tmp`), [])
  assert.ok(store.stats().bytes <= MAX_BYTES)
  for (let key = 0; key < KEYS; key++) {
    const entry = await entryOf(store, `k${key}`)
    if (entry === undefined) continue
    const content = await collect(entry.read())
    const number = entry.head.fields['x-number']
    if (number !== 'fresh') assert.deepEqual(content, bytesOf(content.length, Number(number)))
    assert.ok(SIZES.includes(content.length))
    found++
  }
  assert.ok(await fill(store, 'after', { body: bytesOf(1_000) }), 'the lock of the dead one is no hindrance')
  await store.close()
  return found
}

if (path !== undefined) {
  void fillForEver(path)
} else {
  test(`killed ${ROUNDS} times while it fills: what is found is right, nothing is left over`, async (t) => {
    const directory = tempDir(t)
    let found = 0
    let fills = 0
    let ms = 0
    for (let round = 0; round < ROUNDS; round++) {
      const filled = await killedAfter(directory, (round * 13) % 120)
      fills += filled.fills
      ms += filled.ms
      found += await checkAll(directory)
    }
    assert.ok(found > ROUNDS)
    const rate = Math.round((fills * 1000) / ms)
    t.diagnostic(`${ROUNDS} kills, ${fills} fills at ${rate} a second, ${found} responses found and right`)
    if (asked !== undefined) assert.ok(rate >= LONG_RUN_RATE, `${rate} fills a second`)
  })
}
