// The content of a request on its way into a connection, no faster than the server takes it (RFC 9112 §7.1).
import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { isSluiceError, sluiceError } from '../../errors'
import type { Body, RequestTrailers } from '../../http/message'
import { ignore } from '../dial'
import { type Announced, fieldLines } from './request-head'

/** What the exchange hears of it. */
export interface ContentEvents {
  /** The connection has taken some. */
  onProgress(): void
  /** All of it is written. */
  onWritten(): void
  /** It broke off, or is not what was announced. */
  onContentError(error: Error): void
}

/** Bytes of a Buffer that are written at a time, so that progress shows. */
export const SLICE_BYTES = 64 * 1024

/** Whether it goes out with the head, in one piece. */
export function isSmall(body: Body): body is Buffer | null {
  return body === null || (Buffer.isBuffer(body) && body.length <= SLICE_BYTES)
}

/** Writes one body. The source is never destroyed: its connection still carries the response. */
export class RequestContent {
  readonly #socket: Socket
  readonly #events: ContentEvents
  #left: number
  readonly #chunked: boolean
  #source: Readable | undefined
  #trailers: RequestTrailers | undefined
  #rest: Buffer | undefined
  #blocked = false

  constructor(socket: Socket, announced: Announced, events: ContentEvents) {
    this.#socket = socket
    this.#events = events
    this.#chunked = announced === 'chunked'
    this.#left = announced === 'chunked' ? Number.POSITIVE_INFINITY : announced
  }

  /** The connection takes no more for the moment. */
  get blocked(): boolean {
    return this.#blocked
  }

  /** Begins to write. Trailers go behind chunks only. */
  start(body: Buffer | Readable, trailers?: RequestTrailers): void {
    if (this.#chunked) this.#trailers = trailers
    if (Buffer.isBuffer(body)) {
      this.#rest = body
      this.#writeSlices()
    } else if (body.readableEnded) {
      this.#finish()
    } else if (body.destroyed) {
      this.#onLoss()
    } else {
      this.#attach(body)
    }
  }

  /** The connection takes more. */
  onDrain(): void {
    if (!this.#blocked) return
    this.#blocked = false
    this.#events.onProgress()
    if (this.#rest !== undefined) this.#writeSlices()
    else this.#source?.resume()
  }

  /** Takes no more from the source, which stays as it is. */
  stop(): void {
    this.#rest = undefined
    const source = this.#source
    if (source === undefined) return
    this.#source = undefined
    source
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('error', this.#onLoss)
      .off('close', this.#onLoss)
      .pause()
  }

  #attach(source: Readable): void {
    this.#source = source
    source
      .off('error', ignore)
      .on('error', ignore)
      .on('data', this.#onData)
      .on('end', this.#onEnd)
      .on('error', this.#onLoss)
      .on('close', this.#onLoss)
    source.resume()
  }

  #writeSlices(): void {
    while (this.#rest !== undefined && !this.#blocked) {
      const slice = this.#rest.subarray(0, SLICE_BYTES)
      this.#rest = slice.length < this.#rest.length ? this.#rest.subarray(SLICE_BYTES) : undefined
      this.#left -= slice.length
      this.#blocked = !this.#socket.write(slice)
      if (this.#rest === undefined) this.#finish()
    }
  }

  readonly #onData = (chunk: Buffer): void => {
    if (chunk.length === 0) return
    this.#left -= chunk.length
    if (this.#left < 0) {
      this.#break('more content than its content-length')
      return
    }
    if (this.#write(chunk)) this.#events.onProgress()
    else this.#hold()
  }

  readonly #onEnd = (): void => {
    if (!this.#chunked && this.#left > 0) this.#break('less content than its content-length')
    else this.#finish()
  }

  readonly #onLoss = (cause?: Error): void => {
    if (this.#source?.readableEnded === true) return
    this.stop()
    // The source may say itself why it ends: a limit of the edge is not a client that left.
    this.#events.onContentError(isSluiceError(cause) ? cause : sluiceError('SLUICE_CLIENT_CLOSED', { cause }))
  }

  #write(chunk: Buffer): boolean {
    const socket = this.#socket
    if (!this.#chunked) return socket.write(chunk)
    socket.cork()
    socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
    socket.write(chunk)
    const more = socket.write('\r\n', 'latin1')
    socket.uncork()
    return more
  }

  #hold(): void {
    this.#blocked = true
    this.#source?.pause()
  }

  #finish(): void {
    this.stop()
    const trailers = this.#trailers === undefined ? '' : fieldLines(this.#trailers.read())
    if (trailers === undefined) {
      this.#break('a trailer field that cannot be sent')
      return
    }
    if (this.#chunked) this.#socket.write(`0\r\n${trailers}\r\n`, 'latin1')
    this.#events.onWritten()
  }

  #break(detail: string): void {
    this.stop()
    this.#events.onContentError(sluiceError('SLUICE_BAD_REQUEST', { detail }))
  }
}
