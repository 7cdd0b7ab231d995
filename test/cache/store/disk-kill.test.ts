// kill -9 at any moment leaves nothing wrong: this file runs itself as the process that fills, and kills it.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { openDiskStore } from '../../../src/cache/store/disk'
import { bytesOf, collect, entryOf, fill, headOf, tempDir } from './support'

const ROUNDS = 8
const KEYS = 20
const MAX_BYTES = 3_000_000
const path = process.env.SLUICE_KILL_DIRECTORY

// The content tells its own length and seed: entry n has sizeOf(n) bytes of bytesOf(…, n).
const sizeOf = (n: number) => 500 + (n % 9) * 30_000

async function fillForEver(directory: string): Promise<void> {
  const store = await openDiskStore({ path: directory, maxBytes: MAX_BYTES, now: Date.now })
  process.stdout.write('ready')
  for (let n = 0; ; n++) {
    const head = headOf({ 'x-number': String(n) })
    await Promise.all([
      fill(store, `k${n % KEYS}`, { head, body: bytesOf(sizeOf(n), n) }),
      store.freshen(`k${(n + 5) % KEYS}`, headOf({ 'x-number': 'fresh' })),
      n % 7 === 0 ? store.remove(`k${(n + 3) % KEYS}`) : undefined
    ])
  }
}

function killedAfter(directory: string, ms: number): Promise<void> {
  const child = spawn(process.execPath, [__filename], {
    env: { ...process.env, SLUICE_KILL_DIRECTORY: directory, NODE_TEST_CONTEXT: '' },
    stdio: ['ignore', 'pipe', 'inherit']
  })
  child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), ms))
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

if (path !== undefined) {
  void fillForEver(path)
} else {
  test(`killed ${ROUNDS} times while it fills: what is found is right, nothing is left over`, async (t) => {
    const directory = tempDir(t)
    let found = 0
    for (let round = 0; round < ROUNDS; round++) {
      await killedAfter(directory, 20 + round * 9)
      const store = await openDiskStore({ path: directory, maxBytes: MAX_BYTES, now: Date.now })
      assert.deepEqual(readdirSync(`${directory}/tmp`), [])
      assert.ok(store.stats().bytes <= MAX_BYTES)
      for (let key = 0; key < KEYS; key++) {
        const entry = await entryOf(store, `k${key}`)
        if (entry === undefined) continue
        const content = await collect(entry.read())
        const number = entry.head.fields['x-number']
        if (number !== 'fresh') assert.deepEqual(content, bytesOf(content.length, Number(number)))
        assert.ok([0, 1, 2, 3, 4, 5, 6, 7, 8].some((n) => sizeOf(n) === content.length))
        found++
      }
      await store.close()
    }
    assert.ok(found > 0)
  })
}
