// What is done to single files of the disk tier: find, create, rename into place, freshen the head, delete.
import { randomBytes } from 'node:crypto'
import { BufferEntry, describesSame } from './buffer-entry'
import { DiskEntry } from './disk-content'
import { prepareDirectory, TEMPORARY } from './disk-directory'
import { decodePrefix, encodeFresh, encodeRecord, type Prefix } from './disk-entry'
import { IdleFiles, OpenFile } from './disk-file'
import { type DiskIo, errnoOf, isForeign } from './disk-io'
import { entryPath, temporaryName } from './disk-name'
import { type Opened, openEntry, readPrefix } from './disk-read'
import type { WrittenFile } from './disk-write'
import type { StoredEntry, StoredHead, VaryRecord } from './store'

const START_BYTES = 4_096

/** What a file turned out to be while its content was read. */
export interface FileEvents {
  onDamage(digest: Buffer): void
  onTrouble(error: unknown): void
}

/** A key with its name on disk, and its size when it is known. */
export interface FileName {
  readonly key: string
  readonly digest: Buffer
  readonly bytes?: number | undefined
}

/** What a path led to. */
export type FoundFile =
  | { readonly kind: 'absent' | 'bad' }
  | { readonly kind: 'found'; readonly bytes: number; readonly stored: StoredEntry | VaryRecord }

/** The files under one directory. Rejects only when the disk is in trouble. */
export class DiskFiles {
  /** Of this store's temporary files: 16 hex digits. */
  readonly start: string = randomBytes(8).toString('hex')
  readonly #io: DiskIo
  readonly #root: string
  readonly #events: FileEvents
  readonly #idle = new IdleFiles()
  #created = 0

  constructor(io: DiskIo, root: string, events: FileEvents) {
    this.#io = io
    this.#root = root
    this.#events = events
  }

  async find(name: FileName): Promise<FoundFile> {
    const opened = await this.#open(name)
    if (opened.kind === 'absent' || opened.kind === 'bad') return opened
    const { prefix } = opened
    const { record } = prefix
    const found = { kind: 'found', bytes: prefix.fileBytes } as const
    if (record.kind === 'vary') {
      if (opened.kind === 'large') void this.#io.close(opened.fd)
      return { ...found, stored: record.vary }
    }
    if (opened.kind === 'whole') {
      return { ...found, stored: new BufferEntry(name.key, record.head, opened.content) }
    }
    return { ...found, stored: this.#entry({ ...opened, head: record.head, digest: name.digest }) }
  }

  /** A new temporary file; the directory is made again when someone has deleted it. */
  async create(): Promise<{ readonly path: string; readonly fd: number }> {
    const path = `${this.#root}/${TEMPORARY}/${temporaryName(process.pid, this.start, ++this.#created)}`
    try {
      return { path, fd: await this.#io.open(path, 'create') }
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      await prepareDirectory(this.#io, this.#root)
      return { path, fd: await this.#io.open(path, 'create') }
    }
  }

  /** Renames a complete file into place. False when no file of ours can be there. */
  async publish(file: WrittenFile, digest: Buffer): Promise<boolean> {
    const target = entryPath(this.#root, digest)
    try {
      await this.#rename(file.path, target)
      return true
    } catch (error) {
      if (isForeign(error)) return false
      throw error
    }
  }

  /** The entry that was just published; undefined for a Vary record. */
  published(file: WrittenFile, digest: Buffer): StoredEntry | undefined {
    const decoded = decodePrefix(file.start)
    if (decoded.kind !== 'ok' || decoded.prefix.record.kind !== 'response') return undefined
    const { prefix } = decoded
    const { head } = decoded.prefix.record
    if (file.content !== undefined) return new BufferEntry(prefix.key, head, file.content)
    return file.fd === undefined
      ? undefined
      : this.#entry({ prefix, head, digest, table: file.table, fd: file.fd })
  }

  /** Puts a head in place of the stored one. False when it has outgrown its slot. */
  async writeHead(name: FileName, head: StoredHead): Promise<boolean> {
    const fd = await this.#openToUpdate(name.digest)
    if (fd === undefined) return true
    try {
      const start = await readPrefix(this.#io, fd, START_BYTES)
      if (typeof start === 'string') return true
      const { prefix } = start
      if (prefix.key !== name.key || prefix.record.kind !== 'response') return true
      if (!describesSame(prefix.record.head, head)) return true
      const fresh = encodeFresh(prefix, encodeRecord({ kind: 'response', head }))
      if (fresh === undefined) return false
      await this.#io.write(fd, fresh.bytes, fresh.at)
      return true
    } catch (error) {
      if (isForeign(error)) return true
      throw error
    } finally {
      await this.#io.close(fd)
    }
  }

  /** Whether there was a file, now gone. What is no file is left alone. */
  async unlink(digest: Buffer): Promise<boolean> {
    try {
      return await this.#io.unlink(entryPath(this.#root, digest))
    } catch (error) {
      if (isForeign(error)) return false
      throw error
    }
  }

  /** The bytes under this name; undefined when there is no file. Rejects when the disk does not say. */
  async sizeOf(digest: Buffer): Promise<number | undefined> {
    try {
      const { kind, bytes } = await this.#io.stat(entryPath(this.#root, digest))
      return kind === 'file' ? bytes : undefined
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || isForeign(error)) return undefined
      throw error
    }
  }

  /** Deletes what is still no file of ours; it may have been replaced by a good one. */
  async unlinkBad(name: FileName): Promise<boolean> {
    const opened = await this.#open(name)
    if (opened.kind === 'large') void this.#io.close(opened.fd)
    return opened.kind === 'bad' && this.unlink(name.digest)
  }

  close(): void {
    this.#idle.close()
  }

  async #rename(from: string, to: string): Promise<void> {
    try {
      await this.#io.rename(from, to)
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error
      await this.#io.makeDirectory(to.slice(0, to.lastIndexOf('/')))
      await this.#io.rename(from, to)
    }
  }

  #open({ key, digest, bytes }: FileName): Promise<Opened> {
    return openEntry(this.#io, { path: entryPath(this.#root, digest), key, bytes })
  }

  async #openToUpdate(digest: Buffer): Promise<number | undefined> {
    try {
      return await this.#io.open(entryPath(this.#root, digest), 'update')
    } catch (error) {
      if (errnoOf(error) === 'ENOENT' || isForeign(error)) return undefined
      throw error
    }
  }

  #entry(file: OpenedFile): DiskEntry {
    const { prefix, head, digest, table, fd } = file
    return new DiskEntry(head, {
      io: this.#io,
      prefix,
      table,
      file: new OpenFile(this.#io, fd, this.#idle),
      reopen: () => this.#reopen(prefix, digest),
      onDamage: () => this.#events.onDamage(digest),
      onTrouble: (error) => this.#events.onTrouble(error)
    })
  }

  async #reopen(prefix: Prefix, digest: Buffer): Promise<OpenFile | undefined> {
    const opened = await this.#open({ key: prefix.key, digest, bytes: prefix.fileBytes })
    if (opened.kind !== 'large') return undefined
    if (opened.prefix.identity === prefix.identity) return new OpenFile(this.#io, opened.fd, this.#idle)
    void this.#io.close(opened.fd)
    return undefined
  }
}

interface OpenedFile {
  readonly prefix: Prefix
  readonly head: StoredHead
  readonly digest: Buffer
  readonly table: Buffer
  readonly fd: number
}
