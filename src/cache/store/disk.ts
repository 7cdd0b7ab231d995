// The disk tier: one file per response, found by its path, so that a hit needs no index and survives any restart
// (nginx's proxy_cache_path). Trouble with the disk is a miss, and turns the tier off for a while.
import { optionError } from '../../errors'
import { inTime } from './deadline'
import { DiskBreaker } from './disk-breaker'
import { prepareDirectory } from './disk-directory'
import type { FileRecord } from './disk-entry'
import { DiskFiles, type FileName } from './disk-files'
import { DiskIo, errnoOf } from './disk-io'
import { DiskKeeper } from './disk-keeper'
import { digestOf, idOf } from './disk-name'
import type { DiskOptions, DiskStore, DiskWatcher } from './disk-options'
import { sweepFiles } from './disk-sweep'
import { type DiskWriter, openWriter, type Published, type WrittenFile } from './disk-write'
import { KeyedQueue } from './keyed-queue'
import type { EntryWriter, Found, IsGone, StoredHead, StoreStats, Sweep, VaryRecord } from './store'

export type { DiskOptions, DiskStore, DiskWatcher } from './disk-options'

/** Opens the directory; rejects with a start-up error when it cannot be used. */
export async function openDiskStore(options: DiskOptions): Promise<DiskStore> {
  const io = new DiskIo(options.fs)
  const prepared = prepareDirectory(io, options.path).then(
    () => true,
    (error: Error) => {
      throw optionError('disk.path', error.message)
    }
  )
  if (!(await inTime(prepared, () => false)))
    throw optionError('disk.path', `${options.path}: the disk does not answer (ETIMEDOUT)`)
  const store = new Disk(io, options)
  await store.start()
  return store
}

class Disk implements DiskStore {
  readonly #io: DiskIo
  readonly #options: DiskOptions
  readonly #files: DiskFiles
  readonly #keeper: DiskKeeper
  readonly #queue = new KeyedQueue()
  readonly #reading: DiskBreaker
  readonly #writing: DiskBreaker
  readonly #writers = new Map<string, Set<DiskWriter>>()
  /** Removed but not yet gone from the disk: never to be served. */
  readonly #doomed = new Map<string, Buffer>()
  /** Of these, those that the disk refused to delete: tried again when it is back. */
  readonly #stranded = new Map<string, Buffer>()
  /** Not yet written. */
  readonly #varying = new Map<string, VaryRecord>()
  #watcher: DiskWatcher | undefined
  #closed = false

