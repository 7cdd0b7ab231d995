// One request and its response on one connection (nginx: proxy_send_timeout, proxy_read_timeout).

import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { type SluiceErrorCode, sluiceError } from '../../errors'
import { collectFields, responseFields, trailerFields } from '../../http/end-to-end'
import type { UpstreamResponse } from '../../http/message'
import { failureOf, type Place, protocolError } from '../failure'
import type { Pooled } from '../pool'
import { noteFailure, secondsSince } from '../record'
import { createContent, isCollected, joined } from '../response-content'
import type { Settle } from '../settle'
import type { Call } from '../transport'
import type { FramingEvents } from './framing'
import type { Line } from './line'
import type { Problem } from './llhttp'
import type { Head } from './message-framing'
import { type ContentEvents, isSmall, type RequestContent } from './request-content'
import type { RequestHead } from './request-head'

/**
 * `queued` for a connection → `waiting` for the head → `collecting` | `streaming` | `closing` (no content will come) | `switching`
 * (what comes is no HTTP) → `over`.
 */
type State = 'queued' | 'waiting' | 'collecting' | 'streaming' | 'closing' | 'switching' | 'over'

/** Settles once; after that only the content's stream can still fail. */
export class Exchange implements FramingEvents, ContentEvents, Pooled {
  readonly call: Call
  readonly head: RequestHead
  readonly startedAt: number
  onGivenUp: (() => void) | undefined
  readonly #settle: Settle
  #state: State = 'queued'
  #line: Line | undefined
  #upload: RequestContent | undefined
  #written = false
  #handedOver = false
  #paused = false
  #head: Head | undefined
  #response: UpstreamResponse | undefined
  #chunks: Buffer[] | undefined

  constructor(call: Call, head: RequestHead, settle: Settle) {
    this.call = call
    this.head = head
    this.startedAt = performance.now()
    this.#settle = settle
  }

  /** The response is complete, or has failed. */
  get over(): boolean {
    return this.#state === 'over'
  }

  /** 101 is an answer to it. */
  get upgrade(): boolean {
    return this.#settle.switched !== undefined
  }

  /** The server has agreed to switch: the connection is to be handed over. */
  get switching(): boolean {
    return this.#state === 'switching'
  }

  /** Heeds the caller's abort; one that came before ends it here. */
  listen(): void {
    this.call.abort.listen((reason) => {
      this.fail(reason)
      // Complete for the network is not yet complete for a slow reader.
      this.#stream?.destroy(reason)
    })
  }

  /** Sends the request. */
  begin(line: Line): void {
    const { body, trailers } = this.call.request
    this.#line = line
    this.#state = 'waiting'
    line.wait(this.call.timeouts.send)
    if (isSmall(body)) {
      line.write(this.head.text, body)
      this.onWritten()
      return
    }
    line.write(this.head.text, null)
    this.#upload = line.content(this.head, this)
    this.#upload.start(body, trailers)
  }

