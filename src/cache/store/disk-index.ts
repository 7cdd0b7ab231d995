// What is known to be on disk: SHA-256 → size and last use, in order of use (nginx's keys_zone and its queue).
// Typed arrays: 52 bytes an entry and 5 to 11 for the tables, where a Map of objects takes 127, and no work for the
// garbage collector with a million entries.
import { Column, DigestTable, NONE, words } from './disk-digests'

/** A file that was dropped from the index. */
export interface IndexedFile {
  readonly digest: Buffer
  readonly bytes: number
}

/** Files by digest, least recently used first to go. Sizes add up in `bytes`. */
export class DiskIndex {
  #bytes = 0
  readonly #digests = new DigestTable()
  readonly #sizes = new Column((length) => new Float64Array(length))
  readonly #usedSeconds = words()
  /** Towards the warm end and towards the cold end. */
  readonly #warmer = words()
  readonly #colder = words()
  #warmest = NONE
  #coldest = NONE
  /** Where the walk goes on. */
  #cursor = NONE

  get size(): number {
    return this.#digests.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The size of a known file, else undefined. */
  get(digest: Buffer): number | undefined {
    const entry = this.#digests.find(digest)
    return entry === NONE ? undefined : this.#sizes.get(entry)
  }

  /** A file is there with this size; the most recently used one. Without a time its last use stays as it was. */
  set(digest: Buffer, bytes: number, now?: number): void {
    const known = this.#digests.find(digest)
    const entry = known === NONE ? this.#add(digest) : known
    this.#resize(entry, bytes)
    if (now !== undefined) this.#usedSeconds.set(entry, now / 1000)
    if (known !== NONE) this.#unlink(entry)
    this.#linkWarmest(entry)
  }

  /** As `set` for a file found at start-up: it goes first, and one that is known stays as it is. */
  setCold(digest: Buffer, bytes: number, now: number): void {
    if (this.#digests.find(digest) !== NONE) return
    const entry = this.#add(digest)
    this.#resize(entry, bytes)
    this.#usedSeconds.set(entry, now / 1000)
    this.#linkColdest(entry)
  }

  /** The true size of a file; one that is not known goes first. */
  found(digest: Buffer, bytes: number, now: number): void {
    const entry = this.#digests.find(digest)
    if (entry === NONE) this.setCold(digest, bytes, now)
    else this.#resize(entry, bytes)
  }

  /** Counts as a use; without a time it only goes to the end of the line. */
  touch(digest: Buffer, now?: number): void {
    const entry = this.#digests.find(digest)
    if (entry === NONE) return
    if (now !== undefined) this.#usedSeconds.set(entry, now / 1000)
    if (entry === this.#warmest) return
    this.#unlink(entry)
    this.#linkWarmest(entry)
  }

  /** Forgets a file; its size, or undefined when it was not known. */
  delete(digest: Buffer): number | undefined {
    const entry = this.#digests.remove(digest)
    if (entry === NONE) return undefined
    const bytes = this.#sizes.get(entry)
    this.#unlink(entry)
    this.#bytes -= bytes
    return bytes
  }

  /** The file that goes next; with `unusedSince` only one that was last used before it (ms). */
  coldest(unusedSince = Number.POSITIVE_INFINITY): IndexedFile | undefined {
    const entry = this.#coldest
    if (entry === NONE || this.#usedSeconds.get(entry) * 1000 >= unusedSince) return undefined
    return { digest: this.#digests.digestOf(entry), bytes: this.#sizes.get(entry) }
  }

  /** Forgets everything. */
  clear(): void {
    for (const column of [this.#digests, this.#sizes, this.#usedSeconds, this.#warmer, this.#colder])
      column.clear()
    this.#bytes = 0
    this.#warmest = NONE
    this.#coldest = NONE
    this.#cursor = NONE
  }

  /** Begins a walk from the warmest on. What is used meanwhile is not met again. */
  rewind(): void {
    this.#cursor = this.#warmest
  }

  /** The next one of the walk. */
  next(): (IndexedFile & { readonly usedSeconds: number }) | undefined {
    const entry = this.#cursor
    if (entry === NONE) return undefined
    this.#cursor = this.#colder.get(entry)
    const usedSeconds = this.#usedSeconds.get(entry)
    return { digest: this.#digests.digestOf(entry), bytes: this.#sizes.get(entry), usedSeconds }
  }

  #add(digest: Buffer): number {
    const entry = this.#digests.add(digest)
    this.#sizes.set(entry, 0)
    return entry
  }

  #resize(entry: number, bytes: number): void {
    this.#bytes += bytes - this.#sizes.get(entry)
    this.#sizes.set(entry, bytes)
  }

  #linkWarmest(entry: number): void {
    this.#warmer.set(entry, NONE)
    this.#colder.set(entry, this.#warmest)
    if (this.#warmest === NONE) this.#coldest = entry
    else this.#warmer.set(this.#warmest, entry)
    this.#warmest = entry
  }

  #linkColdest(entry: number): void {
    this.#colder.set(entry, NONE)
    this.#warmer.set(entry, this.#coldest)
    if (this.#coldest === NONE) this.#warmest = entry
    else this.#colder.set(this.#coldest, entry)
    this.#coldest = entry
  }

  #unlink(entry: number): void {
    const warmer = this.#warmer.get(entry)
    const colder = this.#colder.get(entry)
    if (entry === this.#cursor) this.#cursor = colder
    if (warmer === NONE) this.#warmest = colder
    else this.#colder.set(warmer, colder)
    if (colder === NONE) this.#coldest = warmer
    else this.#warmer.set(colder, warmer)
  }
}