  constructor(io: DiskIo, options: DiskOptions) {
    this.#io = io
    this.#options = options
    this.#reading = new DiskBreaker((errno) => options.onState?.('reading', errno))
    this.#writing = new DiskBreaker((errno) => options.onState?.('writing', errno))
    this.#files = new DiskFiles(io, options.path, {
      onDamage: (digest) => void this.#queue.run(idOf(digest), () => this.#unlink(digest)),
      onTrouble: (error) => this.#reading.fail(errnoOf(error), options.now())
    })
    this.#keeper = new DiskKeeper({
      io,
      options,
      start: this.#files.start,
      create: () => this.#files.create(),
      sizeOf: (digest) => this.#files.sizeOf(digest),
      inOrder: (digest, task) => this.#queue.run(idOf(digest), task),
      evict: (digest) => this.#evict(digest),
      spare: (digest) => this.#watcher?.spare(idOf(digest)) ?? false
    })
  }

  start(): Promise<void> {
    return this.#keeper.start()
  }

  watch(watcher: DiskWatcher): void {
    this.#watcher = watcher
  }

  knows(key: string): boolean {
    return this.#keeper.knows(digestOf(key))
  }

  peek(): undefined {
    return undefined
  }

  find(key: string): Promise<Found> {
    return this.#ask(key, (name) => this.#read(name))
  }

  /** Not even what is wrong with a file has consequences here. */
  look(key: string): Promise<Found> {
    return this.#ask(key, async (name) => {
      const found = await this.#files.find(name)
      return found.kind === 'found' ? found.stored : undefined
    })
  }

  async #ask(key: string, read: (name: FileName) => Promise<Found>): Promise<Found> {
    const digest = digestOf(key)
    const id = idOf(digest)
    const now = this.#options.now()
    const varying = this.#varying.get(id)
    if (varying !== undefined) return varying
    if (this.#closed || this.#doomed.has(id) || !this.#reading.allows(now)) return undefined
    try {
      const reading = read({ key, digest, bytes: this.#keeper.bytesOf(digest) })
      const stored = await inTime(reading, () => this.#onHang(this.#reading))
      this.#reading.succeed()
      return this.#doomed.has(id) ? undefined : stored
    } catch (error) {
      this.#reading.fail(errnoOf(error), now)
      return undefined
    }
  }

  open(key: string, head: StoredHead, length: number | undefined): EntryWriter | undefined {
    return this.#openWriter(key, { kind: 'response', head }, length)
  }

  putVary(key: string, record: VaryRecord): void {
    const writer = this.#openWriter(key, { kind: 'vary', vary: record }, 0)
    if (writer === undefined) return
    const id = idOf(digestOf(key))
    this.#varying.set(id, record)
    void writer.commit().then(() => this.#varying.get(id) === record && this.#varying.delete(id))
  }

  freshen(key: string, head: StoredHead): Promise<void> {
    const digest = digestOf(key)
    if (this.#closed || !this.#writing.allows(this.#options.now())) return Promise.resolve()
    const freshened = this.#queue.run(idOf(digest), async () => {
      try {
        const fits = await this.#files.writeHead({ key, digest }, head)
        this.#writing.succeed()
        if (!fits) await this.#unlink(digest)
      } catch (error) {
        this.#onWriteTrouble(error)
      }
    })
    return inTime(freshened, () => this.#onHang(this.#writing))
  }

  /** Also ends the fills of this key: what was on its way may be what the caller wants gone. */
  remove(key: string): Promise<boolean> {
    const digest = digestOf(key)
    const id = idOf(digest)
    for (const writer of this.#writers.get(id) ?? []) writer.discard()
    const varied = this.#varying.delete(id)
    this.#doomed.set(id, digest)
    const removed = this.#queue.run(id, async () => (await this.#unlink(digest)) || varied)
    return inTime(removed, () => {
      this.#onHang(this.#writing)
      return this.#keeper.knows(digest) || varied
    })
  }

  /** By the process that evicts: it is one for a directory. */
  sweep(isGone: IsGone): Sweep {
    const { path: root, now } = this.#options
    const parts = {
      io: this.#io,
      root,
      mayGoOn: () => !this.#closed && this.#keeper.isOwner && this.#reading.allows(now()),
      inOrder: <T>(digest: Buffer, task: () => Promise<T>) => this.#queue.run(idOf(digest), task),
      unlink: (digest: Buffer) => this.#unlink(digest)
    }
    return sweepFiles(parts, isGone)
  }

  stats(): StoreStats {
    const degraded = this.#writing.errno ?? this.#reading.errno
    return { ...this.#keeper.stats(), ...(degraded !== undefined && { degraded }) }
  }

  async close(): Promise<void> {
    this.#closed = true
    const writers = [...this.#writers.values()].flatMap((some) => [...some])
    await Promise.all(writers.map((writer) => writer.end()))
    await this.#queue.idle()
    await this.#keeper.close()
    this.#files.close()
  }

  async #read(name: FileName): Promise<Found> {
    const found = await this.#files.find(name)
    if (found.kind === 'found') {
      this.#keeper.used(name.digest, found.bytes)
      return found.stored
    }
    if (found.kind === 'bad') void this.#queue.run(idOf(name.digest), () => this.#unlinkBad(name))
    else this.#keeper.absent(name.digest)
    return undefined
  }

  async #unlinkBad(name: FileName): Promise<void> {
    const gone = await this.#files.unlinkBad(name).catch(() => false)
    if (gone) this.#keeper.gone(name.digest)
  }

  #openWriter(key: string, record: FileRecord, length: number | undefined): DiskWriter | undefined {
    const now = this.#options.now()
    if (this.#closed || (length ?? 0) > this.#options.maxBytes || !this.#writing.allows(now)) return undefined
    const digest = digestOf(key)
    const id = idOf(digest)
    const writer = openWriter(
      {
        io: this.#io,
        space: this.#keeper.space,
        create: () => this.#files.create(),
        inOrder: (task) => this.#queue.run(id, task),
        publish: (file) => this.#publish(file, digest),
        onTrouble: (error) => this.#onWriteTrouble(error),
        onClose: (closed) => this.#forget(id, closed)
      },
      { key, record, length }
    )
    if (writer === undefined) return undefined
    const writers = this.#writers.get(id)
    if (writers === undefined) this.#writers.set(id, new Set([writer]))
    else writers.add(writer)
    return writer
  }

  #forget(id: string, writer: DiskWriter): void {
    const writers = this.#writers.get(id)
    if (writers?.delete(writer) && writers.size === 0) this.#writers.delete(id)
  }

  async #publish(file: WrittenFile, digest: Buffer): Promise<Published | undefined> {
    let isThere = false
    try {
      isThere = (await this.#keeper.announce(digest)) && (await this.#files.publish(file, digest))
    } finally {
      if (!isThere) this.#keeper.missed(digest)
    }
    if (!isThere) return undefined
    this.#keeper.added(digest, file.bytes)
    this.#writing.succeed()
    this.#doomed.delete(idOf(digest))
    this.#unlinkStranded()
    return { entry: this.#files.published(file, digest) }
  }

  #unlinkStranded(): void {
    const stranded = [...this.#stranded]
    this.#stranded.clear()
    for (const [id, digest] of stranded) {
      void this.#queue.run(id, async () => this.#doomed.has(id) && this.#unlink(digest))
    }
  }

  async #unlink(digest: Buffer): Promise<boolean> {
    try {
      const gone = await this.#files.unlink(digest)
      this.#keeper.gone(digest)
      this.#doomed.delete(idOf(digest))
      return gone
    } catch (error) {
      this.#onWriteTrouble(error)
      this.#stranded.set(idOf(digest), digest)
      return this.#keeper.knows(digest)
    }
  }

  async #evict(digest: Buffer): Promise<boolean> {
    try {
      await this.#files.unlink(digest)
      this.#watcher?.gone(idOf(digest))
      return true
    } catch (error) {
      this.#onWriteTrouble(error)
      return false
    }
  }

  #onWriteTrouble(error: unknown): void {
    this.#writing.fail(errnoOf(error), this.#options.now())
  }

  #onHang(breaker: DiskBreaker): undefined {
    breaker.fail('ETIMEDOUT', this.#options.now())
  }
}
