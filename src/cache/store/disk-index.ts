// What is known to be on disk: SHA-256 → size and last use, in order of use (nginx's keys_zone and its queue).
// Typed arrays with open addressing: 52 bytes an entry and 8 to 16 for the table, where a Map of objects takes 127,
// and no work for the garbage collector with a million entries.

/** A digest as 32-bit words: compared one by one, far faster than as a Buffer. */
const DIGEST_WORDS = 8
const WORD_BYTES = 4
const NONE = 0xffffffff
const FIRST_CAPACITY = 1024
const GROWTH = 1.25

/** A file that was dropped from the index. */
export interface IndexedFile {
  readonly digest: Buffer
  readonly bytes: number
}

/** Files by digest, least recently used first to go. Sizes add up in `bytes`. */
export class DiskIndex {
  #size = 0
  #bytes = 0
  #capacity = FIRST_CAPACITY
  #digests = new Uint32Array(FIRST_CAPACITY * DIGEST_WORDS)
  #sizes = new Float64Array(FIRST_CAPACITY)
  #usedSeconds = new Uint32Array(FIRST_CAPACITY)
  /** Towards the warm end and towards the cold end. */
  #warmer = new Uint32Array(FIRST_CAPACITY)
  #colder = new Uint32Array(FIRST_CAPACITY)
  #warmest = NONE
  #coldest = NONE
  #free = NONE
  /** Where the walk goes on. */
  #cursor = NONE
  #used = 0
  /** Entry number + 1; 0 is empty. Never more than half full. */
  #table = new Uint32Array(FIRST_CAPACITY * 2)

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The size of a known file, else undefined. */
  get(digest: Buffer): number | undefined {
    const entry = this.#entryAt(this.#find(digest))
    return entry === NONE ? undefined : this.#sizes[entry]
  }

  /** A file is there with this size; the most recently used one. Without a time its last use stays as it was. */
  set(digest: Buffer, bytes: number, now?: number): void {
    const known = this.#entryAt(this.#find(digest))
    const entry = known === NONE ? this.#insert(digest) : known
    this.#bytes += bytes - (this.#sizes[entry] ?? 0)
    this.#sizes[entry] = bytes
    if (now !== undefined) this.#usedSeconds[entry] = now / 1000
    if (known !== NONE) this.#unlink(entry)
    this.#linkWarmest(entry)
  }

