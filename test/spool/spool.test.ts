import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { Budget } from '../../src/spool/budget'
import { Spool } from '../../src/spool/spool'
import { openTemporaryFile, type SpoolFile } from '../../src/spool/temporary-file'
import { bytesOf, collect } from '../cache/store/support'

function tempDir(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice-spool-'))
  t.after(() => rmSync(path, { recursive: true, force: true }))
  return path
}

function openReader(spool: Spool, range?: { start?: number; end?: number }): Readable {
  const reader = spool.reader(range)
  assert.ok(reader)
  return reader
}

function drained(spool: Spool): Promise<void> {
  return new Promise((resolve) => spool.onDrain(resolve))
}

/** Some of the body in memory of its own, as a socket gives it. */
function cut(body: Buffer, at: number, length: number): Buffer {
  const bytes = body.subarray(at, at + length)
  const own = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(own)
  return own
}

async function writeAll(spool: Spool, body: Buffer, step = 10_000): Promise<void> {
  for (let at = 0; at < body.length; at += step) {
    if (!spool.write(cut(body, at, step))) await drained(spool)
  }
  spool.end()
}

/** A file in memory that can be made slow or broken; `closed` counts. */
function fakeFile(
  faults: { writes?: number; delay?: () => Promise<void> } = {}
): SpoolFile & { closed: number } {
  let bytes = Buffer.alloc(0)
  let writes = faults.writes ?? Number.POSITIVE_INFINITY
  const delay = faults.delay ?? (() => new Promise<void>((resolve) => setImmediate(resolve)))
  return {
    closed: 0,
    async write(chunk, at) {
      await delay()
      if (writes-- <= 0) throw Object.assign(new Error('full'), { code: 'ENOSPC' })
      const grown = Buffer.alloc(Math.max(bytes.length, at + chunk.length))
      bytes.copy(grown)
      chunk.copy(grown, at)
      bytes = grown
    },
    async read(into, at) {
      await delay()
      assert.equal(this.closed, 0)
      return bytes.copy(into, 0, at)
    },
    async close() {
      this.closed++
    }
  }
}

test('readers at any place and time get the same bytes', async (t) => {
  const directory = tempDir(t)
  const body = bytesOf(1_000_000)
  for (const openFile of [undefined, () => openTemporaryFile(directory)]) {
    const spool = new Spool({ memoryBytes: openFile === undefined ? 2_000_000 : 50_000, openFile })
    const early = collect(openReader(spool))
    const writing = writeAll(spool, body)
    const late = [0, 1, 99_999, 700_000].map((start) => collect(openReader(spool, { start })))
    const range = collect(openReader(spool, { start: 65_000, end: 200_000 }))
    await writing
    const last = collect(openReader(spool))
    assert.deepEqual(await early, body)
    assert.deepEqual(await range, body.subarray(65_000, 200_001))
    assert.deepEqual(await last, body)
    for (const [index, start] of [0, 1, 99_999, 700_000].entries()) {
      assert.deepEqual(await late[index], body.subarray(start))
    }
    spool.release()
    assert.ok(spool.freed)
  }
})

test('with a file memory stays small, and a slow reader holds up nobody', async (t) => {
  const spool = new Spool({ memoryBytes: 100_000, openFile: () => openTemporaryFile(tempDir(t)) })
  const slow = openReader(spool)
  const fast = collect(openReader(spool))
  const body = bytesOf(3_000_000)
  let peak = 0
  for (let at = 0; at < body.length; at += 20_000) {
    if (!spool.write(cut(body, at, 20_000))) await drained(spool)
    peak = Math.max(peak, spool.memoryBytes)
  }
  spool.end()
  assert.ok(peak <= 220_000, `${peak} bytes`)
  assert.deepEqual(await fast, body)
  assert.deepEqual(await collect(slow), body)
})

test('without a file the writer waits for the slowest reader, and only when memory is full', async () => {
  const spool = new Spool({ memoryBytes: 10_000 })
  const reader = openReader(spool)
  assert.equal(spool.write(bytesOf(5_000)), true)
  assert.equal(spool.write(bytesOf(5_000)), false)
  let waited = true
  spool.onDrain(() => {
    waited = false
  })
  assert.equal(waited, true)
  await new Promise<void>((resolve) => reader.once('data', () => resolve()))
  assert.equal(waited, false)
  reader.destroy()
})

