// The client's content on its way to the upstream: taken from the raw request, counted, limited, never parsed.
import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import { Readable } from 'node:stream'
import { sluiceError } from '../errors'
import type { RequestExchange } from './exchange'

type Raw = IncomingMessage | Http2ServerRequest

/** Whether the request has content. On HTTP/2 neither Content-Length nor a type has to say so. */
export function hasContent(raw: Raw): boolean {
  if (raw.httpVersionMajor >= 2) {
    const { stream } = raw as Http2ServerRequest
    return !(stream as { endAfterHeaders?: boolean }).endAfterHeaders
  }
  const length = raw.headers['content-length']
  return raw.headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

/** The announced length, or undefined when the content comes in chunks. */
export function announcedLength(raw: Raw): number | undefined {
  const length = raw.headers['content-length']
  return length === undefined ? undefined : Number(length)
}

/** The content as a stream that errors beyond `limit` bytes (0 = none) and when the client goes away half-way. */
export class RequestBody extends Readable {
  readonly #exchange: RequestExchange
  readonly #raw: Raw
  readonly #limit: number
  #started = false

  constructor(exchange: RequestExchange, limit: number) {
    super()
    this.#exchange = exchange
    this.#raw = exchange.request.raw
    this.#limit = limit
  }

  override _read(): void {
    if (!this.#started) this.#start()
    this.#raw.resume()
  }

  /** Only when the upstream wants the content is the client told to send it (Expect: 100-continue). */
  #start(): void {
    this.#started = true
    const { reply } = this.#exchange
    if (this.#exchange.expectsContinue && !reply.raw.headersSent) reply.raw.writeContinue()
    this.#raw.on('data', (chunk: Buffer) => this.#take(chunk))
    this.#raw.on('end', () => this.push(null))
    this.#raw.on('error', () => this.#cut())
    this.#raw.on('close', () => this.#cut())
  }

  #take(chunk: Buffer): void {
    if (this.destroyed) return
    this.#exchange.bytesIn += chunk.length
    if (this.#limit > 0 && this.#exchange.bytesIn > this.#limit) {
      this.destroy(sluiceError('SLUICE_BODY_TOO_LARGE', { phase: 'send' }))
      return
    }
    if (!this.push(chunk)) this.#raw.pause()
  }

  #cut(): void {
    if (!this.readableEnded && !this.#raw.readableEnded) this.destroy(sluiceError('SLUICE_CLIENT_CLOSED'))
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#started) this.#raw.pause()
    callback(error)
  }
}
