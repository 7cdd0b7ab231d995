// What the store tests share: heads, seeded bytes, fills, temp directories.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import type { CacheStore, StoredEntry, StoredHead } from '../../../src/cache/store/store'

/** A head with the given fields. */
export function headOf(fields: Record<string, string | string[]> = {}, time = 1_700_000_000_000): StoredHead {
  const always = { date: 'Tue, 14 Nov 2023 22:13:20 GMT', 'content-type': 'text/plain' }
  return { status: 200, fields: { ...always, ...fields }, requestTime: time, responseTime: time + 5 }
}

/** A small repeatable random source (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Bytes that depend on the seed and on their place, so that any splice shows. */
export function bytesOf(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length)
  let state = (seed * 2654435761) >>> 0
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[at] = state >>> 24
  }
  return bytes
}

/** What `fill` stores, and how. */
export interface FillOptions {
  readonly head?: StoredHead
  readonly body?: Buffer
  readonly chunk?: number
  readonly known?: boolean
}

/** Stores a response in chunks; what `commit` says. */
export async function fill(
  store: CacheStore,
  key: string,
  options: FillOptions = {}
): Promise<StoredEntry | undefined> {
  const { head = headOf(), body = Buffer.from('hello'), chunk = 10_000, known = true } = options
  const writer = store.open(key, head, known ? body.length : undefined)
  if (writer === undefined) return undefined
  for (let at = 0; at < body.length; at += chunk) {
    const free = writer.write(body.subarray(at, at + chunk))
    if (!free) await new Promise<void>((resolve) => writer.onDrain(resolve))
  }
  return writer.commit()
}

/** All bytes of a stream; rejects when it errors. */
export async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** The stored response under a key, or undefined; a Vary record is a failure of the test. */
export async function entryOf(store: CacheStore, key: string): Promise<StoredEntry | undefined> {
  const found = await store.find(key)
  if (found !== undefined && 'vary' in found) throw new Error(`${key} is a Vary record`)
  return found
}

/** The stored content, or undefined. */
export async function contentOf(store: CacheStore, key: string): Promise<Buffer | undefined> {
  const entry = await entryOf(store, key)
  return entry === undefined ? undefined : collect(entry.read())
}

const directories: string[] = []
process.once('exit', () => {
  for (const path of directories) rmSync(path, { recursive: true, force: true })
})

/** A directory of the test's own. It goes with the process: hooks of a test run in order, and stores close after it. */
export function tempDir(_t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'sluice-'))
  directories.push(path)
  return path
}
