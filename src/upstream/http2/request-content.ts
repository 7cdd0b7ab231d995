// The content of a request on its way into a stream, no faster than the server's window lets it (RFC 9113 §5.2).
import type { ClientHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import { sluiceError } from '../../errors'
import type { RequestTrailers, UpstreamRequest } from '../../http/message'
import { Upload } from '../upload'

/** What the exchange hears of it. */
export interface ContentEvents {
  /** The connection has taken some. */
  readonly onProgress: () => void
  /** The connection has taken all: from here on it is the server's turn. */
  readonly onHandedOver: () => void
  /** The client's stream broke off, or has an end that HTTP/2 cannot have. */
  readonly onError: (error: Error) => void
}

/** Bytes of a Buffer that are written at a time, so that progress shows. */
const SLICE = 64 * 1024

/** Writes a body into a stream. */
export class RequestContent {
  readonly #stream: ClientHttp2Stream
  readonly #events: ContentEvents
  readonly #upload: Upload | undefined
  #handedOver = false
  #stopped = false

  constructor(
    { body, trailers }: Pick<UpstreamRequest, 'body' | 'trailers'>,
    stream: ClientHttp2Stream,
    events: ContentEvents
  ) {
    this.#stream = stream
    this.#events = events
    this.#upload = body instanceof Readable ? new Upload(body) : undefined
    if (this.#upload !== undefined) this.#pump(this.#upload)
    else if (Buffer.isBuffer(body)) this.#write(body, 0)
    if (body === null) this.#onFinish()
    else stream.once('finish', () => this.#onFinish())
    if (trailers !== undefined) stream.once('wantTrailers', () => this.#sendTrailers(trailers))
  }

  /** All of it is with the connection. */
  get handedOver(): boolean {
    return this.#handedOver
  }

  /** All of it has been written: the stream is closed on our side. */
  get ended(): boolean {
    return this.#handedOver || this.#stream.writableEnded
  }

  /** The server takes no more for the moment. */
  get blocked(): boolean {
    return this.#stream.writableLength > 0 || this.#stream.writableEnded
  }

  /** Writes no more. The stream must be reset then, or what was sent would pass for all. */
  stop(): void {
    this.#stopped = true
    this.#upload?.stop()
  }

  #pump({ stream: source }: Upload): void {
    source
      .on('data', (chunk: Buffer) => {
        if (this.#stopped) return
        if (!this.#stream.write(chunk, () => this.#events.onProgress())) source.pause()
      })
      .on('end', () => {
        if (!this.#stopped) this.#stream.end()
      })
      .on('error', (error) => {
        if (!this.#stopped) this.#events.onError(error)
      })
    this.#stream.on('drain', () => source.resume())
  }

  #write(body: Buffer, from: number): void {
    if (this.#stopped) return
    const to = from + SLICE
    if (to >= body.length) {
      this.#stream.end(body.subarray(from))
      return
    }
    this.#stream.write(body.subarray(from, to), (error) => {
      this.#events.onProgress()
      if (error == null) this.#write(body, to)
    })
  }

  /** Node has written all content and waits for these, or for none. */
  #sendTrailers(trailers: RequestTrailers): void {
    if (this.#stopped || this.#stream.closed) return
    try {
      this.#stream.sendTrailers(trailers.read())
    } catch (cause) {
      this.#events.onError(sluiceError('SLUICE_BAD_REQUEST', { phase: 'send', detail: 'trailers', cause }))
    }
  }

  #onFinish(): void {
    if (this.#stopped) return
    this.#handedOver = true
    this.#events.onHandedOver()
  }
}