test('a hold keeps the first bytes while memory has room, and never blocks', async () => {
  const spool = new Spool({ memoryBytes: 1_100 })
  const reader = openReader(spool)
  const got = collect(reader)
  spool.write(bytesOf(900))
  await new Promise((resolve) => setImmediate(resolve))
  const second = openReader(spool)
  second.destroy()
  await new Promise((resolve) => setImmediate(resolve))
  for (let n = 0; n < 5; n++) if (!spool.write(bytesOf(900))) await drained(spool)
  assert.equal(spool.reader(), undefined)
  spool.end()
  assert.equal((await got).length, 5_400)
  spool.release()
})

test('a failure reaches every reader, after the bytes that are there', async () => {
  const spool = new Spool({ memoryBytes: 10_000 })
  const readers = [openReader(spool), openReader(spool)]
  const results = readers.map(async (reader) => {
    let length = 0
    reader.on('data', (chunk: Buffer) => {
      length += chunk.length
    })
    const error = await new Promise((resolve) => reader.once('error', resolve))
    return { length, error }
  })
  spool.write(bytesOf(100))
  await new Promise((resolve) => setImmediate(resolve))
  const error = new Error('upstream')
  spool.fail(error)
  spool.end()
  for (const result of results) assert.deepEqual(await result, { length: 100, error })
  await assert.rejects(collect(openReader(spool)), error)
})

test('a failure that no byte comes before is told to a reader that has not begun', async () => {
  const spool = new Spool({ memoryBytes: 10_000 })
  const reader = openReader(spool)
  const failed = once(reader, 'error')
  const error = new Error('upstream')
  spool.fail(error)
  assert.deepEqual(await failed, [error])
})

test('a failure is told to a reader that has not begun, whatever comes before it; one that has begun gets that first', async () => {
  const spool = new Spool({ memoryBytes: 10_000 })
  const waiting = openReader(spool)
  const begun = openReader(spool)
  const failed = once(waiting, 'error')
  spool.write(Buffer.from('ab'))
  assert.equal(String(begun.read(1)), 'a')
  const error = new Error('upstream')
  spool.write(Buffer.from('cd'))
  spool.fail(error)
  assert.deepEqual(await failed, [error])
  assert.equal(begun.destroyed, false)
  let rest = ''
  begun.on('data', (chunk) => {
    rest += chunk
  })
  assert.deepEqual(await once(begun, 'error'), [error])
  assert.equal(rest, 'bcd')
})

test('an empty body ends, a range beyond the end is empty', async () => {
  const spool = new Spool({ memoryBytes: 10 })
  const empty = collect(openReader(spool))
  const beyond = collect(openReader(spool, { start: 5, end: 9 }))
  spool.end()
  assert.equal((await empty).length, 0)
  assert.equal((await beyond).length, 0)
})

test('memory and file are freed when the last reader has gone and nobody holds it', async () => {
  const file = fakeFile()
  const spool = new Spool({ memoryBytes: 100, openFile: async () => file })
  let freed = 0
  spool.onFree(() => freed++)
  const readers = [openReader(spool), openReader(spool)]
  const release = spool.hold()
  spool.write(bytesOf(1_000))
  await drained(spool)
  spool.release()
  release()
  release()
  readers[0]?.destroy()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(spool.freed, false)
  readers[1]?.destroy()
  for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(freed, 1)
  assert.equal(spool.memoryBytes, 0)
  assert.equal(file.closed, 1)
  assert.equal(spool.reader(), undefined)
  assert.equal(spool.write(bytesOf(1_000)), true)
})

test('a hold gives way where memory has no room, and then keeps nothing', async () => {
  const spool = new Spool({ memoryBytes: 10_000 })
  assert.deepEqual([spool.isWhole, spool.isRead], [true, false])
  for (let n = 0; n < 50; n++) assert.equal(spool.write(cut(bytesOf(1_000), 0, 1_000)), true)
  assert.deepEqual([spool.isWhole, spool.memoryBytes, spool.reader()], [false, 0, undefined])
  const late = openReader(spool, { start: 50_000 })
  assert.equal(spool.isRead, true)
  spool.end()
  assert.equal((await collect(late)).length, 0)
})

test('a full disk is no failure: the writer waits for the readers from there on', async () => {
  for (const writes of [0, 1, 3]) {
    const spool = new Spool({ memoryBytes: 10_000, openFile: async () => fakeFile({ writes }) })
    const body = bytesOf(1_000_000)
    const readers = [collect(openReader(spool)), collect(openReader(spool))]
    await writeAll(spool, body, 3_000)
    for (const reader of readers) assert.deepEqual(await reader, body)
  }
})

