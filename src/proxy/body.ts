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

/** Whether trailer fields may follow the content (RFC 9112 §7.1.2, RFC 9113 §8.1). */
export function mayHaveTrailers({ httpVersionMajor, headers }: Raw): boolean {
  return httpVersionMajor >= 2 || headers['transfer-encoding'] !== undefined
}

/** What bounds the content; 0 = nothing does. */
export interface BodyLimits {
  readonly bytes: number
  /** The longest wait for the client (nginx: client_body_timeout). */
  readonly idleMs: number
}

/** The content as a stream that errors beyond its limits and when the client goes away half-way. */
export class RequestBody extends Readable {
  readonly #exchange: RequestExchange
  readonly #raw: Raw
  readonly #limits: BodyLimits
  #started = false
  /** Runs on while the upstream holds us up, and means nothing then. */
  #timer: NodeJS.Timeout | undefined
  #waiting = false

  constructor(exchange: RequestExchange, limits: BodyLimits) {
    super()
    this.#exchange = exchange
    this.#raw = exchange.request.raw
    this.#limits = limits
  }

  override _read(): void {
    if (!this.#started) this.#start()
    if (!this.#waiting) this.#timer?.refresh()
    this.#waiting = true
    this.#raw.resume()
  }

  /** Only when the upstream wants the content is the client told to send it (Expect: 100-continue). */
  #start(): void {
    this.#started = true
    const { reply } = this.#exchange
    if (this.#exchange.expectsContinue && !reply.raw.headersSent) reply.raw.writeContinue()
    this.#startTimer()
    this.#raw.on('data', (chunk: Buffer) => this.#take(chunk))
    this.#raw.on('end', () => this.#end())
    this.#raw.on('error', () => this.#cut())
    this.#raw.on('close', () => this.#cut())
  }

  #take(chunk: Buffer): void {
    if (this.destroyed) return
    this.#exchange.bytesIn += chunk.length
    this.#timer?.refresh()
    const { bytes } = this.#limits
    if (bytes > 0 && this.#exchange.bytesIn > bytes) {
      const detail = `more than the ${bytes} bytes allowed`
      this.destroy(sluiceError('SLUICE_BODY_TOO_LARGE', { phase: 'send', detail }))
      return
    }
    if (this.push(chunk)) return
    this.#waiting = false
    this.#raw.pause()
  }

  #end(): void {
    clearTimeout(this.#timer)
    this.push(null)
  }

  #startTimer(): void {
    const { idleMs } = this.#limits
    if (idleMs === 0) return
    this.#timer = setTimeout(() => this.#idle(), idleMs)
    // An upload that an early answer ended is never read again, nor destroyed.
    this.#exchange.onClose(() => clearTimeout(this.#timer))
  }

  /** Looks again after the next round of I/O: perhaps it was this process that stood still. */
  #idle(): void {
    const { bytesIn } = this.#exchange
    setImmediate(() => {
      if (!this.#waiting || this.#raw.isPaused() || this.#exchange.bytesIn !== bytesIn) this.#timer?.refresh()
      else this.destroy(sluiceError('SLUICE_BODY_TIMEOUT', { phase: 'send', errno: 'ETIMEDOUT' }))
    })
  }

  #cut(): void {
    if (!this.readableEnded && !this.#raw.readableEnded) this.destroy(sluiceError('SLUICE_CLIENT_CLOSED'))
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer)
    if (this.#started) this.#raw.pause()
    callback(error)
  }
}