  /** The server has taken some of the request; its time to take more runs again. */
  onProgress(): void {
    if (!this.#handedOver) this.#line?.wait(this.call.timeouts.send)
  }

  /** The server's time to answer runs once the socket has let go of the request. */
  onWritten(): void {
    this.#written = true
    if (this.#line?.full !== true) this.#onHandedOver()
  }

  onContentError(error: Error): void {
    this.fail(error)
  }

  /** The socket has let go of what it held. */
  onDrain(): void {
    if (this.over || this.#handedOver) return
    this.#upload?.onDrain()
    if (this.#written) this.#onHandedOver()
  }

  /** Something has come. */
  onArrival(): void {
    const { timeouts } = this.call
    this.#line?.wait(this.#handedOver ? timeouts.read : timeouts.send)
  }

  onInterim({ status, raw }: Head): void {
    if (status !== 100) this.call.onInformation?.(status, responseFields(raw))
  }

  onHead(head: Head): void {
    if (head.delimiter === 'tunnel') {
      this.#onSwitch(head)
      return
    }
    const response = { status: head.status, fields: responseFields(head.raw), body: null }
    this.#noteHead(head)
    // RFC 9112 §9.5: a refusal makes the rest of the upload pointless; a 2xx may need all of it.
    if (head.status >= 300) this.#upload?.stop()
    this.#head = head
    if (head.delimiter === 'none') this.#state = 'closing'
    else if (head.delimiter === 'counted' && isCollected(head.length, this.call.collect, response.fields))
      this.#state = 'collecting'
    else this.#state = 'streaming'
    this.#response = this.#state === 'streaming' ? { ...response, body: this.#createContent() } : response
    if (this.#state !== 'collecting') this.#settle.resolve(this.#response)
  }

  onContent(content: Buffer): void {
    if (this.#state === 'streaming') {
      if (this.#stream?.push(content) === false) this.#pause()
    } else if (this.#state === 'collecting' || this.#state === 'switching') {
      this.#chunks ??= []
      this.#chunks.push(content)
    }
  }

  onComplete(trailers: readonly string[]): void {
    const response = this.#response
    const head = this.#head
    if (this.over || response === undefined || head === undefined) return
    const collected = this.#state === 'collecting'
    this.#finish()
    this.#upload?.stop()
    if (trailers.length > 0) response.trailers = trailerFields(trailers)
    this.#line?.done(head, this.#written)
    if (collected) this.#settle.resolve({ ...response, body: joined(this.#chunks ?? []) })
    else this.#stream?.push(null)
  }

  /** The connection has let go of the socket: it is the caller's. */
  onSwitched(socket: Socket): void {
    this.#finish()
    this.call.abort.listen(undefined)
    const { fields = {} } = this.#response ?? {}
    this.#settle.switched?.({ fields, socket, head: joined(this.#chunks ?? []) })
  }

  /** What has come is no response. `chunk`: where that was found. */
  refuse({ detail, errno }: Problem, chunk: Buffer): void {
    if (this.over) return
    if (errno !== undefined) {
      this.fail(failureOf(protocolError(detail, errno, chunk), this.#place()))
      return
    }
    this.#refuse(detail)
  }

  /** The connection has failed, or ended. */
  onLost(cause: Error): void {
    if (!this.over) this.fail(failureOf(cause, this.#place()))
  }

  /** Ends the exchange, and its connection, at once. */
  fail(error: Error): void {
    if (this.over) return
    const settled = this.#state === 'streaming' || this.#state === 'closing'
    noteFailure(this.call.record, error)
    this.#end(error)
    if (settled) this.#stream?.destroy(error)
    else this.#settle.reject(error)
  }

  /** The time of the current phase is over. */
  onDue(): void {
    const line = this.#line
    // While the client holds us up the server cannot be late; the time runs again when it goes on.
    if (line === undefined || this.over || (this.#handedOver && this.#paused)) return
    const { activity } = line
    // One more round of I/O: perhaps it was this process that stood still.
    setImmediate(() => {
      if (!this.over && line.activity === activity) this.#judgeIdle(line)
    })
  }

  /** `upgrade` names what is spoken from here on: the one field of the connection that the caller needs. */
  #onSwitch(head: Head): void {
    const { upgrade } = collectFields(head.raw)
    if (!this.upgrade || upgrade === undefined) {
      this.#refuse(`status ${head.status} that names no protocol`)
      return
    }
    this.#noteHead(head)
    const fields = Object.assign(responseFields(head.raw), { upgrade })
    this.#response = { status: head.status, fields, body: null }
    this.#state = 'switching'
  }

  #noteHead({ status }: Head): void {
    this.call.record.status = status
    this.call.record.headerTime = secondsSince(this.startedAt)
  }

  #judgeIdle(line: Line): void {
    if (this.#handedOver) {
      if (!this.#paused) this.#expire('SLUICE_READ_TIMEOUT')
    } else if (this.#upload?.blocked === true || line.unsent) {
      this.#expire('SLUICE_SEND_TIMEOUT')
    } else {
      // The client is slow to send, which its own timeout bounds.
      line.wait(this.call.timeouts.send)
    }
  }

  get #stream(): Readable | undefined {
    return this.#response?.body instanceof Readable ? this.#response.body : undefined
  }

  #createContent(): Readable {
    return createContent(
      () => this.#resume(),
      (error) => this.#end(error)
    )
  }

  #pause(): void {
    if (this.over) return
    this.#paused = true
    this.#line?.pause()
  }

  #resume(): void {
    if (!this.#paused || this.over) return
    this.#paused = false
    this.#line?.wait(this.call.timeouts.read)
    this.#line?.resume()
  }

  #onHandedOver(): void {
    if (this.over) return
    this.#handedOver = true
    this.#line?.wait(this.call.timeouts.read)
  }

  /** Once the head is through, whatever breaks the content off is content that is missing. */
  #refuse(detail: string): void {
    const code = this.#state === 'waiting' ? 'SLUICE_BAD_RESPONSE' : 'SLUICE_INCOMPLETE_RESPONSE'
    this.fail(sluiceError(code, { ...this.#place(), detail }))
  }

  #expire(code: SluiceErrorCode): void {
    this.fail(sluiceError(code, { ...this.#place(), errno: 'ETIMEDOUT' }))
  }

  #end(error: Error): void {
    if (this.over) return
    this.#finish()
    this.#upload?.stop()
    this.onGivenUp?.()
    this.#line?.cut(error)
  }

  #finish(): void {
    this.#state = 'over'
    this.call.record.responseTime = secondsSince(this.startedAt)
    this.#line?.wait(0)
  }

  #place(): Place {
    const { server = '', reused = false, requestSent = false } = this.#line ?? {}
    return { server, reused, requestSent, phase: this.#phase(requestSent) }
  }

  #phase(requestSent: boolean): Place['phase'] {
    if (this.#state !== 'waiting' && this.#state !== 'queued') return 'body'
    return requestSent && this.#handedOver ? 'header' : 'send'
  }
}
