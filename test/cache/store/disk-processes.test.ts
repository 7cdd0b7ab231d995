// Four processes on one directory fill, read, purge and evict: this file runs itself as each of them.
// SLUICE_SHARED_LOAD=100 for a hundred times the load.
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync, type Stats, statSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openDiskStore } from '../../../src/cache/store/disk'
import type { DiskStore } from '../../../src/cache/store/disk-options'
import { until } from '../../support/waiting'
import { bytesOf, collect, entryOf, fill, headOf, tempDir } from './support'

const MAX_BYTES = 4 << 20
const KEYS = 400
/** How often each process stores in each of the three parts. */
const LOAD = Number(process.env.SLUICE_SHARED_LOAD ?? 1)
const STORED = 40 * LOAD
const LONG_MS = 60_000 * LOAD
const path = process.env.SLUICE_SHARED_DIRECTORY

interface Counts {
  readonly stored: number
  readonly found: number
  readonly wrong: number
  readonly files: number
}

// The content tells its own seed: response n has sizeOf(n) bytes of bytesOf(…, n).
const sizeOf = (n: number) => 3_000 + (n % 12) * 7_000

async function work(store: DiskStore, counts: { -readonly [Name in keyof Counts]: number }): Promise<void> {
  const n = Math.floor(Math.random() * 1_000_000)
  const key = `k${n % KEYS}`
  const head = headOf({ 'x-number': String(n) })
  if (await fill(store, key, { head, body: bytesOf(sizeOf(n), n), known: n % 2 === 0 })) counts.stored++
  const entry = await entryOf(store, `k${(n * 7) % KEYS}`)
  if (entry !== undefined) {
    const number = Number(entry.head.fields['x-number'])
    // Purged and evicted files may end a stream; what comes must be right.
    const content = await collect(entry.read()).catch(() => undefined)
    if (content?.equals(bytesOf(sizeOf(number), number))) counts.found++
    else if (content !== undefined) counts.wrong++
  }
  if (n % 9 === 0) await store.remove(`k${(n * 3) % KEYS}`)
}

async function runChild(directory: string): Promise<void> {
  const store = await openDiskStore({ path: directory, maxBytes: MAX_BYTES, now: Date.now })
  const counts = { stored: 0, found: 0, wrong: 0, files: 0 }
  let working = true
  const tell = (what: unknown) => process.send?.(what)
  process.on('message', async (what) => {
    if (what === 'counts') {
      tell(counts)
      return
    }
    working = false
    await worked
    await store.close()
    // Closing is not awaited by who reads: give it a turn.
    await new Promise((resolve) => setTimeout(resolve, 100))
    counts.files = readdirSync('/proc/self/fd').filter((fd) => targetOf(fd)?.startsWith(directory)).length
    tell(counts)
    process.disconnect()
  })
  tell('ready')
  const loop = async () => {
    while (working) {
      await work(store, counts)
      // About a hundred fills a second: two cores are for other tests too.
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const worked = loop()
}

function targetOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined
  }
}

async function start(t: TestContext, directory: string): Promise<ChildProcess> {
  const child = fork(__filename, [], {
    env: { ...process.env, SLUICE_SHARED_DIRECTORY: directory, NODE_TEST_CONTEXT: '' },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc']
  })
  t.after(() => child.kill('SIGKILL'))
  await once(child, 'message')
  return child
}

async function ask(child: ChildProcess, what: 'counts' | 'end'): Promise<Counts> {
  const answer = once(child, 'message')
  child.send(what)
  const [counts] = await answer
  return counts
}

/** What files take while nobody moves. */
async function measure(children: readonly ChildProcess[], directory: string): Promise<number> {
  for (const child of children) child.kill('SIGSTOP')
  await until('all stand still', () => children.every(({ pid }) => standsStill(pid)), LONG_MS)
  const taken = new Map<number, number>()
  for (const file of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!/^[0-9a-f]{64}$/.test(file.name) && !file.parentPath.endsWith('/tmp')) continue
    const facts: Stats | undefined = statSync(join(file.parentPath, file.name), { throwIfNoEntry: false })
    if (facts?.isFile()) taken.set(facts.ino, Math.ceil(facts.size / 4096) * 4096)
  }
  for (const child of children) child.kill('SIGCONT')
  return [...taken.values()].reduce((sum, bytes) => sum + bytes, 0)
}

function standsStill(pid: number | undefined): boolean {
  const threads = readdirSync(`/proc/${pid}/task`)
  return threads.every((tid) => /\) T /.test(readFileSync(`/proc/${pid}/task/${tid}/stat`, 'latin1')))
}

const ownerIn = (directory: string) => readdirSync(directory).find((name) => name.startsWith('evictor-'))

if (path !== undefined) {
  void runChild(path)
} else {
  test('four processes, one leaves, one is killed: never above 1.1 times maxSize, no wrong byte', async (t) => {
    const directory = tempDir(t)
    const children: ChildProcess[] = []
    let most = 0
    let looks = 0
    const check = async () => {
      const bytes = await measure(children, directory)
      looks++
      most = Math.max(most, bytes)
      assert.ok(bytes <= 1.1 * MAX_BYTES, `${bytes} bytes of ${MAX_BYTES}`)
    }
    const allStore = (what: string) =>
      until(
        what,
        async () => {
          await check()
          await new Promise((resolve) => setTimeout(resolve, 100))
          const all = await Promise.all(children.map((child) => ask(child, 'counts')))
          return all.every(({ stored }, n) => stored >= (before[n] ?? 0) + STORED)
        },
        LONG_MS
      )
    let before: number[] = []
    const note = async () => {
      before = (await Promise.all(children.map((child) => ask(child, 'counts')))).map(({ stored }) => stored)
    }
    for (let n = 0; n < 4; n++) children.push(await start(t, directory))
    await allStore('all four store')
    const left = await ask(children.shift() ?? assert.fail(), 'end')
    assert.deepEqual([left.wrong, left.files], [0, 0])
    children.push(await start(t, directory))
    await note()
    await allStore('after the owner has left and another has come')
    const lock = ownerIn(directory)
    const pid = Number(/"owner":"(\d+)-/.exec(readFileSync(join(directory, lock ?? ''), 'latin1'))?.[1])
    const victim = children.findIndex((child) => child.pid === pid)
    assert.notEqual(victim, -1)
    const [killed] = children.splice(victim, 1)
    killed?.kill('SIGKILL')
    await note()
    await allStore('after the owner was killed')
    assert.ok(most > MAX_BYTES / 2, `${most} bytes: there was something to evict`)
    let all = 0
    for (const child of children.splice(0)) {
      const { stored, found, wrong, files } = await ask(child, 'end')
      assert.ok(stored > 0 && found > 0)
      all += stored
      assert.deepEqual([wrong, files], [0, 0])
    }
    await check()
    assert.deepEqual(readdirSync(join(directory, 'peers')), [])
    assert.equal(ownerIn(directory), undefined)
    const last = await openDiskStore({ path: directory, maxBytes: MAX_BYTES, now: Date.now })
    t.after(() => last.close())
    assert.ok(last.stats().bytes <= MAX_BYTES)
    assert.deepEqual(readdirSync(join(directory, 'tmp')), [])
    t.diagnostic(
      `at most ${most} bytes of ${MAX_BYTES} (${(most / MAX_BYTES).toFixed(3)}), ${looks} looks, ${all} fills`
    )
  })
}
