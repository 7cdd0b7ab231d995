// The memory tier: an LRU bounded by the bytes it really costs, fills under way included (nginx's keys_zone has no like).
import { LRUCache } from 'lru-cache'
import { BufferEntry, describesSame, isVaryRecord } from './buffer-entry'
import type {
  CacheStore,
  EntryWriter,
  Found,
  IsGone,
  StoredEntry,
  StoredHead,
  StoreStats,
  Sweep,
  VaryRecord
} from './store'

// Measured on Node 20 and 26: entry, head, Map and list cells, Buffer with its ArrayBuffer.
const ENTRY_BYTES = 600
// A string on the heap beside its characters, and its slot in the object that holds it.
const STRING_BYTES = 28
// Fills may take a quarter of the memory, so that many large answers at once do not empty the cache.
const FILL_SHARE = 4

/** What a memory store may take. */
export interface MemoryLimits {
  readonly maxBytes: number
  /** Content larger than this is not kept in memory. */
  readonly maxObjectBytes: number
}

/** A store that answers at once, and tells when it gives up a key that nobody asked it to. */
export interface MemoryStore extends CacheStore {
  readonly maxObjectBytes: number
  /** Called for every key that has left memory, whatever the reason; one listener. */
  onGone(listener: (key: string) => void): void
  /** Lets go of what is kept under this key; fills under way go on. */
  forget(key: string): void
}

/** An empty memory store. */
export function createMemoryStore(limits: MemoryLimits): MemoryStore {
  return new Memory(limits)
}

class Memory implements MemoryStore {
  readonly maxObjectBytes: number
  readonly #maxBytes: number
  readonly #entries: LRUCache<string, BufferEntry | VaryRecord>
  readonly #writers = new Map<string, Set<MemoryWriter>>()
  #filling = 0
  #evictions = 0
  #gone: ((key: string) => void) | undefined