test('no more goes to the file than it may hold; the writer waits from there on', async () => {
  const file = fakeFile()
  const ends: number[] = []
  const { write } = file
  file.write = (bytes, at) => {
    ends.push(at + bytes.length)
    return write(bytes, at)
  }
  const options = { memoryBytes: 10_000, openFile: async () => file, fileBytes: 50_000 }
  const spool = new Spool(options)
  const reader = openReader(spool)
  const body = bytesOf(1_000_000)
  spool.release()
  const writing = writeAll(spool, body, 3_000)
  for (let n = 0; n < 200; n++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(spool.length >= 50_000 && spool.length <= 70_000, `${spool.length} bytes`)
  assert.deepEqual(await collect(reader), body)
  await writing
  const size = Math.max(...ends)
  assert.ok(size > 40_000 && size <= 50_000, `${size} bytes in the file`)
})

test('a file that every reader is past is used again from its start', async () => {
  const file = fakeFile()
  const places: number[] = []
  const { write } = file
  file.write = (bytes, at) => {
    places.push(at)
    return write(bytes, at)
  }
  const spool = new Spool({ memoryBytes: 10_000, openFile: async () => file, fileBytes: 50_000 })
  const reader = openReader(spool)
  spool.release()
  const body = bytesOf(240_000)
  const got: Buffer[] = []
  const read = async (bytes: number): Promise<void> => {
    for (let left = bytes; left > 0; ) {
      const chunk = reader.read() as Buffer | null
      if (chunk === null) await new Promise((resolve) => reader.once('readable', resolve))
      else {
        got.push(chunk)
        left -= chunk.length
      }
    }
  }
  for (let turn = 0; turn < 6; turn++) {
    for (let part = 0; part < 10; part++) {
      if (!spool.write(cut(body, turn * 40_000 + part * 4_000, 4_000))) await drained(spool)
    }
    await read(40_000)
  }
  spool.end()
  assert.deepEqual(Buffer.concat(got), body)
  assert.ok(places.filter((place) => place === 0).length >= 6, places.join())
  assert.ok(Math.max(...places) < 50_000)
})

test('memory that is really held counts: a small slice of something large', async () => {
  const spool = new Spool({ memoryBytes: 10_000 })
  const reader = openReader(spool)
  const large = Buffer.allocUnsafeSlow(8_000)
  for (let at = 0; at < 10; at++) assert.equal(spool.write(large.subarray(at, at + 1)), true)
  assert.equal(spool.write(Buffer.allocUnsafeSlow(8_000).subarray(0, 1)), false)
  assert.ok(spool.memoryBytes > 16_000)
  reader.destroy()
})

test('a reader that leaves while the file is slow frees everything at once', async () => {
  let finish: () => void = () => undefined
  const delay = () => new Promise<void>((resolve) => (finish = resolve))
  const file = fakeFile({ delay })
  const budget = new Budget(1_000_000)
  const spool = new Spool({ memoryBytes: 200_000, openFile: async () => file, budget })
  const reader = openReader(spool)
  spool.release()
  for (let n = 0; n < 3; n++) spool.write(bytesOf(60_000))
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([budget.spilling, budget.bytes > 0], [1, true])
  reader.destroy()
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([spool.freed, budget.bytes, file.closed], [true, 0, 0])
  finish()
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual([budget.spilling, file.closed], [0, 1])
})

test('a file that cannot be opened is no failure', async () => {
  const spool = new Spool({ memoryBytes: 10_000, openFile: () => Promise.reject(new Error('EMFILE')) })
  const body = bytesOf(300_000)
  const reader = collect(openReader(spool))
  await writeAll(spool, body)
  assert.deepEqual(await reader, body)
})

test('a temporary file has no name', async (t) => {
  const directory = tempDir(t)
  const file = await openTemporaryFile(directory)
  assert.deepEqual(readdirSync(directory), [])
  await file.write(Buffer.from('hello'), 3)
  const into = Buffer.alloc(5)
  assert.equal(await file.read(into, 3), 5)
  assert.equal(into.toString(), 'hello')
  await file.close()
})

interface Plan {
  readonly memoryBytes: number
  readonly file: 'none' | 'good' | 'broken'
  readonly writes: readonly number[]
  readonly fileBytes: number | undefined
  readonly readers: readonly { after: number; start: number; length: number; pause: number; quits: boolean }[]
  readonly fails: boolean
  readonly releaseAfter: number
}

const plan: fc.Arbitrary<Plan> = fc.record({
  memoryBytes: fc.constantFrom(0, 1, 50, 1_000, 100_000, 400_000),
  file: fc.constantFrom('none', 'good', 'broken'),
  writes: fc.array(fc.constantFrom(0, 1, 7, 100, 1_000, 70_000), { maxLength: 12 }),
  fileBytes: fc.constantFrom(0, 1_000, 80_000, undefined),
  readers: fc.array(
    fc.record({
      after: fc.nat(12),
      start: fc.constantFrom(0, 0, 0, 1, 107, 5_000),
      length: fc.constantFrom(1, 50, 10_000, Number.POSITIVE_INFINITY),
      pause: fc.nat(3),
      quits: fc.boolean()
    }),
    { maxLength: 5 }
  ),
  fails: fc.boolean(),
  releaseAfter: fc.nat(12)
})

test('any interleaving of writes and readers gives every reader exactly the bytes', async () => {
  await fc.assert(
    fc.asyncProperty(plan, (one) => runPlan(one, undefined)),
    { numRuns: 400, seed: 11 }
  )
})

test('bodies that share a budget that is too small all come through, and leave it as it was', async () => {
  const plans = fc.array(plan, { minLength: 2, maxLength: 5 })
  const size = fc.constantFrom(0, 65_536, 131_072, 1_000_000)
  await fc.assert(
    fc.asyncProperty(plans, size, async (all, bytes) => {
      const budget = new Budget(bytes)
      await Promise.all(all.map((one) => runPlan(one, budget)))
      assert.deepEqual([budget.bytes, budget.spilling], [0, 0])
    }),
    { numRuns: 200, seed: 12 }
  )
})

async function runPlan(plan: Plan, budget: Budget | undefined): Promise<void> {
  const { memoryBytes, file, fileBytes, writes, readers, fails, releaseAfter } = plan
  const body = bytesOf(writes.reduce((sum, bytes) => sum + bytes, 0))
  const files = [fakeFile(file === 'broken' ? { writes: 1 } : {})]
  const openFile = file === 'none' ? undefined : async () => files[0] ?? assert.fail()
  const spool = new Spool({ memoryBytes, openFile, fileBytes, budget })
  const error = new Error('broken off')
  const running: Promise<void>[] = []
  // Someone always reads, else a writer that must wait would wait for ever.
  running.push(consume(openReader(spool), { body, pause: 0, fails: fails ? error : undefined }))
  let at = 0
  for (const [turn, bytes] of writes.entries()) {
    for (const { after, start, length, pause, quits } of readers) {
      if (after !== turn) continue
      const reader = spool.reader({ start, end: start + length - 1 })
      if (reader === undefined) continue
      const reached = start + length <= body.length
      const expected = body.subarray(start, start + length)
      const ends = fails && !reached ? error : undefined
      running.push(consume(reader, { body: expected, pause, fails: ends, quits }))
    }
    if (turn === releaseAfter) spool.release()
    if (!spool.write(cut(body, at, bytes))) await drained(spool)
    at += bytes
  }
  if (fails) spool.fail(error)
  else spool.end()
  await Promise.all(running)
  if (releaseAfter >= writes.length) spool.release()
  for (let n = 0; n < 3; n++) await new Promise((resolve) => setImmediate(resolve))
  assert.ok(spool.freed)
  assert.ok((files[0]?.closed ?? 0) <= 1)
}

interface Expectation {
  readonly body: Buffer
  readonly pause: number
  readonly fails: Error | undefined
  readonly quits?: boolean
}

async function consume(reader: Readable, { body, pause, fails, quits }: Expectation): Promise<void> {
  let at = 0
  try {
    for await (const chunk of reader as AsyncIterable<Buffer>) {
      assert.deepEqual(chunk, body.subarray(at, at + chunk.length))
      at += chunk.length
      for (let n = 0; n < pause; n++) await new Promise((resolve) => setImmediate(resolve))
      if (quits) return
    }
    assert.equal(at, body.length)
    assert.equal(fails, undefined)
  } catch (error) {
    if (fails === undefined || error !== fails) throw error
  }
}
