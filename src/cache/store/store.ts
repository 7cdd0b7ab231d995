// What a store keeps and how the cache talks to it; one contract for memory, disk and tiered (test/cache/store/contract.ts).
import type { Readable } from 'node:stream'
import type { Fields } from '../../http/message'

/** A stored response without its content (RFC 9111 §3). Plain data: it goes to disk as JSON. */
export interface StoredHead {
  readonly status: number
  /** End-to-end fields as received, `age` included; `date` is always there. */
  readonly fields: Fields
  /** When the request that led to it was sent, and when its head arrived (ms since the epoch, RFC 9111 §4.2.3). */
  readonly requestTime: number
  readonly responseTime: number
  /** How long it is fresh by the route's own `valid` where the origin said nothing; undefined when the origin rules. Ms. */
  readonly validFor?: number
  /** Values of the request fields that `Vary` names; null = the request did not have it. */
  readonly selecting?: Record<string, string | null>
  /** Purge tags. */
  readonly tags?: readonly string[]
  /** The URL that it was fetched for, where the key does not tell. */
  readonly url?: string
}

/** A record under a primary key whose responses vary: the names to look at; each variant is an entry of its own. */
export interface VaryRecord {
  readonly vary: readonly string[]
  readonly storedAt: number
}

/** A stored response as found. The content may be read any number of times, also after the entry has been replaced. */
export interface StoredEntry {
  readonly key: string
  readonly head: StoredHead
  readonly length: number
  /** The whole content when it is in memory, else null. */
  readonly buffer: Buffer | null
  /** The content, or the bytes from start to end (inclusive). A damaged file errors the stream: a byte is verified before it is served. */
  read(start?: number, end?: number): Readable
}

/** A response on its way into the store. Nothing is visible before `commit`; `discard` leaves nothing behind. */
export interface EntryWriter {
  /** False: wait for `onDrain` before the next chunk. A failed write is not an error of the request: the writer goes dead and `commit` resolves to undefined. */
  write(chunk: Buffer): boolean
  onDrain(listener: () => void): void
  /** Makes it visible, in place of what was there. Undefined when it could not be kept (too large, disk trouble). */
  commit(): Promise<StoredEntry | undefined>
  discard(): void
}

export interface StoreStats {
  readonly entries: number
  readonly bytes: number
  readonly evictions: number
  /** Undefined, or why the disk tier is off for now (errno). */
  readonly degraded?: string
}

/** What stands under a key. */
export type Found = StoredEntry | VaryRecord | undefined

/** Whether a response is there no longer for anyone who asks. */
export type IsGone = (key: string, head: StoredHead) => boolean

/**
 * A response a step: when it was asked for, undefined when it is gone, deleted now. Ends with whether that was all there is; what is
 * stored meanwhile may be left out.
 */
export type Sweep = AsyncGenerator<number | undefined, boolean, undefined>

/** Where responses are kept. Nothing here rejects or throws because of a disk: trouble is a miss. */
export interface CacheStore {
  /** What is in memory, at once; undefined = not there or only on disk. Counts as a use (LRU). */
  peek(key: string): Found
  /** As `peek`, the disk included. */
  find(key: string): Promise<Found>
  /** As `find`, for who only wants to know: it is no use, and moves nothing between tiers. */
  look(key: string): Promise<Found>
  /** `length`: the content's length when known, so that what cannot fit is refused at once (undefined). */
  open(key: string, head: StoredHead, length: number | undefined): EntryWriter | undefined
  /** Remembers what the responses under this key vary on. */
  putVary(key: string, record: VaryRecord): void
  /** Replaces the head after a 304 (RFC 9111 §3.2), the content stays. */
  freshen(key: string, head: StoredHead): Promise<void>
  /** True when there was something to remove (memory or disk). */
  remove(key: string): Promise<boolean>
  /** Goes over all that is stored, at the pace of who asks. */
  sweep(isGone: IsGone): Sweep
  stats(): StoreStats
  /** Finishes writes under way and lets go of everything. */
  close(): Promise<void>
}
