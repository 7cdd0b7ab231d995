// What is kept of files that are asked for again and again: the last look at a path, and the content of small files (nginx `open_file_cache`).
import { LRUCache } from 'lru-cache'
import type { Sending } from './answer'
import { type FileSystem, type Found, isRecent } from './lookup'
import { isVersion, readWhole } from './read-whole'

/** The file that stands for a path, and how it is sent. */
export interface Match extends Sending {
  /** `index`: it is the index of the folder that the path means. */
  readonly kind: 'file' | 'index'
}

/** A look at the disk. */
export interface Look {
  readonly match: Match
  /** The root's real path, as it was before. */
  readonly base: string
}

/** What a look came to; with content that is, or has just been, in memory. */
export interface Seen {
  readonly match: Match
  readonly bytes?: Buffer | undefined
}

/** Numbers of the moment; counters run from the start. */
export interface MemoryStats {
  /** Answers for which the disk was not asked. */
  readonly hits: number
  /** Files that were read into memory. */
  readonly reads: number
  readonly evictions: number
  readonly entries: number
  readonly bytes: number
  readonly maxBytes: number
}

/** What it may take, and with what it works. */
export interface MemorySettings {
  readonly maxBytes: number
  readonly fileSystem: FileSystem
  clock(): number
}

/** nginx's open_file_cache_min_uses: a crawler that asks for everything once empties nothing. */
const MIN_USES = 2
/** One file may take this part of the memory, and all that are being read a quarter of it. */
const FILE_SHARE = 16
const READING_SHARE = 4
/** How often a file that changes under our eyes is looked at. */
const MAX_TRIES = 4
/** File systems stamp time in ticks, the coarsest every two seconds: what was changed later than that may change unseen. */
const SETTLED_MS = 2000
// Measured on Node 20: the objects, the cells of map and list, the Buffer with its ArrayBuffer; strings beside their characters.
const USED_BYTES = 300
const LOOK_BYTES = 700
const CONTENT_BYTES = 400

type Kept =
  | { readonly kind: 'used'; readonly uses: number }
  | { readonly kind: 'look'; readonly uses: number; readonly look: Look; readonly at: number }
  | { readonly kind: 'content'; readonly file: Found; readonly bytes: Buffer }

interface Looking {
  uses: number
  readonly seen: Promise<Seen | undefined>
}

interface Reading {
  readonly file: Found
  readonly bytes: Promise<Buffer | 'changed'>
}

/** The memory of one route's files. Looks are found by the path that was asked for, content by the real one: see `lookKey`. */
export class FileMemory {
  readonly #settings: MemorySettings
  readonly #kept: LRUCache<string, Kept>
  readonly #looking = new Map<string, Looking>()
  readonly #reading = new Map<string, Reading>()
  #readingBytes = 0
  #hits = 0
  #reads = 0
  #evictions = 0

