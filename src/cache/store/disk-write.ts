// Writes one response to a temporary file: content first, header last, so that what is not complete is no file of ours.
import { randomBytes } from 'node:crypto'
import {
  encodePrefix,
  encodeRecord,
  type FileRecord,
  fileBytes,
  type Layout,
  planLayout,
  takenBytes
} from './disk-entry'
import type { DiskIo } from './disk-io'
import type { DiskSpace } from './disk-space'
import { BLOCK_BYTES, BlockSums } from './disk-sums'
import type { EntryWriter, StoredEntry } from './store'

/** Content up to this size goes out in one write, at commit. */
const SMALL_BYTES = BLOCK_BYTES
/** So much may wait for the disk before the writer asks to wait, and before it gives up. */
const HIGH_WATER_BYTES = 1 << 20
const GIVE_UP_BYTES = 8 << 20

/** A file that is complete and waits for its rename. */
export interface WrittenFile {
  readonly path: string
  readonly bytes: number
  readonly start: Buffer
  readonly table: Buffer
  /** Small content. */
  readonly content: Buffer | undefined
  /** Open for who reads it next; large content only. */
  readonly fd: number | undefined
}

/** A file that is in place; no entry when it holds a Vary record. */
export interface Published {
  readonly entry: StoredEntry | undefined
}

/** What a writer needs from its store. */
export interface WriteParts {
  readonly io: DiskIo
  readonly space: DiskSpace
  /** Creates a temporary file. */
  readonly create: () => Promise<{ readonly path: string; readonly fd: number }>
  /** Runs a task in its turn among those that change this file. */
  readonly inOrder: <T>(task: () => Promise<T>) => Promise<T>
  /** Renames it into place and takes over its reserved bytes; undefined when it may not. */
  readonly publish: (file: WrittenFile) => Promise<Published | undefined>
  readonly onTrouble: (error: unknown) => void
  /** Called once, when nothing is left to do. */
  readonly onClose: (writer: DiskWriter) => void
}

/** What is to be written. */
export interface WriteSubject {
  readonly key: string
  readonly record: FileRecord
  readonly length: number | undefined
}

/** A writer, or undefined when key or head are too large for a file. */
export function openWriter(parts: WriteParts, subject: WriteSubject): DiskWriter | undefined {
  const json = encodeRecord(subject.record)
  const layout = planLayout(json, subject.key)
  return layout && new DiskWriter(parts, { ...subject, json, layout })
}

interface Plan extends WriteSubject {
  readonly json: Buffer
  readonly layout: Layout
}

/** One file on its way. Any failure kills the writer, never the caller. */
export class DiskWriter implements EntryWriter {
  readonly #parts: WriteParts
  readonly #plan: Plan
  readonly #sums = new BlockSums()
  #state: 'open' | 'committing' | 'dead' = 'open'
  #waiting: Buffer[] = []
  #waitingBytes = 0
  #received = 0
  #written = 0
  #reserved = 0
  #temporary: { readonly path: string; readonly fd: number } | undefined
  #pumping: Promise<void> | undefined
  #cleaning: Promise<void> | undefined
  #drained: (() => void) | undefined

  constructor(parts: WriteParts, plan: Plan) {
    this.#parts = parts
    this.#plan = plan
  }

