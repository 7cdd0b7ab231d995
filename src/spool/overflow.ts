// The part of a body that memory has no room for: a file, opened when it is first needed (nginx: proxy_max_temp_file_size).
import type { Budget } from './budget'
import type { SpoolFile } from './temporary-file'

// One read of the file moves about this much.
const READ_BYTES = 65_536

/** Where the file comes from and how much may go into it. */
export interface OverflowOptions {
  readonly openFile?: (() => Promise<SpoolFile>) | undefined
  /** Most that is in the file at one time. Default: no limit. */
  readonly fileBytes?: number | undefined
  readonly budget?: Budget | undefined
}

/** Once it has failed nothing more goes in, and nothing while it is full; what is in it stays readable until `close`. */
export class Overflow {
  readonly #options: OverflowOptions
  #file: SpoolFile | undefined
  #broken = false
  /** The last place whose bytes it had no room for. */
  #fullAt = -1
  /** The place in the body of the file's first byte. */
  #start = 0
  #end = 0
  /** Calls that are under way: the file must not be closed under them. */
  #calls = 0
  #closed = false

  constructor(options: OverflowOptions) {
    this.#options = options
    this.#broken = options.openFile === undefined || options.fileBytes === 0
  }

  /** Whether more may go in, from this place on. */
  takes(at: number): boolean {
    return !this.#broken && at > this.#fullAt
  }

  /** It has every byte before this place that is still wanted. */
  get end(): number {
    return this.#end
  }

  /** False: it has not been taken. */
  async write(bytes: Buffer, at: number): Promise<boolean> {
    const { fileBytes = Number.POSITIVE_INFINITY } = this.#options
    // What lies between has been dropped: every reader is past the file, and it begins anew.
    const start = at > this.#end ? at : this.#start
    if (at + bytes.length - start > fileBytes) {
      this.#fullAt = at
      return false
    }
    this.#calls++
    try {
      this.#file ??= await this.#open()
      await this.#file.write(bytes, at - start)
      this.#start = start
      this.#end = at + bytes.length
    } catch {
      this.#broken = true
    }
    this.#endCall()
    return !this.#broken
  }

  /** Bytes from a place before its end. */
  async read(place: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, this.#end - place))
    this.#calls++
    try {
      const got = (await this.#file?.read(bytes, place - this.#start)) ?? 0
      if (got === 0) throw new Error('the file is shorter than what was written')
      return bytes.subarray(0, got)
    } finally {
      this.#endCall()
    }
  }

  close(): void {
    this.#closed = true
    this.#broken = true
    if (this.#file === undefined || this.#calls > 0) return
    const file = this.#file
    this.#file = undefined
    this.#options.budget?.fileClosed()
    file.close().catch(() => undefined)
  }

  async #open(): Promise<SpoolFile> {
    const { openFile, budget } = this.#options
    if (openFile === undefined) throw new Error('no file')
    const file = await openFile()
    budget?.fileOpened()
    return file
  }

  #endCall(): void {
    this.#calls--
    if (this.#closed) this.close()
  }
}