  constructor(settings: MemorySettings) {
    this.#settings = settings
    this.#kept = new LRUCache<string, Kept>({
      maxSize: settings.maxBytes,
      sizeCalculation: weigh,
      dispose: (_value, _key, reason) => {
        if (reason === 'evict') this.#evictions++
      }
    })
  }

  /** The last look, while it may pass for a new one. */
  recent(key: string, root: string | undefined, now: number): Match | undefined {
    const kept = this.#kept.get(key)
    const holds = kept?.kind === 'look' && kept.look.base === root && isRecent(kept.at, now)
    return holds ? kept.look.match : undefined
  }

  /** The content of just this version. */
  content(file: Found): Buffer | undefined {
    const kept = this.#kept.get(file.realPath)
    return kept?.kind === 'content' && isVersion(file, kept.file) ? kept.bytes : undefined
  }

  countHit(): void {
    this.#hits++
  }

  /** Looks, once for all who ask meanwhile. From the second use on, the look is kept and a small file read. Rejects as `look` does. */
  see(key: string, look: () => Promise<Look | undefined>): Promise<Seen | undefined> {
    const underWay = this.#looking.get(key)
    if (underWay !== undefined) {
      underWay.uses++
      return underWay.seen
    }
    const known = this.#kept.get(key)
    const uses = known === undefined || known.kind === 'content' ? 0 : known.uses
    const seen = this.#see(key, look).finally(() => this.#looking.delete(key))
    this.#looking.set(key, { uses: uses + 1, seen })
    return seen
  }

  stats(): MemoryStats {
    return {
      hits: this.#hits,
      reads: this.#reads,
      evictions: this.#evictions,
      entries: this.#kept.size,
      bytes: this.#kept.calculatedSize + this.#readingBytes,
      maxBytes: this.#settings.maxBytes
    }
  }

  async #see(key: string, look: () => Promise<Look | undefined>): Promise<Seen | undefined> {
    for (let tries = 1; ; tries++) {
      const at = this.#settings.clock()
      const found = await look()
      if (found === undefined) {
        this.#kept.delete(key)
        return undefined
      }
      const { match } = found
      const uses = this.#looking.get(key)?.uses ?? 1
      if (uses < MIN_USES) {
        this.#keep(key, { kind: 'used', uses })
        return { match }
      }
      // The last look is for the disk, which answers for itself.
      const bytes = tries < MAX_TRIES ? await this.#contentOf(match.file) : undefined
      if (bytes === 'changed') continue
      const isKept = isSettled(match.file, at)
      this.#keep(key, isKept ? { kind: 'look', uses, look: found, at } : { kind: 'used', uses })
      return { match, bytes }
    }
  }

  /** Undefined when the file is not for memory, or cannot be read: the disk will say why. */
  async #contentOf(file: Found): Promise<Buffer | 'changed' | undefined> {
    const known = this.content(file)
    if (known !== undefined) return known
    const underWay = this.#reading.get(file.realPath)
    if (underWay !== undefined && isVersion(file, underWay.file)) return underWay.bytes.catch(() => undefined)
    const { maxBytes } = this.#settings
    if (file.size > maxBytes / FILE_SHARE || this.#readingBytes + file.size > maxBytes / READING_SHARE) {
      return undefined
    }
    const reading = { file, bytes: this.#read(file) }
    this.#reading.set(file.realPath, reading)
    try {
      return await reading.bytes
    } catch {
      return undefined
    } finally {
      if (this.#reading.get(file.realPath) === reading) this.#reading.delete(file.realPath)
    }
  }

  async #read(file: Found): Promise<Buffer | 'changed'> {
    const { fileSystem, clock } = this.#settings
    this.#readingBytes += file.size
    this.#makeRoom()
    try {
      this.#reads++
      const now = clock()
      const bytes = await readWhole(fileSystem, file)
      if (bytes !== 'changed' && isSettled(file, now))
        this.#keep(file.realPath, { kind: 'content', file, bytes })
      return bytes
    } finally {
      this.#readingBytes -= file.size
    }
  }

  #keep(key: string, value: Kept): void {
    this.#kept.set(key, value)
    this.#makeRoom()
  }

  #makeRoom(): void {
    const { maxBytes } = this.#settings
    while (this.#kept.size > 0 && this.#kept.calculatedSize + this.#readingBytes > maxBytes) {
      this.#kept.pop()
    }
  }
}

function isSettled({ mtimeMs, ctimeMs }: Found, now: number): boolean {
  return now - Math.max(mtimeMs, ctimeMs) >= SETTLED_MS
}

/** Of a path and the codings in question. No absolute path of a file starts with a coding or a space. */
export function lookKey(path: string, codings: string): string {
  return `${codings} ${path}`
}

function weigh(value: Kept, key: string): number {
  if (value.kind === 'used') return USED_BYTES + key.length
  if (value.kind === 'content') return CONTENT_BYTES + key.length + value.bytes.length
  const { file } = value.look.match
  return LOOK_BYTES + key.length + file.path.length + file.realPath.length
}
