// A body that grows: one writer, many readers, each at its own pace (nginx's proxy_buffers and proxy_max_temp_file_size).
// Bytes are in memory first; what memory has no room for goes to a temporary file, the oldest first, when one is allowed.
import type { Readable } from 'node:stream'
import { Allowance } from './allowance'
import type { Budget } from './budget'
import { Overflow } from './overflow'
import { type Portion, Reader } from './reader'
import type { SpoolFile } from './temporary-file'
import { Window } from './window'

// One write to the file moves about this much.
const FILE_STEP_BYTES = 65_536
// With a file, memory is kept down to this part of its limit, so that the writer goes on while the file is behind.
const KEPT_PART = 1 / 2

/** How much a spool may take. */
export interface SpoolOptions {
  /** Most that it holds in memory. */
  readonly memoryBytes: number
  /** Opened when memory is full for the first time; without it the writer has to wait for the slowest reader. */
  readonly openFile?: (() => Promise<SpoolFile>) | undefined
  /** Most that is in the file. Default: no limit. */
  readonly fileBytes?: number | undefined
  /** Memory is drawn from it, but for a floor. Default: `memoryBytes` is all that counts. */
  readonly budget?: Budget | undefined
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

/**
 * Held by whoever made it until `release`. Freed, memory and file, once nobody holds it and the last reader is gone;
 * the writer may go on then, its bytes go nowhere.
 */
export class Spool {
  readonly #window = new Window()
  readonly #allowance: Allowance
  readonly #overflow: Overflow
  /** Who was served longest ago comes first: the slowest is found soon. */
  readonly #readers = new Set<Reader>()
  #holds = 1
  #fate: Fate = { kind: 'open' }
  #flushing = false
  /** What is before it is gone for good. */
  #first = 0
  #freed = false
  #drained: (() => void) | undefined
  #onFree: (() => void) | undefined

  constructor(options: SpoolOptions) {
    this.#allowance = new Allowance(Math.max(options.memoryBytes, 1), options.budget)
    this.#overflow = new Overflow(options)
  }

  /** How many bytes have been written. */
  get length(): number {
    return this.#window.end
  }

  get memoryBytes(): number {
    return this.#window.retainedBytes
  }

  /** True once nobody is interested any more: the writer may as well stop. */
  get freed(): boolean {
    return this.#freed
  }

  /** Whether anybody reads. */
  get isRead(): boolean {
    return this.#readers.size > 0
  }

  /** Whether who comes now can still have all of it. */
  get isWhole(): boolean {
    return !this.#freed && this.#first === 0
  }

