// One reader of a spool: a stream with its own pace and its own back-pressure.
import { Readable } from 'node:stream'
import { sluiceError } from '../errors'

// One chunk at most: what waits, waits in the spool, where it is counted, and where a failure does not overtake it.
const STREAM_BYTES = 1

/** What a reader is given at a place: bytes, bytes that have to be fetched, or how the body ends there; undefined = not yet. */
export type Portion = Buffer | Promise<Buffer> | 'end' | Error | undefined

/** The body as its readers see it. */
export interface ReaderSource {
  at(place: number): Portion
  /** Why nothing will ever come from this place on. */
  failureAt(place: number): Error | undefined
  /** The reader has been given everything before its place. */
  moved(reader: Reader): void
  /** The reader is gone. */
  left(reader: Reader): void
}

/** Reads from `start` to `end`, both inclusive. */
export class Reader {
  readonly stream: Readable
  /** Everything before it has been handed out. */
  place: number
  readonly #source: ReaderSource
  readonly #end: number
  #begun = false
  #wants = false
  #fetching = false

  constructor(source: ReaderSource, start: number, end: number) {
    this.#source = source
    this.place = start
    this.#end = end
    this.stream = new Readable({
      highWaterMark: STREAM_BYTES,
      read: () => {
        this.#begun = true
        this.#wants = true
        this.wake()
      },
      destroy: (error, done) => {
        source.left(this)
        done(error)
      }
    })
  }

  /** There may be more for it than before. */
  wake(): void {
    if (!this.#wants) this.#tellFailure()
    while (this.#wants && !this.#fetching && !this.stream.destroyed) {
      const portion = this.place > this.#end ? 'end' : this.#source.at(this.place)
      if (portion === undefined) return
      if (portion instanceof Promise) this.#fetch(portion)
      else if (Buffer.isBuffer(portion)) this.give(portion)
      else this.#finish(portion)
    }
  }

  /** Whether this chunk at this place is what comes next, and is asked for whole. */
  waitsFor(chunk: Buffer, place: number): boolean {
    return (
      this.#wants &&
      !this.#fetching &&
      this.place === place &&
      this.#end - place + 1 >= chunk.length &&
      !this.stream.destroyed
    )
  }

  /** Hands out what is at its place. */
  give(bytes: Buffer): void {
    const left = this.#end - this.place + 1
    const part = bytes.length > left ? bytes.subarray(0, left) : bytes
    this.place += part.length
    this.#source.moved(this)
    // Whoever listens may ask again before `push` returns.
    this.#wants = false
    if (this.stream.push(part)) this.#wants = true
  }

  /**
   * A break is told at once where nothing comes before it, and whatever does to whoever has asked for nothing yet: an
   * answer that has not begun can give way to an error, and who waits for its end would wait for ever.
   */
  #tellFailure(): void {
    if (this.#fetching || this.stream.readableLength > 0) return
    const failure = this.#source.failureAt(this.#begun ? this.place : Number.POSITIVE_INFINITY)
    if (failure !== undefined) this.stream.destroy(failure)
  }

  #finish(end: 'end' | Error): void {
    this.#wants = false
    if (end === 'end') this.stream.push(null)
    else this.stream.destroy(end)
  }

  #fetch(bytes: Promise<Buffer>): void {
    this.#fetching = true
    bytes.then(
      (portion) => {
        this.#fetching = false
        if (this.stream.destroyed) return
        this.give(portion)
        this.wake()
      },
      (cause) => {
        this.#fetching = false
        this.stream.destroy(
          sluiceError('SLUICE_INTERNAL', { detail: 'the spool file cannot be read', cause })
        )
      }
    )
  }
}
