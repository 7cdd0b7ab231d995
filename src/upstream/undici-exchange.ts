// One request and its response on one connection, as undici's events tell it (nginx: proxy_send_timeout, proxy_read_timeout).
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { type SluiceErrorCode, sluiceError } from '../errors'
import { collectFields, endToEnd, trailerFields } from '../http/end-to-end'
import { bufferingWord } from '../http/flow'
import type { UpstreamResponse } from '../http/message'
import { ignore } from './dial'
import { failureOf, type Place } from './failure'
import { noteFailure, secondsSince } from './record'
import { contentLength, hasNoContent, MAX_INTERIM, refuseHead } from './response-head'
import type { Call } from './transport'
import { Upload } from './upload'

/** The connection, as an exchange needs to know it. */
export interface Line {
  readonly socket: Socket
  readonly server: string
  /** When the try began, the connection's opening included. */
  readonly startedAt: number
  /** It has carried another exchange before. */
  readonly reused: boolean
  /** The exchange has ended: well, and the connection may be free; or with an error, and it is closed. */
  readonly onOver: (error?: Error) => void
}

/** The two ends of the caller's promise. */
export interface Settle {
  readonly resolve: (response: UpstreamResponse) => void
  readonly reject: (error: Error) => void
}

/** `waiting` for the head → `collecting` | `streaming` | `closing` (no content will come) → `over`. */
type State = 'waiting' | 'collecting' | 'streaming' | 'closing' | 'over'

/** Bytes that wait for a slow reader before the socket does: less than one read of it brings. */
const READ_AHEAD = 16 * 1024

/** The listener of one dispatch. Settles once; after that only the body's stream can still fail. */
export class Exchange implements Dispatcher.DispatchHandler {
  /** The request's body when it is a stream. */
  readonly upload: Upload | undefined
  readonly #call: Call
  readonly #line: Line
  readonly #settle: Settle
  readonly #bytesBefore: number
  #state: State = 'waiting'
  #handedOver = false
  #atEnd = false
  #controller: Dispatcher.DispatchController | undefined
  #response: UpstreamResponse | undefined
  #chunks: Buffer[] = []
  #interim = 0

