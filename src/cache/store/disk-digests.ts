// PURE. SHA-256 → entry number, in typed arrays. Many small tables with open addressing, each of which grows by itself,
// and columns that grow by pieces: with millions of entries no insert takes longer than with a few.

/** No entry. */
export const NONE = 0xffffffff

/** A digest as 32-bit words: compared one by one, far faster than as a Buffer. */
const DIGEST_WORDS = 8
const WORD_BYTES = 4
// Which table, and where in it: not by the first bytes, for a directory is read in their order, and what comes in order
// would lie side by side.
const TABLE_BYTE = 4
const HOME_WORD = 2
const TABLES = 256
const FIRST_SLOTS = 8
const PIECE_BITS = 12
const PIECE_LENGTH = 1 << PIECE_BITS
const PIECE_MASK = PIECE_LENGTH - 1

/** Numbers by place; growing copies nothing. What was never set is 0. */
export class Column<A extends Float64Array | Uint32Array> {
  readonly #make: (length: number) => A
  #pieces: A[] = []

  constructor(make: (length: number) => A) {
    this.#make = make
  }

  get(at: number): number {
    return this.#pieces[at >>> PIECE_BITS]?.[at & PIECE_MASK] ?? 0
  }

  set(at: number, value: number): void {
    let piece = this.#pieces[at >>> PIECE_BITS]
    if (piece === undefined) {
      piece = this.#make(PIECE_LENGTH)
      this.#pieces[at >>> PIECE_BITS] = piece
    }
    piece[at & PIECE_MASK] = value
  }

  clear(): void {
    this.#pieces = []
  }
}

/** A column of 32-bit numbers. */
export function words(): Column<Uint32Array> {
  return new Column((length) => new Uint32Array(length))
}

/** Numbers for digests, from 0 on; those that were removed are given out again. */
export class DigestTable {
  readonly #digests = words()
  /** Entry number + 1; 0 is empty. Never more than three quarters full. */
  readonly #tables: Uint32Array[] = []
  readonly #counts = new Uint32Array(TABLES)
  #size = 0
  #used = 0
  /** The first of the removed ones; each names the next one in place of its digest. */
  #free = NONE

  constructor() {
    this.clear()
  }

  get size(): number {
    return this.#size
  }

  /** The entry of this digest. */
  find(digest: Buffer): number {
    const table = this.#tableOf(digest)
    return entryAt(table, this.#slotOf(table, digest))
  }

  /** A number for a digest that has none. */
  add(digest: Buffer): number {
    const entry = this.#take()
    for (let word = 0; word < DIGEST_WORDS; word++) {
      this.#digests.set(entry * DIGEST_WORDS + word, digest.readUInt32LE(word * WORD_BYTES))
    }
    const at = digest[TABLE_BYTE] ?? 0
    const count = (this.#counts[at] ?? 0) + 1
    this.#counts[at] = count
    if (count * 4 > this.#tableOf(digest).length * 3) this.#grow(at)
    const table = this.#tableOf(digest)
    table[this.#slotOf(table, digest)] = entry + 1
    this.#size++
    return entry
  }

  /** Takes the number of this digest back; the entry that it was. */
  remove(digest: Buffer): number {
    const table = this.#tableOf(digest)
    const slot = this.#slotOf(table, digest)
    const entry = entryAt(table, slot)
    if (entry === NONE) return NONE
    this.#emptySlot(table, slot)
    const at = digest[TABLE_BYTE] ?? 0
    this.#counts[at] = (this.#counts[at] ?? 0) - 1
    this.#digests.set(entry * DIGEST_WORDS, this.#free)
    this.#free = entry
    this.#size--
    return entry
  }

  digestOf(entry: number): Buffer {
    const digest = Buffer.allocUnsafe(DIGEST_WORDS * WORD_BYTES)
    for (let word = 0; word < DIGEST_WORDS; word++) {
      digest.writeUInt32LE(this.#digests.get(entry * DIGEST_WORDS + word), word * WORD_BYTES)
    }
    return digest
  }

  clear(): void {
    this.#digests.clear()
    this.#counts.fill(0)
    for (let at = 0; at < TABLES; at++) this.#tables[at] = new Uint32Array(FIRST_SLOTS)
    this.#size = 0
    this.#used = 0
    this.#free = NONE
  }

  #take(): number {
    const entry = this.#free
    if (entry === NONE) return this.#used++
    this.#free = this.#digests.get(entry * DIGEST_WORDS)
    return entry
  }

  #tableOf(digest: Buffer): Uint32Array {
    return this.#tables[digest[TABLE_BYTE] ?? 0] as Uint32Array
  }

  /** The slot that holds the digest, or the empty one where it would go. */
  #slotOf(table: Uint32Array, digest: Buffer): number {
    const mask = table.length - 1
    for (let slot = digest.readUInt32LE(HOME_WORD * WORD_BYTES) & mask; ; slot = (slot + 1) & mask) {
      const entry = entryAt(table, slot)
      if (entry === NONE || this.#holds(entry, digest)) return slot
    }
  }

  #holds(entry: number, digest: Buffer): boolean {
    for (let word = 0; word < DIGEST_WORDS; word++) {
      const mine = this.#digests.get(entry * DIGEST_WORDS + word)
      if (mine !== digest.readUInt32LE(word * WORD_BYTES)) return false
    }
    return true
  }

  #homeOf(entry: number, mask: number): number {
    return this.#digests.get(entry * DIGEST_WORDS + HOME_WORD) & mask
  }

  /** Each entry is different from all others: nothing is compared. */
  #grow(at: number): void {
    const before = this.#tables[at] as Uint32Array
    const table = new Uint32Array(before.length * 2)
    const mask = table.length - 1
    for (const numbered of before) {
      if (numbered === 0) continue
      let slot = this.#homeOf(numbered - 1, mask)
      while (table[slot] !== 0) slot = (slot + 1) & mask
      table[slot] = numbered
    }
    this.#tables[at] = table
  }

  /** Moves back what the emptied slot had pushed on, so that no search ends too early. */
  #emptySlot(table: Uint32Array, emptied: number): void {
    const mask = table.length - 1
    let hole = emptied
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const entry = entryAt(table, slot)
      if (entry === NONE) break
      const home = this.#homeOf(entry, mask)
      if (((slot - home) & mask) >= ((slot - hole) & mask)) {
        table[hole] = entry + 1
        hole = slot
      }
    }
    table[hole] = 0
  }
}

function entryAt(table: Uint32Array, slot: number): number {
  const numbered = table[slot] ?? 0
  return numbered === 0 ? NONE : numbered - 1
}
