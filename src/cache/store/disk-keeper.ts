// Keeps count of what is on disk: loads the index, shares the directory with other processes, and makes files leave.
import { scanDirectory, sweepTemporary } from './disk-directory'
import { takenBytes } from './disk-entry'
import { DiskIndex } from './disk-index'
import type { DiskIo } from './disk-io'
import type { DiskOptions } from './disk-options'
import { DiskShare } from './disk-share'
import { markPartial, readSnapshot, SNAPSHOT, writeSnapshot } from './disk-snapshot'
import { DiskSpace } from './disk-space'
import { VersionSweep } from './disk-version'
import type { StoreStats } from './store'

/** So many files are known before the store is ready; the rest in the background, nothing is written until then. */
const COUNTED_AT_START = 1_000
/** Unused files are looked for this often at most. */
const EXPIRE_EVERY_MS = 1_000
/** A crash loses the order of use since the last snapshot. */
const SAVE_EVERY_MS = 600_000
/** Of stores of this process: their temporary files are not swept. */
const living = new Set<string>()

/** What the count is kept for. */
export interface KeeperParts {
  readonly io: DiskIo
  readonly options: DiskOptions
  /** Of this store: 16 hex digits. */
  readonly start: string
  readonly create: () => Promise<{ readonly path: string; readonly fd: number }>
  /** The bytes under this name; undefined when there is no file. Rejects when the disk does not say. */
  readonly sizeOf: (digest: Buffer) => Promise<number | undefined>
  /** Runs a task in its turn among those that change this file. */
  readonly inOrder: (digest: Buffer, task: () => Promise<void>) => Promise<void>
  /** Deletes a file to make room; false when that failed. */
  readonly evict: (digest: Buffer) => Promise<boolean>
  /** True: in use above. */
  readonly spare: (digest: Buffer) => boolean
}

/** The files of one directory, as far as this process knows them. */
export class DiskKeeper {
  readonly space: DiskSpace
  readonly #parts: KeeperParts
  readonly #index = new DiskIndex()
  readonly #share: DiskShare
  readonly #sweep: VersionSweep
  #loading: Promise<void> = Promise.resolve()
  /** Grows with each change of the owner: a count for a former one is given up. */
  #epoch = 0
  #isCounted = false
  #closed = false
  #expireAt = 0
  #saveAt = 0
  #onFirst: () => void = () => undefined

  constructor(parts: KeeperParts) {
    const { io, options, start, evict, spare } = parts
    const { path: root, maxBytes, now } = options
    this.#parts = parts
    this.#sweep = new VersionSweep(io, root, options.version ?? '')
    this.space = new DiskSpace({
      index: this.#index,
      maxBytes,
      ready: () => this.#share.ready(),
      share: () => this.#share.share(),
      excessBytes: () => this.#share.excessBytes,
      unlink: async ({ digest }) => evict(digest),
      spare
    })
    this.#share = new DiskShare({
      io,
      root,
      now,
      maxBytes,
      living,
      self: `${process.pid}-${start}`,
      check: (digest, said) => this.#check(digest, 'warm', said),
      use: (digest) => this.#use(digest),
      reservedBytes: () => this.space.reservedBytes,
      settle: () => this.#settle(),
      totals: () => ({ entries: this.#index.size, bytes: this.space.bytes }),
      onLost: () => sweepTemporary(io, root, living),
      isCounted: () => this.#isCounted,
      onOwner: () => this.#own(),
      onGuest: () => this.#forget()
    })
    living.add(start)
  }

