// A body that grows: one writer, many readers, each at its own pace (nginx's proxy_buffers and proxy_max_temp_file_size).
// Bytes are in memory first; beyond the limit the oldest go to a temporary file when one is allowed.
import { Readable } from 'node:stream'
import { sluiceError } from '../errors'
import type { SpoolFile } from './temporary-file'
import { Window } from './window'

// One read or write of the file moves about this much.
const FILE_STEP_BYTES = 65_536
// While the file is behind, memory may take this many times its limit.
const LAG_FACTOR = 2

/** How much a spool may take. */
export interface SpoolOptions {
  readonly memoryBytes: number
  /** Opened when memory is full for the first time; without it the writer has to wait for the slowest reader. */
  readonly openFile?: (() => Promise<SpoolFile>) | undefined
}

/** An inclusive range of bytes. */
export interface SpoolRange {
  readonly start?: number
  readonly end?: number
}

/** `open`: more may come. */
type Fate =
  | { readonly kind: 'open' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'failed'; readonly error: Error }

interface Reader {
  /** Everything before it has been handed out. */
  place: number
  wake: () => void
}

/**
 * Held by whoever made it until `release`. Freed, memory and file, once nobody holds it and the last reader is gone;
 * the writer may go on then, its bytes go nowhere.
 */
export class Spool {
  readonly #limit: number
  readonly #openFile: (() => Promise<SpoolFile>) | undefined
  readonly #window = new Window()
  /** Who was served longest ago comes first: the slowest is found soon. */
  readonly #readers = new Set<Reader>()
  #holds = 1
  #fate: Fate = { kind: 'open' }
  #file: SpoolFile | undefined
  #fileFailed = false
  /** The file has every byte that is wanted before this place. */
  #fileEnd = 0
  /** Calls on the file that are under way: it must not be closed under them. */
  #fileCalls = 0
  #flushing = false
  /** What is before it is gone for good. */
  #first = 0
  #freed = false
  #drained: (() => void) | undefined
  #onFree: (() => void) | undefined

  constructor(options: SpoolOptions) {
    this.#limit = options.memoryBytes
    this.#openFile = options.openFile
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.#window.end
  }

  get memoryBytes(): number {
    return this.#window.bytes
  }

  get ended(): boolean {
    return this.#fate.kind === 'ended'
  }

  /** True once nobody is interested any more: the writer may as well stop. */
  get freed(): boolean {
    return this.#freed
  }