  /** Called when it is freed; at once if it has been. */
  onFree(listener: () => void): void {
    if (this.#freed) listener()
    else this.#onFree = listener
  }

  /** False: wait for `onDrain`. The chunk is kept, not copied. */
  write(chunk: Buffer): boolean {
    if (this.#freed || this.#fate.kind !== 'open') return true
    if (this.#handOn(chunk)) return true
    this.#window.append(chunk)
    this.#wakeAll()
    this.#makeRoom()
    return !this.#isFull()
  }

  /** Called once, when there is room again; at once when there is. */
  onDrain(listener: () => void): void {
    this.#drained = listener
    if (this.#isFull()) this.#allowance.awaitStep(this.#onGrant)
    else this.#goOn()
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
    const source = {
      at: (place: number) => this.#at(place),
      failureAt: (place: number) => this.#failureAt(place),
      moved: (moved: Reader) => this.#onMoved(moved),
      left: (gone: Reader) => this.#onLeft(gone)
    }
    const reader = new Reader(source, start, end)
    this.#readers.add(reader)
    return reader.stream
  }

  /** What the only reader waits for, and nobody holds, is never kept: a client that keeps up costs no more than without a spool. */
  #handOn(chunk: Buffer): boolean {
    if (this.#keeps || this.#readers.size !== 1 || this.#window.bytes > 0) return false
    const [reader] = this.#readers
    if (reader?.waitsFor(chunk, this.#window.end) !== true) return false
    this.#window.pass(chunk)
    this.#noteGone()
    reader.give(chunk)
    return true
  }

  /** A hold is for all of it: with the first bytes gone it keeps nothing. */
  get #keeps(): boolean {
    return this.#holds > 0 && this.#first === 0
  }

  #at(place: number): Portion {
    const bytes = this.#window.at(place)
    if (bytes !== undefined) return bytes
    if (place < this.#window.start) return this.#overflow.read(place)
    if (this.#fate.kind === 'open') return undefined
    return this.#fate.kind === 'ended' ? 'end' : this.#fate.error
  }

  #failureAt(place: number): Error | undefined {
    return this.#fate.kind === 'failed' && place >= this.#window.end ? this.#fate.error : undefined
  }

  #onMoved(reader: Reader): void {
    if (this.#readers.size > 1) {
      this.#readers.delete(reader)
      this.#readers.add(reader)
    }
    this.#makeRoom()
  }

  #onLeft(reader: Reader): void {
    this.#readers.delete(reader)
    this.#makeRoom()
    this.#freeIfUnused()
  }

  #decide(fate: Fate): void {
    if (this.#fate.kind !== 'open') return
    this.#fate = fate
    this.#wakeAll()
  }

  #wakeAll(): void {
    // A copy: who is served goes to the end of the line.
    for (const reader of this.#readers.size > 1 ? [...this.#readers] : this.#readers) reader.wake()
  }

  #isFull(): boolean {
    return !this.#freed && !this.#allowance.hasRoomBeyond(this.#window.retainedBytes)
  }

  /** Drops what nobody will read again, then moves the oldest to the file. */
  #makeRoom(): void {
    this.#dropPassed()
    this.#allowance.shrinkTo(this.#window.retainedBytes)
    if (!this.#flushing && this.#hasTooMuch()) void this.#flush()
    if (this.#drained === undefined) return
    if (this.#isFull()) this.#allowance.awaitStep(this.#onGrant)
    else this.#goOn()
  }

  readonly #onGrant = (): void => this.#makeRoom()

  #goOn(): void {
    const drained = this.#drained
    this.#drained = undefined
    this.#allowance.stopAwaiting()
    drained?.()
  }

  #dropPassed(): void {
    // A hold keeps the first bytes while there is any place for them; readers under way come before it.
    if (this.#keeps && (this.#overflow.takes(this.#window.start) || !this.#isFull())) return
    let slowest = this.#window.end
    for (const { place } of this.#readers) {
      if (place < this.#window.firstEnd) return
      slowest = Math.min(slowest, place)
    }
    this.#window.dropBefore(slowest)
    this.#noteGone()
  }

  /** What has been in memory only is gone; the file keeps what it has. */
  #noteGone(): void {
    if (this.#window.start > this.#overflow.end) this.#first = Math.max(this.#first, this.#window.start)
  }

  /** More than a spool with a file keeps in memory. */
  #hasTooMuch(): boolean {
    const { retainedBytes } = this.#window
    if (retainedBytes === 0 || this.#freed || !this.#overflow.takes(this.#window.start)) return false
    return retainedBytes > this.#allowance.limit * KEPT_PART || this.#isFull()
  }

  async #flush(): Promise<void> {
    this.#flushing = true
    while (this.#hasTooMuch()) {
      const at = this.#window.start
      const batch = this.#window.oldest(FILE_STEP_BYTES)
      if (await this.#overflow.write(batch, at)) this.#window.dropBefore(at + batch.length)
      this.#allowance.shrinkTo(this.#window.retainedBytes)
      if (this.#drained !== undefined && !this.#isFull()) this.#goOn()
    }
    this.#flushing = false
    this.#makeRoom()
  }

  #freeIfUnused(): void {
    if (this.#freed || this.#holds > 0 || this.#readers.size > 0) return
    this.#freed = true
    this.#window.dropBefore(this.#window.end)
    this.#allowance.close()
    this.#overflow.close()
    const onFree = this.#onFree
    this.#onFree = undefined
    this.#goOn()
    onFree?.()
  }
}
