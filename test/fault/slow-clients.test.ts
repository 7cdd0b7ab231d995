// Clients that are far slower than their server: it is free early, memory stays within the budget, files vanish (nginx: proxy_buffering).
import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { openFilesIn } from '../e2e/spilled'
import { type Daemon, startOwn } from '../support/daemon'
import { get, getOpen } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { processMemory } from '../support/process-memory'
import { tempDir } from '../support/temp-dir'
import { settled, until } from '../support/waiting'

const MIB = 1024 * 1024
const BUDGET_BYTES = 64 * MIB
/** What a process takes for one large body, and what the collector has not taken yet. */
const MARGIN_BYTES = 96 * MIB
/** What each slow client costs beside the budget: its floor, a chunk in each stream and socket on the way, two connections. */
const CLIENT_BYTES = 640 * 1024
const LONG_MS = 120_000

/** Bytes that repeat only after a prime number of them, so that each body, cut out at its own place, is unlike the others. */
const PATTERN = Buffer.alloc(MIB + 65_521)
for (let at = 0; at < PATTERN.length; at++) PATTERN[at] = (at * 7 + (at % 65_521) + (at >> 13)) & 255

/** Block n of the body with this number. */
function block(body: number, n: number): Buffer {
  const from = (body * 331 + n * 17) % 65_521
  return PATTERN.subarray(from, from + MIB)
}

interface Scene {
  readonly url: string
  readonly edge: Daemon
  /** How many bodies the origin has handed to its kernel, whole, and how many bytes in all. */
  readonly sent: { bodies: number; bytes: number }
  buffers(): Promise<{ bytes: number; maxBytes: number; spilling: number }>
  active(): Promise<number>
  /** Bytes that the edge holds and cannot let go. */
  held(): Promise<number>
}

/** `/<number of the body>/<MiB>` behind an edge of its own process, whose files may be so large. */
async function startScene(t: TestContext, options: object, fileBytes?: number): Promise<Scene> {
  const sent = { bodies: 0, bytes: 0 }
  const origin = await startOrigin((request, response) => {
    const [, body, count] = (request.url ?? '').split('/').map(Number)
    response.setHeader('content-length', Number(count) * MIB)
    let n = 0
    const more = (): void => {
      while (n < Number(count)) {
        sent.bytes += MIB
        if (!response.write(block(Number(body), n++))) return void response.once('drain', more)
      }
      response.end(() => sent.bodies++)
    }
    more()
  })
  t.after(origin.close)
  // Clients here do not read at all for as long as the machine takes.
  const patient = { timeouts: { client: false }, ...options }
  const args = [join(__dirname, 'edge-process.js'), origin.url, JSON.stringify(patient)]
  // The unit is 512 bytes (POSIX).
  const limited = ['-c', `ulimit -f ${(fileBytes ?? 0) / 512}; exec "$0" "$@"`, process.execPath, ...args]
  const edge = await startOwn(
    t,
    fileBytes === undefined ? { program: process.execPath, args } : { program: '/bin/sh', args: limited }
  )
  const url = `http://127.0.0.1:${edge.port}`
  const stats = async () => (await get(`${url}/~stats`)).json<{ buffers: never; upstreams: object }>()
  return {
    url,
    edge,
    sent,
    buffers: async () => (await stats()).buffers,
    held: async () => (await get(`${url}/~held`)).json<{ bytes: number }>().bytes,
    active: async () =>
      (Object.values((await stats()).upstreams).flat() as { active: number }[]).reduce(
        (sum, { active }) => sum + active,
        0
      )
  }
}

/** Takes a body apart as it comes and compares each byte; `bytes` counts. */
class Checked {
  bytes = 0
  readonly #body: number

  constructor(body: number) {
    this.#body = body
  }

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const place = this.bytes % MIB
      const expected = block(this.#body, Math.floor(this.bytes / MIB)).subarray(
        place,
        place + chunk.length - at
      )
      const found = chunk.subarray(at, at + expected.length)
      assert.ok(found.equals(expected), `body ${this.#body} differs after ${this.bytes} bytes`)
      at += found.length
      this.bytes += found.length
    }
  }

  async rest(message: IncomingMessage): Promise<number> {
    for await (const chunk of message) this.take(chunk as Buffer)
    return this.bytes
  }
}

/** Of a slow client: however long the machine takes, it has no more when the server is done. */
const SLOW_BYTES = 25 * MIB

/** Reads about so much in each second until it is told to stop, or has a quarter of the body. */
function readSlowly(message: IncomingMessage, bytesPerSecond: number): { checked: Checked; stop(): void } {
  const checked = new Checked(1)
  const startedAt = performance.now()
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1000) * bytesPerSecond
    while (checked.bytes < Math.min(due, SLOW_BYTES)) {
      const chunk = message.read() as Buffer | null
      if (chunk === null) return
      checked.take(chunk)
    }
  }, 20)
  return { checked, stop: () => clearInterval(timer) }
}

