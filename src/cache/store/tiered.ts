// Memory before disk: one fill feeds both, a disk hit comes up to memory, and what leaves the disk leaves memory too.
import { isVaryRecord } from './buffer-entry'
import { digestOf, idOf } from './disk-name'
import type { DiskStore } from './disk-options'
import type { MemoryStore } from './memory'
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

/** So many large entries are brought up to memory at once; the others stay on disk until they are asked for again. */
const MAX_PROMOTIONS = 4

/** The two tiers as one store. */
export function createTieredStore(memory: MemoryStore, disk: DiskStore): CacheStore {
  return new Tiered(memory, disk)
}

type Writer = EntryWriter | undefined

/** A disk lookup that several callers may wait for. `current` until the key changes: then it must not reach memory. */
interface Lookup {
  current: boolean
  result: Promise<Found>
}

/** A key in memory; `used` there since the disk last wanted to evict it. */
interface Resident {
  readonly key: string
  readonly id: string
  used: boolean
}

class Tiered implements CacheStore {
  readonly #memory: MemoryStore
  readonly #disk: DiskStore
  readonly #lookups = new Map<string, Lookup>()
  /** What is in memory by key and by name on disk. */
  readonly #residents = new Map<string, Resident>()
  readonly #byId = new Map<string, Resident>()
  /** Large entries on their way up. */
  readonly #promoting = new Map<string, Lookup>()
  /** What the disk is still doing for a key: a lookup there waits for it. */
  readonly #settling = new Map<string, Promise<unknown>>()