  constructor(limits: MemoryLimits) {
    this.maxObjectBytes = limits.maxObjectBytes
    this.#maxBytes = limits.maxBytes
    this.#entries = new LRUCache<string, BufferEntry | VaryRecord>({
      maxSize: limits.maxBytes,
      sizeCalculation: weigh,
      dispose: (_value, key, reason) => {
        if (reason === 'evict') this.#evictions++
        if (reason !== 'set') this.#gone?.(key)
      }
    })
  }

  onGone(listener: (key: string) => void): void {
    this.#gone = listener
  }

  forget(key: string): void {
    this.#entries.delete(key)
  }

  peek(key: string): Found {
    return this.#entries.get(key)
  }

  find(key: string): Promise<Found> {
    return Promise.resolve(this.#entries.get(key))
  }

  look(key: string): Promise<Found> {
    return Promise.resolve(this.#entries.peek(key))
  }

  open(key: string, head: StoredHead, length: number | undefined): EntryWriter | undefined {
    const maxBytes = Math.min(this.maxObjectBytes, this.#maxBytes - weighHead(key, head))
    if (maxBytes < (length ?? 0) || !this.#take(length ?? 0)) return undefined
    const writer: MemoryWriter = new MemoryWriter(length, {
      maxBytes,
      take: (bytes) => this.#take(bytes),
      close: (content, held) => this.#closeFill({ key, head, writer, content, held })
    })
    const open = this.#writers.get(key)
    if (open === undefined) this.#writers.set(key, new Set([writer]))
    else open.add(writer)
    return writer
  }

  putVary(key: string, record: VaryRecord): void {
    this.#put(key, record)
  }

  freshen(key: string, head: StoredHead): Promise<void> {
    const entry = this.#entries.peek(key)
    if (entry !== undefined && !isVaryRecord(entry) && describesSame(entry.head, head)) {
      this.#put(key, new BufferEntry(key, head, entry.buffer))
    }
    return Promise.resolve()
  }

  /** Also ends the fills of this key: what was on its way may be what the caller wants gone. */
  remove(key: string): Promise<boolean> {
    for (const writer of this.#writers.get(key) ?? []) writer.discard()
    return Promise.resolve(this.#entries.delete(key))
  }

  async *sweep(isGone: IsGone): Sweep {
    // The map must not be walked while it changes.
    for (const key of [...this.#entries.keys()]) {
      const found = this.#entries.peek(key)
      if (found === undefined) continue
      if (isVaryRecord(found)) yield found.storedAt
      else if (!isGone(key, found.head)) yield found.head.requestTime
      else {
        this.#entries.delete(key)
        yield undefined
      }
    }
    return true
  }

  stats(): StoreStats {
    return {
      entries: this.#entries.size,
      bytes: this.#entries.calculatedSize + this.#filling,
      evictions: this.#evictions
    }
  }

  close(): Promise<void> {
    for (const writers of this.#writers.values()) for (const writer of writers) writer.discard()
    this.#entries.clear()
    return Promise.resolve()
  }

  #put(key: string, value: BufferEntry | VaryRecord): boolean {
    this.#entries.set(key, value)
    this.#makeRoom()
    return this.#entries.peek(key) === value
  }

  #take(bytes: number): boolean {
    const share = Math.max(this.#maxBytes / FILL_SHARE, Math.min(this.maxObjectBytes, this.#maxBytes))
    if (this.#filling + bytes > share) return false
    this.#filling += bytes
    this.#makeRoom()
    return true
  }

  #makeRoom(): void {
    while (this.#entries.size > 0 && this.#entries.calculatedSize + this.#filling > this.#maxBytes) {
      this.#entries.pop()
    }
  }

  #closeFill(fill: ClosedFill): StoredEntry | undefined {
    const { key, head, writer, content, held } = fill
    this.#filling -= held
    const open = this.#writers.get(key)
    if (open?.delete(writer) && open.size === 0) this.#writers.delete(key)
    if (content === undefined) return undefined
    const entry = new BufferEntry(key, head, content)
    return this.#put(key, entry) ? entry : undefined
  }
}

interface ClosedFill {
  readonly key: string
  readonly head: StoredHead
  readonly writer: MemoryWriter
  readonly content: Buffer | undefined
  readonly held: number
}

interface FillAccount {
  readonly maxBytes: number
  take(bytes: number): boolean
  close(content: Buffer | undefined, held: number): StoredEntry | undefined
}

/** A fill: with a known length (taken already) straight into its final Buffer, else chunks that are joined once at commit. */
class MemoryWriter implements EntryWriter {
  #dead = false
  readonly #account: FillAccount
  readonly #target: Buffer | undefined
  #chunks: Buffer[] = []
  #length = 0
  #held = 0

  constructor(length: number | undefined, account: FillAccount) {
    this.#account = account
    if (length === undefined) return
    this.#held = length
    this.#target = Buffer.allocUnsafeSlow(length)
  }

  write(chunk: Buffer): boolean {
    if (this.#dead) return true
    if (this.#target === undefined) {
      if (this.#hold(chunk.length)) this.#chunks.push(chunk)
    } else if (this.#length + chunk.length > this.#target.length) {
      this.discard()
    } else {
      chunk.copy(this.#target, this.#length)
    }
    this.#length += chunk.length
    return true
  }

  onDrain(): void {
    // Memory never asks to wait.
  }

  commit(): Promise<StoredEntry | undefined> {
    if (this.#dead) return Promise.resolve(undefined)
    if (this.#target !== undefined && this.#length !== this.#target.length) {
      this.discard()
      return Promise.resolve(undefined)
    }
    return Promise.resolve(this.#close(this.#target ?? join(this.#chunks, this.#length)))
  }

  discard(): void {
    if (!this.#dead) this.#close(undefined)
  }

  #hold(bytes: number): boolean {
    if (this.#held + bytes > this.#account.maxBytes || !this.#account.take(bytes)) {
      this.discard()
      return false
    }
    this.#held += bytes
    return true
  }

  #close(content: Buffer | undefined): StoredEntry | undefined {
    this.#dead = true
    this.#chunks = []
    return this.#account.close(content, this.#held)
  }
}

/** A Buffer of exactly its bytes: a slice of a socket's slab would keep the whole slab alive. */
function join(chunks: readonly Buffer[], length: number): Buffer {
  const first = chunks[0]
  if (chunks.length === 1 && first !== undefined && first.buffer.byteLength === length) return first
  const whole = Buffer.allocUnsafeSlow(length)
  let at = 0
  for (const chunk of chunks) at += chunk.copy(whole, at)
  return whole
}

function weigh(value: BufferEntry | VaryRecord, key: string): number {
  if (!isVaryRecord(value)) return value.length + weighHead(key, value.head)
  return value.vary.reduce((sum, name) => sum + name.length + STRING_BYTES, key.length + ENTRY_BYTES)
}

function weighHead(key: string, head: StoredHead): number {
  let bytes = ENTRY_BYTES + key.length
  for (const name in head.fields) bytes += weighField(head.fields[name])
  for (const name in head.selecting) bytes += weighField(head.selecting[name] ?? undefined)
  for (const tag of head.tags ?? []) bytes += tag.length + STRING_BYTES
  return bytes
}

// Names are mostly interned by the parser: only their slot is counted.
function weighField(value: string | string[] | undefined): number {
  if (value === undefined) return STRING_BYTES
  if (typeof value === 'string') return STRING_BYTES + value.length
  return value.reduce((sum, line) => sum + line.length + STRING_BYTES, STRING_BYTES)
}