  /** As `set` for a file found at start-up: it goes first, and one that is known stays as it is. */
  setCold(digest: Buffer, bytes: number, now: number): void {
    if (this.#entryAt(this.#find(digest)) !== NONE) return
    const entry = this.#insert(digest)
    this.#bytes += bytes
    this.#sizes[entry] = bytes
    this.#usedSeconds[entry] = now / 1000
    this.#linkColdest(entry)
  }

  /** The true size of a file; one that is not known goes first. */
  found(digest: Buffer, bytes: number, now: number): void {
    const entry = this.#entryAt(this.#find(digest))
    if (entry === NONE) {
      this.setCold(digest, bytes, now)
      return
    }
    this.#bytes += bytes - (this.#sizes[entry] ?? 0)
    this.#sizes[entry] = bytes
  }

  /** Counts as a use; without a time it only goes to the end of the line. */
  touch(digest: Buffer, now?: number): void {
    const entry = this.#entryAt(this.#find(digest))
    if (entry === NONE) return
    if (now !== undefined) this.#usedSeconds[entry] = now / 1000
    if (entry === this.#warmest) return
    this.#unlink(entry)
    this.#linkWarmest(entry)
  }

  /** Forgets a file; its size, or undefined when it was not known. */
  delete(digest: Buffer): number | undefined {
    const slot = this.#find(digest)
    const entry = this.#entryAt(slot)
    return entry === NONE ? undefined : this.#remove(slot, entry)
  }

  /** The file that goes next; with `unusedSince` only one that was last used before it (ms). */
  coldest(unusedSince = Number.POSITIVE_INFINITY): IndexedFile | undefined {
    const entry = this.#coldest
    if (entry === NONE || (this.#usedSeconds[entry] ?? 0) * 1000 >= unusedSince) return undefined
    return { digest: this.#digestOf(entry), bytes: this.#sizes[entry] ?? 0 }
  }

  /** Forgets everything. */
  clear(): void {
    this.#size = 0
    this.#bytes = 0
    this.#used = 0
    this.#warmest = NONE
    this.#coldest = NONE
    this.#cursor = NONE
    this.#free = NONE
    this.#table.fill(0)
  }

  /** Begins a walk from the warmest on. What is used meanwhile is not met again. */
  rewind(): void {
    this.#cursor = this.#warmest
  }

  /** The next one of the walk. */
  next(): (IndexedFile & { readonly usedSeconds: number }) | undefined {
    const entry = this.#cursor
    if (entry === NONE) return undefined
    this.#cursor = this.#colder[entry] ?? NONE
    const usedSeconds = this.#usedSeconds[entry] ?? 0
    return { digest: this.#digestOf(entry), bytes: this.#sizes[entry] ?? 0, usedSeconds }
  }

  #digestOf(entry: number): Buffer {
    const digest = Buffer.allocUnsafe(DIGEST_WORDS * WORD_BYTES)
    for (let word = 0; word < DIGEST_WORDS; word++) {
      digest.writeUInt32LE(this.#digests[entry * DIGEST_WORDS + word] ?? 0, word * WORD_BYTES)
    }
    return digest
  }

  #entryAt(slot: number): number {
    return (this.#table[slot] ?? 0) === 0 ? NONE : (this.#table[slot] ?? 0) - 1
  }

  /** The slot that holds the digest, or the empty one where it would go. */
  #find(digest: Buffer): number {
    const mask = this.#table.length - 1
    for (let slot = digest.readUInt32LE(0) & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#entryAt(slot)
      if (entry === NONE || this.#holds(entry, digest)) return slot
    }
  }

  #holds(entry: number, digest: Buffer): boolean {
    for (let word = 0; word < DIGEST_WORDS; word++) {
      if (this.#digests[entry * DIGEST_WORDS + word] !== digest.readUInt32LE(word * WORD_BYTES)) return false
    }
    return true
  }

  #insert(digest: Buffer): number {
    if (this.#free === NONE && this.#used === this.#capacity) this.#grow()
    let entry = this.#free
    if (entry === NONE) entry = this.#used++
    else this.#free = this.#warmer[entry] ?? NONE
    for (let word = 0; word < DIGEST_WORDS; word++) {
      this.#digests[entry * DIGEST_WORDS + word] = digest.readUInt32LE(word * WORD_BYTES)
    }
    this.#sizes[entry] = 0
    this.#table[this.#find(digest)] = entry + 1
    this.#size++
    return entry
  }

  #remove(slot: number, entry: number): number {
    const bytes = this.#sizes[entry] ?? 0
    this.#unlink(entry)
    this.#emptySlot(slot)
    this.#warmer[entry] = this.#free
    this.#free = entry
    this.#size--
    this.#bytes -= bytes
    return bytes
  }

  /** Moves back what the emptied slot had pushed on, so that no search ends too early. */
  #emptySlot(emptied: number): void {
    const mask = this.#table.length - 1
    let hole = emptied
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const entry = this.#entryAt(slot)
      if (entry === NONE) break
      const home = (this.#digests[entry * DIGEST_WORDS] ?? 0) & mask
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        this.#table[hole] = entry + 1
        hole = slot
      }
    }
    this.#table[hole] = 0
  }

  #grow(): void {
    const capacity = Math.ceil(this.#capacity * GROWTH)
    this.#digests = extend(this.#digests, new Uint32Array(capacity * DIGEST_WORDS))
    this.#sizes = extend(this.#sizes, new Float64Array(capacity))
    this.#usedSeconds = extend(this.#usedSeconds, new Uint32Array(capacity))
    this.#warmer = extend(this.#warmer, new Uint32Array(capacity))
    this.#colder = extend(this.#colder, new Uint32Array(capacity))
    this.#capacity = capacity
    if (capacity * 2 > this.#table.length) this.#rehash(this.#table.length * 2)
  }

  /** Called when no entry is free: each one is in use, and different from all others. */
  #rehash(slots: number): void {
    const mask = slots - 1
    this.#table = new Uint32Array(slots)
    for (let entry = 0; entry < this.#used; entry++) {
      let slot = (this.#digests[entry * DIGEST_WORDS] ?? 0) & mask
      while (this.#table[slot] !== 0) slot = (slot + 1) & mask
      this.#table[slot] = entry + 1
    }
  }

  #linkWarmest(entry: number): void {
    this.#warmer[entry] = NONE
    this.#colder[entry] = this.#warmest
    if (this.#warmest === NONE) this.#coldest = entry
    else this.#warmer[this.#warmest] = entry
    this.#warmest = entry
  }

  #linkColdest(entry: number): void {
    this.#colder[entry] = NONE
    this.#warmer[entry] = this.#coldest
    if (this.#coldest === NONE) this.#warmest = entry
    else this.#colder[this.#coldest] = entry
    this.#coldest = entry
  }

  #unlink(entry: number): void {
    const warmer = this.#warmer[entry] ?? NONE
    const colder = this.#colder[entry] ?? NONE
    if (entry === this.#cursor) this.#cursor = colder
    if (warmer === NONE) this.#warmest = colder
    else this.#colder[warmer] = colder
    if (colder === NONE) this.#coldest = warmer
    else this.#warmer[colder] = warmer
  }
}

function extend<A extends Float64Array | Uint32Array>(from: A, to: A): A {
  to.set(from)
  return to
}