  constructor(memory: MemoryStore, disk: DiskStore) {
    this.#memory = memory
    this.#disk = disk
    memory.onGone((key) => this.#left(key))
    disk.watch({
      gone: (id) => {
        const resident = this.#byId.get(id)
        if (resident !== undefined) memory.forget(resident.key)
      },
      spare: (id) => {
        const resident = this.#byId.get(id)
        if (resident === undefined || !resident.used) return false
        resident.used = false
        return true
      }
    })
  }

  peek(key: string): Found {
    const found = this.#memory.peek(key)
    if (found === undefined) return undefined
    // The disk does not see this use; it will ask before it evicts.
    const resident = this.#residents.get(key)
    if (resident !== undefined) resident.used = true
    return found
  }

  find(key: string): Promise<Found> {
    const found = this.peek(key)
    if (found !== undefined) return Promise.resolve(found)
    const known = this.#lookups.get(key)
    if (known !== undefined) return known.result
    const lookup: Lookup = { current: true, result: Promise.resolve(undefined) }
    this.#lookups.set(key, lookup)
    const settling = this.#settling.get(key)
    const stored = settling === undefined ? this.#disk.find(key) : settling.then(() => this.#disk.find(key))
    lookup.result = stored.then((found) => this.#found(key, lookup, found))
    return lookup.result
  }

  async look(key: string): Promise<Found> {
    const found = await this.#memory.look(key)
    if (found !== undefined) return found
    await this.#settling.get(key)
    return this.#disk.look(key)
  }

  open(key: string, head: StoredHead, length: number | undefined): EntryWriter | undefined {
    const above = this.#memory.open(key, head, length)
    const below = this.#disk.open(key, head, length)
    if (above === undefined && below === undefined) return undefined
    return {
      write: (chunk) => {
        above?.write(chunk)
        return below?.write(chunk) ?? true
      },
      onDrain: (listener) => (below === undefined ? listener() : below.onDrain(listener)),
      commit: () => this.#commit(key, above, below),
      discard: () => {
        above?.discard()
        below?.discard()
      }
    }
  }

  putVary(key: string, record: VaryRecord): void {
    this.#changed(key)
    this.#memory.putVary(key, record)
    this.#entered(key)
    this.#disk.putVary(key, record)
  }

  /** Done when memory has it; the disk follows. */
  async freshen(key: string, head: StoredHead): Promise<void> {
    this.#changed(key)
    const inMemory = this.#memory.peek(key) !== undefined
    await this.#memory.freshen(key, head)
    const below = this.#disk.freshen(key, head)
    if (inMemory) this.#settle(key, below)
    else await below
  }

  async remove(key: string): Promise<boolean> {
    this.#changed(key)
    const above = this.#memory.remove(key)
    const below = await this.#disk.remove(key)
    return (await above) || below
  }

  async *sweep(isGone: IsGone): Sweep {
    const above = yield* this.#memory.sweep(isGone)
    const below = yield* this.#disk.sweep(isGone)
    return above && below
  }

  stats(): StoreStats {
    const above = this.#memory.stats()
    const below = this.#disk.stats()
    return {
      entries: Math.max(above.entries, below.entries),
      bytes: above.bytes + below.bytes,
      evictions: above.evictions + below.evictions,
      ...(below.degraded !== undefined && { degraded: below.degraded })
    }
  }

  async close(): Promise<void> {
    for (const lookup of this.#promoting.values()) lookup.current = false
    while (this.#settling.size > 0) await Promise.all(this.#settling.values())
    await this.#disk.close()
    await this.#memory.close()
  }

  /** Visible as soon as memory has it; the disk follows, unless memory could not keep it. */
  async #commit(key: string, above: Writer, below: Writer): Promise<StoredEntry | undefined> {
    this.#changed(key)
    const kept = above?.commit()
    this.#entered(key)
    const written = (below?.commit() ?? Promise.resolve(undefined)).then(async (entry) => {
      // No older version may come back once memory lets go of this one.
      if (entry === undefined && this.#disk.knows(key)) await this.#disk.remove(key)
      return entry
    })
    this.#settle(key, written)
    const entry = await kept
    if (entry !== undefined) return entry
    const onDisk = await written
    if (onDisk !== undefined) this.#memory.forget(key)
    return onDisk
  }

  #found(key: string, lookup: Lookup, stored: Found): Found {
    if (this.#lookups.get(key) === lookup) this.#lookups.delete(key)
    if (stored === undefined || !lookup.current) return stored
    if (isVaryRecord(stored)) {
      this.#memory.putVary(key, stored)
      this.#entered(key)
      return stored
    }
    if (stored.buffer === null) {
      void this.#promoteLarge(key, lookup, stored)
      return stored
    }
    const writer = this.#memory.open(key, stored.head, stored.length)
    writer?.write(stored.buffer)
    void writer?.commit()
    this.#entered(key)
    return stored
  }

  async #promoteLarge(key: string, lookup: Lookup, stored: StoredEntry): Promise<void> {
    if (this.#promoting.has(key) || this.#promoting.size >= MAX_PROMOTIONS) return
    const writer = this.#memory.open(key, stored.head, stored.length)
    if (writer === undefined) return
    this.#promoting.set(key, lookup)
    try {
      for await (const chunk of stored.read()) {
        if (!lookup.current) break
        writer.write(chunk)
      }
    } catch {
      // A damaged file: the disk tier has dealt with it.
      lookup.current = false
    }
    this.#promoting.delete(key)
    if (!lookup.current) {
      writer.discard()
      return
    }
    void writer.commit()
    this.#entered(key)
  }

  /** What is being looked up belongs to the past. */
  #changed(key: string): void {
    for (const lookups of [this.#lookups, this.#promoting]) {
      const lookup = lookups.get(key)
      if (lookup !== undefined) lookup.current = false
    }
    this.#lookups.delete(key)
  }

  #settle(key: string, task: Promise<unknown>): void {
    const earlier = this.#settling.get(key)
    const settled = Promise.all([earlier, task]).then(() => {
      if (this.#settling.get(key) === settled) this.#settling.delete(key)
    })
    this.#settling.set(key, settled)
  }

  #entered(key: string): void {
    if (this.#residents.has(key) || this.#memory.peek(key) === undefined) return
    const resident = { key, id: idOf(digestOf(key)), used: false }
    this.#residents.set(key, resident)
    this.#byId.set(resident.id, resident)
  }

  #left(key: string): void {
    const resident = this.#residents.get(key)
    if (resident === undefined) return
    this.#residents.delete(key)
    this.#byId.delete(resident.id)
  }
}
