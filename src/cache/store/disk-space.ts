// How much of the disk is taken, and who goes when more is wanted (nginx's max_size, kept before the write, not after).
import type { DiskIndex, IndexedFile } from './disk-index'
import type { Share } from './disk-share'

/** What the space is counted from. */
export interface SpaceParts {
  readonly index: DiskIndex
  readonly maxBytes: number
  /** Looks what this process may take when it cannot know. Rejects when the disk does not say. */
  readonly ready: () => Promise<void>
  /** What this process may take; nothing before every file is known, for then nothing can be promised. */
  readonly share: () => Share
  /** So much of the maximum is held by others. */
  readonly excessBytes: () => number
  /** Deletes the file; false when that failed. */
  readonly unlink: (file: IndexedFile) => Promise<boolean>
  /** True: in use elsewhere, take another one if there is one. */
  readonly spare: (digest: Buffer) => boolean
}

// So many spared files in a row, then the next one goes all the same.
const MAX_SPARED = 32
// Files that have not been used are removed so many at a time.
const EXPIRE_BATCH = 100

/** Files, files being written and files being deleted never add up to more than the maximum. */
export class DiskSpace {
  evictions = 0
  readonly #parts: SpaceParts
  readonly #leaving = new Set<Promise<boolean>>()
  #reservedBytes = 0
  /** Asked for, not yet there. */
  #wantedBytes = 0
  #leavingBytes = 0

  constructor(parts: SpaceParts) {
    this.#parts = parts
  }

  /** What this process has under way. */
  get reservedBytes(): number {
    return this.#reservedBytes
  }

  get bytes(): number {
    return this.#parts.index.bytes + this.#reservedBytes + this.#leavingBytes
  }

  /** Room for so many bytes, others deleted for it if need be; false when there is none. */
  async reserve(bytes: number): Promise<boolean> {
    if (bytes > this.#parts.maxBytes) return false
    await this.#parts.ready()
    const share = this.#parts.share()
    if (share !== 'all') {
      if (this.#reservedBytes + bytes > share) return false
      this.#reservedBytes += bytes
      return true
    }
    this.#wantedBytes += bytes
    // While others made room, this process may have lost the directory.
    const granted = (await this.#shrink()) && this.#parts.share() === 'all'
    this.#wantedBytes -= bytes
    if (granted) this.#reservedBytes += bytes
    return granted
  }

  release(bytes: number): void {
    this.#reservedBytes -= bytes
  }

  /** Deletes until the maximum is kept: after the start, and when another process has added files. False: it is not. */
  async trim(): Promise<boolean> {
    return this.bytes <= this.#mostBytes || this.#shrink()
  }

  /** Deletes some of the files that were last used before this time, here and elsewhere. */
  async expire(unusedSince: number, now: number): Promise<void> {
    const { index, spare } = this.#parts
    for (let count = 0; count < EXPIRE_BATCH; count++) {
      const file = index.coldest(unusedSince)
      if (file === undefined) return
      if (spare(file.digest)) index.touch(file.digest, now)
      else if (!(await this.#drop(file))) return
    }
  }

  get #mostBytes(): number {
    return this.#parts.maxBytes - this.#parts.excessBytes()
  }

  async #shrink(): Promise<boolean> {
    while (this.bytes + this.#wantedBytes > this.#mostBytes) {
      while (this.bytes - this.#leavingBytes + this.#wantedBytes > this.#mostBytes) {
        const file = this.#victim()
        if (file === undefined) break
        void this.#drop(file)
      }
      if (this.#leaving.size === 0) return false
      const gone = await Promise.all(this.#leaving)
      if (gone.includes(false)) return this.bytes + this.#wantedBytes <= this.#mostBytes
    }
    return true
  }

  #victim(): IndexedFile | undefined {
    const { index, spare } = this.#parts
    for (let spared = 0; spared < MAX_SPARED; spared++) {
      const file = index.coldest()
      if (file === undefined || !spare(file.digest)) return file
      index.touch(file.digest)
    }
    return index.coldest()
  }

  #drop(file: IndexedFile): Promise<boolean> {
    const { index, unlink } = this.#parts
    index.delete(file.digest)
    this.#leavingBytes += file.bytes
    const leaving = unlink(file).then((gone) => {
      this.#leaving.delete(leaving)
      this.#leavingBytes -= file.bytes
      if (gone) this.evictions++
      // It still takes its place, but must not be the next to fail.
      else if (index.get(file.digest) === undefined) index.set(file.digest, file.bytes)
      return gone
    })
    this.#leaving.add(leaving)
    return leaving
  }
}