test('100 MiB to a client of 1 MiB/s: with a file the server is free long before the client', async (t) => {
  const path = tempDir(t)
  const scene = await startScene(t, { buffering: { spill: { path } } })
  const idle = processMemory(scene.edge.pid)
  const { message } = await getOpen(`${scene.url}/1/100`)
  const { checked, stop } = readSlowly(message, MIB)
  await until('the server is free', async () => (await scene.active()) === 0, LONG_MS)
  const had = checked.bytes
  stop()
  assert.equal(scene.sent.bodies, 1)
  assert.ok(had < 30 * MIB, `the client had ${had} bytes`)
  assert.ok(openFilesIn(path, scene.edge.pid).some((size) => size > 30 * MIB))
  assert.deepEqual(readdirSync(path), [])
  assert.ok((await scene.buffers()).bytes <= MIB)
  assert.equal(await checked.rest(message), 100 * MIB)
  assertWithin(t, processMemory(scene.edge.pid).peakBytes - idle.rssBytes, MARGIN_BYTES)
  await until('the file is gone', () => openFilesIn(path, scene.edge.pid).length === 0)
})

test('the same without a file: little memory, and the server waits', async (t) => {
  const scene = await startScene(t, {})
  const idle = processMemory(scene.edge.pid)
  const { message } = await getOpen(`${scene.url}/1/100`)
  const { checked, stop } = readSlowly(message, MIB)
  await until('the client has a little', () => checked.bytes > MIB)
  assert.deepEqual([scene.sent.bodies, await scene.active()], [0, 1])
  assert.ok((await scene.buffers()).bytes <= MIB)
  stop()
  assert.equal(await checked.rest(message), 100 * MIB)
  assertWithin(t, processMemory(scene.edge.pid).peakBytes - idle.rssBytes, MARGIN_BYTES)
})

test('200 slow clients at once share the budget; others are answered meanwhile; every body is right', async (t) => {
  const clients = 200
  const mib = 6
  const scene = await startScene(t, {})
  await get(`${scene.url}/0/1`)
  const heldIdle = await scene.held()
  const idle = processMemory(scene.edge.pid)
  const open = await Promise.all(
    Array.from({ length: clients }, async (_, n) => (await getOpen(`${scene.url}/${n}/${mib}`)).message)
  )
  // A busy machine stands still for a while now and then: that alone does not say that all have what they get.
  const half = async () => (await scene.buffers()).bytes > BUDGET_BYTES / 2
  await until('the budget is used', half, LONG_MS)
  await settled(() => scene.sent.bytes, LONG_MS)
  const { bytes, maxBytes } = await scene.buffers()
  assert.equal(maxBytes, BUDGET_BYTES)
  assert.ok(bytes > BUDGET_BYTES / 2 && bytes <= BUDGET_BYTES, `${bytes} bytes of the budget`)
  assert.ok((await scene.active()) > 0)
  const held = (await scene.held()) - heldIdle
  t.diagnostic(`${(held / MIB).toFixed(1)} MiB held`)
  assert.ok(held <= BUDGET_BYTES + clients * CLIENT_BYTES, `${held} bytes held`)
  for (let n = 0; n < 10; n++) {
    const { body } = await get(`${scene.url}/${n}/1`)
    assert.ok(body.equals(block(n, 0)))
  }
  assertWithin(
    t,
    processMemory(scene.edge.pid).peakBytes - idle.rssBytes,
    BUDGET_BYTES + clients * CLIENT_BYTES + MARGIN_BYTES
  )
  const lengths = await Promise.all(open.map((message, n) => new Checked(n).rest(message)))
  assert.ok(lengths.every((length) => length === mib * MIB))
  assertWithin(
    t,
    processMemory(scene.edge.pid).peakBytes - idle.rssBytes,
    BUDGET_BYTES + clients * CLIENT_BYTES + MARGIN_BYTES
  )
  await until('the budget is as it was', async () => (await scene.buffers()).bytes === 0)
})

test('a disk that is full in the middle of a file: no answer fails, the server waits, the log says so once', async (t) => {
  const path = tempDir(t)
  const scene = await startScene(t, { buffering: { spill: { path } } }, 4 * MIB)
  const open = await Promise.all([1, 2].map(async (n) => (await getOpen(`${scene.url}/${n}/60`)).message))
  await settled(() => scene.sent.bytes, LONG_MS)
  assert.equal(await scene.active(), 2)
  for (const size of openFilesIn(path, scene.edge.pid)) assert.ok(size <= 4 * MIB, `${size} bytes`)
  const lengths = await Promise.all(open.map((message, n) => new Checked(n + 1).rest(message)))
  assert.deepEqual(lengths, [60 * MIB, 60 * MIB])
  assert.equal(scene.edge.output().match(/buffering\.spill: [^"]* fails \(EFBIG\)/g)?.length, 1)
  await until('the files are gone', () => openFilesIn(path, scene.edge.pid).length === 0)
})

test('a process that is killed leaves no file, or one that the next start sweeps', async (t) => {
  const path = tempDir(t)
  const scene = await startScene(t, { buffering: { spill: { path } } })
  const { message } = await getOpen(`${scene.url}/1/200`)
  message.on('error', () => {})
  // With bytes in it the file has lost its name.
  await until('it spills', () => openFilesIn(path, scene.edge.pid).some((size) => size > 0), LONG_MS)
  await scene.edge.stop('SIGKILL')
  assert.deepEqual(readdirSync(path), [])
  writeFileSync(join(path, `spool-${scene.edge.pid}-0123456789abcdef`), 'killed before its name was gone')
  await startScene(t, { buffering: { spill: { path } } })
  assert.deepEqual(readdirSync(path), [])
})

function assertWithin(t: TestContext, growth: number, allowed: number): void {
  const figure = `${(growth / MIB).toFixed(1)} MiB above the idle process`
  t.diagnostic(figure)
  assert.ok(growth <= allowed, figure)
}
