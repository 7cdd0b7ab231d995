// Starting on a large cache directory: time until an edge answers from it, longest block of the loop, cost of the index.
// `npx tsc -p test && node --expose-gc test/bench/disk-start.mjs [entries] [directory]`, a million if not told otherwise;
// a directory that is there is used again. On a busy machine compare with the line that says how late an idle loop is.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { monitorEventLoopDelay, performance } from 'node:perf_hooks'

const require = createRequire(import.meta.url)
const from = (name) => require(`../../build/src/cache/store/${name}.js`)
const { openDiskStore } = from('disk')
const { digestOf, entryPath } = from('disk-name')
const { encodePrefix, encodeRecord, planLayout } = from('disk-entry')
const { BlockSums } = from('disk-sums')
const { DiskIndex } = from('disk-index')
const Fastify = require('fastify')
const sluice = require('../../build/src/index.js').default

const count = Number(process.argv[2] ?? 1_000_000)
const given = process.argv[3]
const path = given ?? mkdtempSync(join(tmpdir(), 'sluice-bench-'))
const MILLION = 1_000_000

await generate()
indexCost()
await idle()
rmSync(join(path, 'index'), { force: true })
await measure('counted file by file')
await measure('complete snapshot')
const origin = createServer((_request, response) => {
  response.writeHead(200, { 'cache-control': 'max-age=60000', 'content-length': 5 }).end('hello')
})
await new Promise((resolve) => origin.listen(0, '127.0.0.1', resolve))
await edge('complete snapshot, made ready for a hit')
await edge('complete snapshot')
rmSync(join(path, 'index'), { force: true })
await edge('no snapshot')
origin.close()
if (given === undefined) rmSync(path, { recursive: true })

/** Tiny responses, written as the store writes them but without its promises. */
async function generate() {
  if (existsSync(join(path, '.sluice-cache'))) return
  const started = performance.now()
  mkdirSync(path, { recursive: true, mode: 0o700 })
  writeFileSync(join(path, '.sluice-cache'), '')
  const content = Buffer.from('tiny')
  const sums = new BlockSums()
  sums.add(content)
  const { table, tableSum } = sums.finish()
  const fields = { date: 'Tue, 14 Nov 2023 22:13:20 GMT', 'content-type': 'text/plain' }
  const json = encodeRecord({
    kind: 'response',
    head: { status: 200, fields, requestTime: 1, responseTime: 2 }
  })
  const made = new Set()
  for (let n = 0; n < count; n++) {
    const key = `k${n}`
    const layout = planLayout(json, key)
    const parts = { kind: 'response', layout, key, json, contentBytes: content.length, tableSum }
    const start = encodePrefix({ ...parts, nonce: Buffer.alloc(8) })
    const at = entryPath(path, digestOf(key))
    const directory = dirname(at)
    if (!made.has(directory)) mkdirSync(directory, { recursive: true })
    made.add(directory)
    writeFileSync(at, Buffer.concat([start, content, table]), { mode: 0o600 })
  }
  console.log(`${count} files generated in ${seconds(started)}`)
}

function indexCost() {
  globalThis.gc?.()
  const before = process.memoryUsage()
  const index = new DiskIndex()
  const digest = Buffer.alloc(32)
  let longest = 0
  for (let n = 0; n < MILLION; n++) {
    for (let at = 0; at < digest.length; at += 4) digest.writeInt32LE(Math.imul(n + at, 2654435761), at)
    const started = performance.now()
    index.set(digest, 4096, n)
    longest = Math.max(longest, performance.now() - started)
  }
  globalThis.gc?.()
  const after = process.memoryUsage()
  const bytes = after.arrayBuffers - before.arrayBuffers + after.heapUsed - before.heapUsed
  console.log(
    `index: ${(bytes / MILLION).toFixed(1)} bytes an entry at ${MILLION}; longest insert ${longest.toFixed(1)} ms`
  )
  return index.size
}

async function measure(what) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const started = performance.now()
  const store = await openDiskStore({ path, maxBytes: 2 ** 40, now: Date.now })
  const ready = seconds(started)
  const found = await store.find(`k${count - 1}`)
  const answered = seconds(started)
  if (found === undefined) throw new Error('not found')
  while (!(await writes(store))) await new Promise((resolve) => setTimeout(resolve, 20))
  const counted = seconds(started)
  delay.disable()
  const { entries } = store.stats()
  await new Promise((resolve) => setTimeout(resolve, 10))
  console.log(
    `${what}: ready ${ready}, first answer ${answered}, writes ${counted} (${entries} entries); ` +
      `loop delay ${late(delay)}`
  )
  const closing = performance.now()
  await store.remove('probe')
  await store.close()
  console.log(`  closed, snapshot written: ${seconds(closing)}`)
}

/** How late the loop is of a process that does nothing. */
async function idle() {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  delay.disable()
  console.log(`idle: loop delay ${late(delay)}`)
}

/** A whole edge, from its making to its first answer. */
async function edge(what) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const started = performance.now()
  const app = Fastify({ forceCloseConnections: true })
  await app.register(sluice, {
    caches: { pages: { memory: '1m', disk: { path, maxSize: '900g' } } },
    routes: [
      {
        prefix: '/',
        upstream: `http://127.0.0.1:${origin.address().port}`,
        cache: { zone: 'pages', key: (request) => request.url }
      }
    ]
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const listening = seconds(started)
  const answer = await fetch(`${url}/page`)
  await answer.text()
  const answered = seconds(started)
  while (app.sluice.stats().caches.pages.entries < count)
    await new Promise((resolve) => setTimeout(resolve, 50))
  console.log(
    `edge, ${what}: listens ${listening}, first answer ${answered} (${answer.headers.get('x-cache-status')}), ` +
      `index complete ${seconds(started)}; loop delay ${late(delay)}`
  )
  delay.disable()
  await app.close()
}

function late(delay) {
  return `p99 ${(delay.percentile(99) / 1e6).toFixed(1)} ms, max ${(delay.max / 1e6).toFixed(1)} ms`
}

async function writes(store) {
  const writer = store.open('probe', { status: 200, fields: {}, requestTime: 1, responseTime: 1 }, 0)
  return (await writer?.commit()) !== undefined
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(2)} s`
}