  /** Called when it is freed; at once if it has been. */
  onFree(listener: () => void): void {
    if (this.#freed) listener()
    else this.#onFree = listener
  }

  /** False: wait for `onDrain`. The chunk is kept, not copied. */
  write(chunk: Buffer): boolean {
    if (this.#freed || this.#fate.kind !== 'open') return true
    this.#window.append(chunk)
    this.#wakeAll()
    this.#makeRoom()
    return !this.#isFull()
  }

  /** Called once, when there is room again; at once when there is. */
  onDrain(listener: () => void): void {
    if (this.#isFull()) this.#drained = listener
    else listener()
  }

  /** The body is complete. */
  end(): void {
    this.#decide({ kind: 'ended' })
  }

  /** The body stays incomplete: each reader gets what there is, then the error. */
  fail(error: Error): void {
    this.#decide({ kind: 'failed', error })
  }

  /** Keeps it, from its first byte as long as memory or file have room, until the returned function is called. */
  hold(): () => void {
    this.#holds++
    let held = true
    return () => {
      if (!held) return
      held = false
      this.release()
    }
  }

  /** Gives up the hold of the maker. */
  release(): void {
    this.#holds--
    this.#makeRoom()
    this.#freeIfUnused()
  }

  /** The bytes of a range, the whole by default, as they come; undefined when its first bytes are gone. Read or destroy it. */
  reader(range: SpoolRange = {}): Readable | undefined {
    const { start = 0, end = Number.POSITIVE_INFINITY } = range
    if (this.#freed || start < this.#first) return undefined
    const reader: Reader = { place: start, wake: () => undefined }
    let busy = false
    const leave = () => {
      this.#readers.delete(reader)
      this.#makeRoom()
      this.#freeIfUnused()
    }
    const stream = new Readable({
      highWaterMark: FILE_STEP_BYTES,
      read: () => {
        if (!busy) next()
      },
      destroy: (error, done) => {
        if (!busy) leave()
        done(error)
      }
    })
    const give = (bytes: Buffer) => {
      const part = bytes.subarray(0, end - reader.place + 1)
      reader.place += part.length
      this.#readers.delete(reader)
      this.#readers.add(reader)
      this.#makeRoom()
      stream.push(part)
    }
    const fromFile = () => {
      busy = true
      this.#readFile(reader.place).then(
        (bytes) => {
          busy = false
          if (stream.destroyed) leave()
          else give(bytes)
        },
        (cause) => {
          busy = false
          if (stream.destroyed) leave()
          else
            stream.destroy(sluiceError('SLUICE_INTERNAL', { detail: 'the spool file cannot be read', cause }))
        }
      )
    }
    const next = () => {
      if (reader.place > end) return void stream.push(null)
      const bytes = this.#window.at(reader.place)
      if (bytes !== undefined) return give(bytes)
      if (reader.place < this.#window.start) return fromFile()
      if (this.#fate.kind === 'open') reader.wake = wake
      else if (this.#fate.kind === 'ended') stream.push(null)
      else stream.destroy(this.#fate.error)
    }
    const wake = () => {
      reader.wake = () => undefined
      if (!stream.destroyed) next()
    }
    this.#readers.add(reader)
    return stream
  }

  #decide(fate: Fate): void {
    if (this.#fate.kind !== 'open') return
    this.#fate = fate
    this.#wakeAll()
  }

  #wakeAll(): void {
    // A copy: who is served goes to the end of the line.
    for (const reader of [...this.#readers]) reader.wake()
  }

  #mayUseFile(): boolean {
    return this.#openFile !== undefined && !this.#fileFailed
  }

  #isFull(): boolean {
    if (this.#freed) return false
    const most = this.#mayUseFile() ? this.#limit * LAG_FACTOR : this.#limit
    return this.#window.bytes >= Math.max(most, 1)
  }

  /** Drops what nobody will read again, then moves the oldest to the file. */
  #makeRoom(): void {
    if (this.#window.bytes * 2 >= this.#limit) {
      this.#dropPassed()
      if (this.#window.bytes > this.#limit && this.#mayUseFile() && !this.#flushing) void this.#flush()
    }
    if (this.#drained === undefined || this.#isFull()) return
    const drained = this.#drained
    this.#drained = undefined
    drained()
  }

  #dropPassed(): void {
    // A hold keeps the first bytes while there is any place for them; readers under way come before it.
    const keepsAll = this.#holds > 0 && (this.#mayUseFile() || this.#window.bytes < this.#limit)
    if (keepsAll || this.#readers.size === 0) return
    let slowest = Number.POSITIVE_INFINITY
    for (const { place } of this.#readers) {
      if (place < this.#window.firstEnd) return
      slowest = Math.min(slowest, place)
    }
    this.#window.dropBefore(slowest)
    // What has been in memory only is gone; the file keeps what it has.
    if (this.#window.start > this.#fileEnd) this.#first = Math.max(this.#first, this.#window.start)
  }

  async #flush(): Promise<void> {
    this.#flushing = true
    this.#fileCalls++
    try {
      this.#file ??= await this.#openFile?.()
      while (this.#window.bytes > this.#limit && !this.#freed) {
        const at = this.#window.start
        const batch = this.#window.oldest(FILE_STEP_BYTES)
        await this.#file?.write(batch, at)
        this.#fileEnd = at + batch.length
        this.#window.dropBefore(this.#fileEnd)
      }
    } catch {
      // What is in the file stays readable; from here on memory is all there is.
      this.#fileFailed = true
    }
    this.#flushing = false
    this.#endFileCall()
    this.#makeRoom()
  }

  async #readFile(place: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(Math.min(FILE_STEP_BYTES, this.#fileEnd - place))
    this.#fileCalls++
    try {
      const got = (await this.#file?.read(bytes, place)) ?? 0
      if (got === 0) throw new Error('the file is shorter than what was written')
      return bytes.subarray(0, got)
    } finally {
      this.#endFileCall()
    }
  }

  #endFileCall(): void {
    this.#fileCalls--
    if (this.#freed) this.#closeFile()
  }

  #freeIfUnused(): void {
    if (this.#freed || this.#holds > 0 || this.#readers.size > 0) return
    this.#freed = true
    this.#window.dropBefore(this.#window.end)
    this.#closeFile()
    this.#drained?.()
    this.#drained = undefined
    this.#onFree?.()
    this.#onFree = undefined
  }

  #closeFile(): void {
    if (this.#file === undefined || this.#fileCalls > 0) return
    const file = this.#file
    this.#file = undefined
    file.close().catch(() => undefined)
  }
}