  /** Ready when the directory has an owner and the first files are counted. */
  async start(): Promise<void> {
    const { io, options } = this.#parts
    await sweepTemporary(io, options.path, living)
    const first = new Promise<void>((resolve) => {
      this.#onFirst = resolve
    })
    await this.#share.start()
    if (this.#share.isOwner) await first
  }

  /** The bytes that a file takes, when it is known. */
  bytesOf(digest: Buffer): number | undefined {
    return this.#index.get(digest)
  }

  /** Whether this process evicts. */
  get isOwner(): boolean {
    return this.#share.isOwner
  }

  /** Whether there may be a file: only the owner knows them all. */
  knows(digest: Buffer): boolean {
    return !this.#share.isOwner || this.#index.get(digest) !== undefined
  }

  /** A file was read. */
  used(digest: Buffer, fileBytes: number): void {
    this.expire(this.#parts.options.now())
    this.#share.used(digest)
    if (this.#share.isOwner) this.#use(digest, takenBytes(fileBytes))
  }

  /** A file is about to come, within room that was reserved for it; false: it must not. */
  announce(digest: Buffer): Promise<boolean> {
    return this.#share.announce(digest)
  }

  /** It is there. In its turn, as `gone`. */
  added(digest: Buffer, fileBytes: number): void {
    const bytes = takenBytes(fileBytes)
    if (this.#share.isOwner) this.#index.set(digest, bytes, this.#parts.options.now())
    this.#share.added(digest, bytes)
    this.space.release(bytes)
  }

  /** There is no file to be found: perhaps it has come since. */
  absent(digest: Buffer): void {
    this.expire(this.#parts.options.now())
    if (this.#share.isOwner && this.#index.get(digest) !== undefined) void this.#check(digest, 'warm')
  }

  /** It has not come, for whatever reason. */
  missed(digest: Buffer): void {
    if (this.#share.isOwner) void this.#check(digest, 'warm')
    this.#share.gone(digest)
  }

  /** A file was deleted. */
  gone(digest: Buffer): void {
    if (this.#share.isOwner) this.#index.delete(digest)
    this.#share.gone(digest)
  }

  /** Deletes some of what is not used any more, and saves the order of use now and then. */
  expire(now: number): void {
    if (!this.#share.isOwner || !this.#isCounted || now < this.#expireAt) return
    this.#expireAt = now + EXPIRE_EVERY_MS
    void this.#expire(now).catch(() => undefined)
    if (now < this.#saveAt) return
    this.#saveAt = now + SAVE_EVERY_MS
    this.#loading = this.#loading.then(() => this.#save('partial')).catch(() => undefined)
  }

  stats(): StoreStats {
    const { bytes, evictions } = this.space
    return { entries: this.#index.size, bytes, ...this.#share.totals, evictions }
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#share.stop()
    await this.#loading
    const { isAlone, isOwner } = this.#share
    if (isOwner && this.#isCounted) await this.#save(isAlone ? 'complete' : 'partial').catch(() => undefined)
    await this.#share.close()
    living.delete(this.#parts.start)
  }

  async #settle(): Promise<boolean> {
    this.expire(this.#parts.options.now())
    return this.#isCounted && this.space.trim()
  }

  #own(): void {
    this.#forget()
    const epoch = this.#epoch
    this.#loading = this.#loading
      .then(() => this.#load(epoch))
      .catch(() => undefined)
      .finally(() => this.#onFirst())
  }

  #forget(): void {
    this.#epoch++
    this.#isCounted = false
    this.#index.clear()
  }

  /** What was read is believed to be there only if it is what is counted. */
  #use(digest: Buffer, bytes = this.#index.get(digest)): void {
    this.#index.touch(digest, this.#parts.options.now())
    if (bytes !== undefined && this.#index.get(digest) === bytes) return
    void this.#check(digest, 'warm').then(() => this.#isCounted && this.space.trim())
  }

  /** Counts what is there, in its turn: whatever changes it afterwards counts it again. Never rejects. */
  #check(digest: Buffer, place: 'warm' | 'cold', said = 0): Promise<void> {
    const epoch = this.#epoch
    return this.#parts.inOrder(digest, async () => {
      const size = await this.#parts.sizeOf(digest).catch(() => Math.max(said, this.#index.get(digest) ?? 0))
      if (epoch !== this.#epoch) return
      const now = this.#parts.options.now()
      if (size === undefined) this.#index.delete(digest)
      else if (place === 'warm') this.#index.set(digest, takenBytes(size), now)
      else this.#index.found(digest, takenBytes(size), now)
    })
  }

  async #load(epoch: number): Promise<void> {
    const { io, options } = this.#parts
    const { now, path } = options
    await sweepTemporary(io, path, living)
    this.#saveAt = now() + SAVE_EVERY_MS
    await this.#sweep.begin(now() + EXPIRE_EVERY_MS)
    const complete = await this.#loadSnapshot().catch(() => false)
    if (!complete && !(await this.#scan(epoch))) return
    if (epoch !== this.#epoch) return
    this.#isCounted = true
    await this.space.trim()
  }

  /** True when it tells all there is. */
  async #loadSnapshot(): Promise<boolean> {
    const { io, options } = this.#parts
    const fd = await io.open(`${options.path}/${SNAPSHOT}`, 'update')
    try {
      const onMore = () => this.#onKnown(this.#index.size)
      if ((await readSnapshot({ io, index: this.#index, onMore }, fd)) !== 'complete') return false
      await markPartial(io, fd)
      return true
    } finally {
      await io.close(fd)
    }
  }

  #onKnown(count: number): void {
    if (count >= COUNTED_AT_START) this.#onFirst()
  }

  async #scan(epoch: number): Promise<boolean> {
    const { io, options } = this.#parts
    let count = 0
    for await (const digests of scanDirectory(io, options.path)) {
      if (this.#closed || epoch !== this.#epoch) return false
      await Promise.all(digests.map((digest) => this.#check(digest, 'cold')))
      count += digests.length
      this.#onKnown(count)
    }
    return true
  }

  async #expire(now: number): Promise<void> {
    const { inactiveMs } = this.#parts.options
    if (inactiveMs) await this.space.expire(now - inactiveMs, now)
    const changedAt = this.#sweep.dueAt(now)
    if (changedAt === undefined) return
    await this.space.expire(changedAt, now)
    if (this.#index.coldest(changedAt) === undefined) await this.#sweep.end()
  }

  async #save(completeness: 'complete' | 'partial'): Promise<void> {
    if (!this.#isCounted) return
    const { io, options, create } = this.#parts
    const { path, fd } = await create()
    try {
      await writeSnapshot(io, fd, this.#index, completeness)
      await io.rename(path, `${options.path}/${SNAPSHOT}`)
    } catch (error) {
      await io.unlink(path)
      throw error
    } finally {
      await io.close(fd)
    }
  }
}