  constructor(call: Call, line: Line, settle: Settle) {
    this.#call = call
    this.#line = line
    this.#settle = settle
    this.#bytesBefore = line.socket.bytesWritten
    const { body } = call.request
    this.upload = body instanceof Readable ? new Upload(body) : undefined
    this.upload?.stream.once('end', () => this.#onHandedOver())
  }

  /** The response is complete, or has failed. */
  get over(): boolean {
    return this.#state === 'over'
  }

  /** Starts to heed the caller's abort; an abort that came before ends it here. */
  begin(): void {
    this.#call.abort.listen((reason) => {
      this.fail(reason)
      // Complete for the network is not yet complete for a slow reader.
      this.#stream?.destroy(reason)
    })
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    this.#line.socket.setTimeout(this.#call.timeouts.send)
    // undici writes head and Buffer in this same turn, after this callback.
    if (this.upload === undefined) queueMicrotask(() => this.#onHandedOver())
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    if (this.#state !== 'waiting') return
    const raw = texts(controller.rawHeaders)
    const problem = refuseHead(status, raw)
    if (problem !== undefined) this.#refuse(problem)
    else if (status < 200) this.#onInterim(status, raw)
    else this.#onFinal({ status, fields: endToEnd(collectFields(raw)), body: null })
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#state === 'collecting') this.#chunks.push(chunk)
    else if (this.#state === 'streaming' && !this.#stream?.push(chunk) && !this.#atEnd) controller.pause()
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#state === 'over') return
    const response = this.#response
    const collected = this.#state === 'collecting'
    this.#finish()
    if (response === undefined) return
    if (controller.rawTrailers != null) addTrailers(response, texts(controller.rawTrailers))
    if (collected) this.#settle.resolve({ ...response, body: joined(this.#chunks) })
    else this.#stream?.push(null)
  }

  onResponseError(_controller: unknown, cause: Error): void {
    // A content-length on 304 counts as missing content for undici; the response was complete with its head.
    if (this.#state === 'closing') this.#finish()
    else this.fail(failureOf(cause, this.#place()))
  }

  /** Ends the exchange and its connection at once. */
  fail(error: Error): void {
    if (this.#state === 'over') return
    const settled = this.#state === 'streaming' || this.#state === 'closing'
    noteFailure(this.#call.record, error)
    this.#cut(error)
    if (settled) this.#stream?.destroy(error)
    else this.#settle.reject(error)
  }

  /** The server has sent its last byte: undici now finishes its parser, which throws, uncaught, while it is paused. */
  onEnd(): void {
    this.#atEnd = true
    if (this.#state !== 'over' && this.#controller?.paused === true) this.#controller.resume()
  }

  /** The socket has been still for as long as the current phase allows; or this process has, hence the second look. */
  onIdle(): void {
    // While the client holds us up the server cannot be late; the time runs again from `#resume`, which may come in this turn.
    if (this.#handedOver && this.#controller?.paused === true) return
    const { socket } = this.#line
    const { bytesRead } = socket
    setImmediate(() => {
      if (this.#state !== 'over' && socket.bytesRead === bytesRead) this.#judgeIdle()
    })
  }

  #judgeIdle(): void {
    const { socket } = this.#line
    if (this.#handedOver) {
      if (this.#controller?.paused !== true) this.#expire('SLUICE_READ_TIMEOUT')
    } else if (this.upload?.blocked === true || socket.writableLength > 0) {
      this.#expire('SLUICE_SEND_TIMEOUT')
    } else {
      // The client is slow to send, which its own timeout bounds.
      socket.setTimeout(this.#call.timeouts.send)
    }
  }

  get #stream(): Readable | undefined {
    return this.#response?.body instanceof Readable ? this.#response.body : undefined
  }

  #onFinal(response: UpstreamResponse): void {
    const { collect, request, record } = this.#call
    record.status = response.status
    record.headerTime = secondsSince(this.#line.startedAt)
    // RFC 9112 §9.5: a refusal makes the rest of the upload pointless; a 2xx may need all of it.
    if (response.status >= 300) this.upload?.stop()
    const length = contentLength(response.fields)
    this.#response = response
    if (hasNoContent(request.method, response.status)) {
      this.#state = 'closing'
      this.#settle.resolve(response)
    } else if (
      length !== undefined &&
      length <= collect &&
      collect > 0 &&
      bufferingWord(response.fields) !== 'no'
    ) {
      this.#state = 'collecting'
    } else {
      this.#state = 'streaming'
      this.#response = { ...response, body: this.#createStream() }
      this.#settle.resolve(this.#response)
    }
  }

  #createStream(): Readable {
    const stream = new Readable({
      highWaterMark: READ_AHEAD,
      read: () => this.#resume(),
      destroy: (error, callback) => {
        this.#cut(error ?? new Error('the response is no longer wanted'))
        callback(error)
      }
    })
    return stream.on('error', ignore)
  }

  /** Deferred: undici's parser is one for all connections and cannot be entered from its own callbacks. */
  #resume(): void {
    if (this.#controller?.paused !== true) return
    queueMicrotask(() => {
      if (this.#state === 'over') return
      this.#line.socket.setTimeout(this.#call.timeouts.read)
      this.#controller?.resume()
    })
  }

  #onInterim(status: number, raw: string[]): void {
    this.#interim++
    if (this.#interim > MAX_INTERIM) this.#refuse(`more than ${MAX_INTERIM} interim responses`)
    else this.#call.onInformation?.(status, endToEnd(collectFields(raw)))
  }

  /** The whole request is with the socket; the server's time runs once the socket has let go of it. */
  #onHandedOver(): void {
    if (this.#state === 'over') return
    const { socket } = this.#line
    if (socket.writableNeedDrain) {
      socket.once('drain', () => this.#onHandedOver())
      return
    }
    this.#handedOver = true
    socket.setTimeout(this.#call.timeouts.read)
  }

  #refuse(detail: string): void {
    this.fail(sluiceError('SLUICE_BAD_RESPONSE', { ...this.#place(), detail }))
  }

  #expire(code: SluiceErrorCode): void {
    this.fail(sluiceError(code, { ...this.#place(), errno: 'ETIMEDOUT' }))
  }

  #cut(error: Error): void {
    if (this.#state === 'over') return
    this.#finish(error)
    this.upload?.stop()
    // Never without an error: undici then asks its parser to finish, which throws while the parser is paused.
    this.#line.socket.destroy(new Error('exchange ended', { cause: error }))
  }

  #finish(error?: Error): void {
    this.#state = 'over'
    this.#call.record.responseTime = secondsSince(this.#line.startedAt)
    this.#line.socket.setTimeout(0)
    this.#line.onOver(error)
  }

  #place(): Place {
    const { server, reused, socket } = this.#line
    const requestSent = socket.bytesWritten > this.#bytesBefore
    return { server, reused, requestSent, phase: this.#phase(requestSent) }
  }

  #phase(requestSent: boolean): Place['phase'] {
    if (this.#state !== 'waiting') return 'body'
    return requestSent && this.#handedOver ? 'header' : 'send'
  }
}

/** undici hands over names and values in turn, as bytes. */
function texts(raw: Dispatcher.DispatchController['rawHeaders']): string[] {
  if (!Array.isArray(raw)) return []
  return raw.map((item: Buffer | string) => (typeof item === 'string' ? item : item.toString('latin1')))
}

function addTrailers(response: UpstreamResponse, raw: string[]): void {
  if (raw.length > 0) response.trailers = trailerFields(raw)
}

function joined(chunks: Buffer[]): Buffer {
  const [first] = chunks
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks)
}
