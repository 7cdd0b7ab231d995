// File descriptors of files that are being read, or that were found a moment ago and may be.
import type { DiskIo } from './disk-io'

// A found entry is read in the same tick or never (HEAD, 304).
const IDLE_MS = 2_000
const MAX_IDLE = 64

/** An open file with its readers; closed when it has had none for a while. */
export class OpenFile {
  readonly #io: DiskIo
  readonly #idle: IdleFiles
  #fd: number | undefined
  #readers = 0

  constructor(io: DiskIo, fd: number, idle: IdleFiles) {
    this.#io = io
    this.#fd = fd
    this.#idle = idle
    idle.add(this)
  }

  /** The descriptor, to be given back; undefined when it has been closed. */
  take(): number | undefined {
    if (this.#fd === undefined) return undefined
    this.#readers++
    this.#idle.delete(this)
    return this.#fd
  }

  /** No call on the descriptor may be under way any more. */
  give(): void {
    if (--this.#readers === 0) this.#idle.add(this)
  }

  /** Closes it, unless someone reads. */
  close(): void {
    if (this.#readers > 0 || this.#fd === undefined) return
    void this.#io.close(this.#fd)
    this.#fd = undefined
  }
}

/** Open files without a reader, the longest idle one first. */
export class IdleFiles {
  readonly #files = new Map<OpenFile, number>()
  #timer: NodeJS.Timeout | undefined
  #round = 0
  #closed = false

  add(file: OpenFile): void {
    if (this.#closed) {
      file.close()
      return
    }
    this.#files.set(file, this.#round)
    const [oldest] = this.#files.keys()
    if (this.#files.size > MAX_IDLE && oldest !== undefined) this.#drop(oldest)
    this.#timer ??= setInterval(() => this.#sweep(), IDLE_MS).unref()
  }

  delete(file: OpenFile): void {
    this.#files.delete(file)
  }

  /** Closes them all, and each later one as soon as it is idle. */
  close(): void {
    this.#closed = true
    clearInterval(this.#timer)
    for (const file of this.#files.keys()) this.#drop(file)
  }

  #sweep(): void {
    for (const [file, round] of this.#files) if (round < this.#round) this.#drop(file)
    this.#round++
    if (this.#files.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #drop(file: OpenFile): void {
    this.#files.delete(file)
    file.close()
  }
}
