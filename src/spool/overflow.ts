// The part of a body that memory has no room for: a file, opened when it is first needed (nginx: proxy_max_temp_file_size).
import type { Budget } from './budget'
import type { SpoolFile } from './temporary-file'

// One read of the file moves about this much.
const READ_BYTES = 65_536

/** Where the file comes from and how much may go into it. */
export interface OverflowOptions {
  readonly openFile?: (() => Promise<SpoolFile>) | undefined
  readonly fileBytes?: number | undefined
  readonly budget?: Budget | undefined
}

/** Once it has failed or is full nothing more goes in; what is in it stays readable until `close`. */
export class Overflow {
  readonly #options: OverflowOptions
  #file: SpoolFile | undefined
  #usable: boolean
  #written = 0
  #end = 0
  /** Calls that are under way: the file must not be closed under them. */
  #calls = 0
  #closed = false

  constructor(options: OverflowOptions) {
    this.#options = options
    this.#usable = options.openFile !== undefined && options.fileBytes !== 0
  }

  /** Whether more may go in. */
  get usable(): boolean {
    return this.#usable
  }

  /** It has every byte before this place that was not dropped before it came here. */
  get end(): number {
    return this.#end
  }

  /** False: it has not been taken, and nothing will be from here on. */
  async write(bytes: Buffer, at: number): Promise<boolean> {
    const { fileBytes = Number.POSITIVE_INFINITY } = this.#options
    if (this.#written + bytes.length > fileBytes) {
      this.#usable = false
      return false
    }
    this.#calls++
    try {
      this.#file ??= await this.#open()
      await this.#file.write(bytes, at)
      this.#written += bytes.length
      this.#end = at + bytes.length
    } catch {
      this.#usable = false
    }
    this.#endCall()
    return this.#usable
  }

  /** Bytes from a place before its end. */
  async read(place: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, this.#end - place))
    this.#calls++
    try {
      const got = (await this.#file?.read(bytes, place)) ?? 0
      if (got === 0) throw new Error('the file is shorter than what was written')
      return bytes.subarray(0, got)
    } finally {
      this.#endCall()
    }
  }

  close(): void {
    this.#closed = true
    this.#usable = false
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
