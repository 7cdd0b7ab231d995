// Keeps count of what is on disk: loads the index, shares the directory with other processes, and makes files leave.
import { type ScannedFile, scanDirectory, sweepTemporary } from './disk-directory'
import { DiskIndex } from './disk-index'
import type { DiskIo } from './disk-io'
import type { DiskOptions } from './disk-options'
import type { ReportRecord } from './disk-report'
import { DiskShare } from './disk-share'
import { markPartial, readSnapshot, SNAPSHOT, writeSnapshot } from './disk-snapshot'
import { DiskSpace, takenBytes } from './disk-space'
import { VersionSweep } from './disk-version'
import type { StoreStats } from './store'

/** So many files are counted before the store is ready; the rest in the background, nothing is written until then. */
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
      share: () => this.#share.share(),
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
      apply: (record) => this.#apply(record),
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
    const now = this.#parts.options.now()
    this.expire(now)
    if (!this.#share.isOwner) {
      void this.#share.report('use', digest)
      return
    }
    const known = this.#index.get(digest)
    this.#index.set(digest, takenBytes(fileBytes), now)
    if (known === undefined && this.#isCounted) void this.space.trim()
  }

  /** A file is about to come, within room that was reserved for it. */
  async adding(digest: Buffer, fileBytes: number): Promise<void> {
    await this.#share.report('add', digest, takenBytes(fileBytes))
  }

  added(digest: Buffer, fileBytes: number): void {
    const bytes = takenBytes(fileBytes)
    if (this.#share.isOwner) this.#index.set(digest, bytes, this.#parts.options.now())
    this.space.release(bytes)
  }

  /** There is no file to be found. */
  absent(digest: Buffer): void {
    this.expire(this.#parts.options.now())
    if (this.#share.isOwner) this.#index.delete(digest)
  }

  /** A file was deleted. */
  gone(digest: Buffer): void {
    if (this.#share.isOwner) this.#index.delete(digest)
    else void this.#share.report('gone', digest)
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

  #apply({ kind, digest, bytes }: ReportRecord): void {
    const now = this.#parts.options.now()
    if (kind === 'add') this.#index.set(digest, bytes, now)
    else if (kind === 'gone') this.#index.delete(digest)
    else if (kind === 'use') this.#index.touch(digest, now)
  }

  async #load(epoch: number): Promise<void> {
    const { now } = this.#parts.options
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
      if ((await readSnapshot(io, fd, this.#index)) !== 'complete') return false
      await markPartial(io, fd)
      return true
    } finally {
      await io.close(fd)
    }
  }

  async #scan(epoch: number): Promise<boolean> {
    const { io, options } = this.#parts
    const now = options.now()
    let count = 0
    for await (const { digest, bytes } of scanDirectory(io, options.path) as AsyncIterable<ScannedFile>) {
      if (this.#closed || epoch !== this.#epoch) return false
      this.#index.found(digest, takenBytes(bytes), now)
      if (++count === COUNTED_AT_START) this.#onFirst()
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