  write(chunk: Buffer): boolean {
    if (this.#state !== 'open') return true
    this.#received += chunk.length
    const tooLong = this.#plan.length !== undefined && this.#received > this.#plan.length
    if (tooLong || this.#waitingBytes + chunk.length > GIVE_UP_BYTES) {
      this.discard()
      return true
    }
    this.#sums.add(chunk)
    this.#waiting.push(chunk)
    this.#waitingBytes += chunk.length
    if (this.#received > SMALL_BYTES) this.#pump()
    return this.#waitingBytes < HIGH_WATER_BYTES
  }

  onDrain(listener: () => void): void {
    if (this.#state === 'open' && this.#waitingBytes >= HIGH_WATER_BYTES) this.#drained = listener
    else listener()
  }

  async commit(): Promise<StoredEntry | undefined> {
    const { length } = this.#plan
    if (this.#state === 'open' && length !== undefined && this.#received !== length) this.discard()
    if (this.#state !== 'open') {
      await this.#cleaning
      return undefined
    }
    this.#state = 'committing'
    return this.#parts.inOrder(() => this.#commit())
  }

  /** Discards what is not being committed; resolves when nothing is left behind. */
  async end(): Promise<void> {
    if (this.#state === 'open') this.discard()
    await this.#cleaning
  }

  discard(): void {
    const wasCommitting = this.#state === 'committing'
    if (this.#state === 'dead') return
    this.#state = 'dead'
    this.#waiting = []
    this.#waitingBytes = 0
    this.#drained?.()
    this.#drained = undefined
    // A commit under way cleans up after itself.
    if (!wasCommitting) void this.#clean()
  }

  // A method, for the state changes while a call is awaited.
  #isWanted(): boolean {
    return this.#state !== 'dead'
  }

  async #commit(): Promise<StoredEntry | undefined> {
    try {
      await this.#pumping
      const file = this.#isWanted() ? await this.#finish() : undefined
      if (file !== undefined && file.fd === undefined) await this.#closeFile()
      const published = file !== undefined && this.#isWanted() ? await this.#parts.publish(file) : undefined
      if (published !== undefined) {
        this.#reserved = 0
        this.#temporary = undefined
        this.#parts.onClose(this)
        return published.entry
      }
    } catch (error) {
      this.#parts.onTrouble(error)
    }
    await this.#clean()
    return undefined
  }

  #pump(): void {
    if (this.#pumping !== undefined) return
    this.#pumping = this.#writeWaiting()
      .catch((error) => {
        this.#parts.onTrouble(error)
        if (this.#state === 'open') this.discard()
        else this.#state = 'dead'
      })
      .finally(() => {
        this.#pumping = undefined
      })
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waitingBytes > 0 && this.#isWanted()) {
      const batch = Buffer.concat(this.#waiting, this.#waitingBytes)
      this.#waiting = []
      if (!(await this.#reserve(fileBytes(this.#plan.layout, this.#written + batch.length)))) {
        this.discard()
        return
      }
      this.#temporary ??= await this.#parts.create()
      await this.#parts.io.write(this.#temporary.fd, batch, this.#plan.layout.contentAt + this.#written)
      this.#written += batch.length
      this.#waitingBytes = Math.max(0, this.#waitingBytes - batch.length)
      if (this.#waitingBytes < HIGH_WATER_BYTES) {
        this.#drained?.()
        this.#drained = undefined
      }
    }
  }

  /** Room for a file of this size altogether. */
  async #reserve(size: number): Promise<boolean> {
    const bytes = takenBytes(size)
    const more = bytes - this.#reserved
    if (more <= 0) return true
    if (!(await this.#parts.space.reserve(more))) return false
    this.#reserved = bytes
    return true
  }

  async #finish(): Promise<WrittenFile | undefined> {
    const { key, record, json, layout } = this.#plan
    const { io } = this.#parts
    const contentBytes = this.#received
    const { table, tableSum } = this.#sums.finish()
    const nonce = randomBytes(8)
    const start = encodePrefix({ kind: record.kind, layout, key, json, contentBytes, tableSum, nonce })
    const bytes = fileBytes(layout, contentBytes)
    if (!(await this.#reserve(bytes))) return undefined
    const rest = Buffer.concat([...this.#waiting, table])
    const small = this.#written === 0
    this.#temporary ??= await this.#parts.create()
    const { fd, path } = this.#temporary
    if (small) {
      await io.write(fd, Buffer.concat([start, rest]), 0)
    } else {
      await io.write(fd, rest, layout.contentAt + this.#written)
      await io.write(fd, start, 0)
    }
    const content = small ? exact(rest, contentBytes) : undefined
    return { path, bytes, start, table, content, fd: small ? undefined : fd }
  }

  #clean(): Promise<void> {
    this.#cleaning ??= this.#cleanOnce()
    return this.#cleaning
  }

  async #cleanOnce(): Promise<void> {
    await this.#pumping
    const path = this.#temporary?.path
    await this.#closeFile()
    if (path !== undefined) await this.#parts.io.unlink(path).catch(this.#parts.onTrouble)
    this.#parts.space.release(this.#reserved)
    this.#reserved = 0
    this.#parts.onClose(this)
  }

  async #closeFile(): Promise<void> {
    if (this.#temporary === undefined || this.#temporary.fd < 0) return
    const { fd, path } = this.#temporary
    this.#temporary = { path, fd: -1 }
    await this.#parts.io.close(fd)
  }
}

function exact(bytes: Buffer, length: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(length)
  bytes.copy(copy, 0, 0, length)
  return copy
}
