// A request body on its way to one server: read only once a connection is there, and never destroyed by the exchange.
import { Readable } from 'node:stream'
import { isSluiceError, sluiceError } from '../errors'

/** Bytes read ahead of the connection. */
const READ_AHEAD = 64 * 1024

/** Stands between the client's stream and the HTTP client, which destroys what it is given when an exchange ends early. */
export class Upload {
  /** What the HTTP client reads. */
  readonly stream: Readable
  readonly #source: Readable
  #attached = false

  constructor(source: Readable) {
    this.#source = source
    this.stream = new Readable({
      highWaterMark: READ_AHEAD,
      read: () => this.#pull(),
      destroy: (error, callback) => {
        this.stop()
        callback(error)
      }
    })
    this.stream.on('error', ignoreError)
  }

  /** Everything has been handed to the connection. */
  get ended(): boolean {
    return this.stream.readableEnded
  }

  /** The connection takes no more for the moment. */
  get blocked(): boolean {
    return this.stream.isPaused()
  }

  /** Takes no more from the source, which stays as it is: its connection still carries the response. */
  stop(): void {
    if (!this.#attached) return
    this.#attached = false
    this.#source
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('error', this.#onLoss)
      .off('close', this.#onLoss)
    this.#source.pause()
  }

  #pull(): void {
    if (!this.#attached) this.#attach()
    else this.#source.resume()
  }

  #attach(): void {
    if (this.#source.readableEnded) {
      this.stream.push(null)
    } else if (this.#source.destroyed) {
      this.#onLoss()
    } else {
      this.#attached = true
      this.#source.on('error', ignoreError)
      this.#source
        .on('data', this.#onData)
        .on('end', this.#onEnd)
        .on('error', this.#onLoss)
        .on('close', this.#onLoss)
    }
  }

  readonly #onData = (chunk: Buffer): void => {
    if (!this.stream.push(chunk)) this.#source.pause()
  }

  readonly #onEnd = (): void => {
    this.stream.push(null)
  }

  readonly #onLoss = (cause?: Error): void => {
    if (this.#source.readableEnded) return
    // The source may say itself why it ends: a limit of the edge is not a client that left.
    this.stream.destroy(isSluiceError(cause) ? cause : sluiceError('SLUICE_CLIENT_CLOSED', { cause }))
  }
}

function ignoreError(): void {}
