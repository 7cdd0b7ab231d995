// One request and its response on one stream (RFC 9113 §8; nginx: grpc_send_timeout, grpc_read_timeout).
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { Readable } from 'node:stream'
import { type SluiceErrorCode, sluiceError } from '../../errors'
import { collectFields, endToEnd, trailerFields } from '../../http/end-to-end'
import { bufferingWord } from '../../http/flow'
import type { Fields, UpstreamResponse } from '../../http/message'
import { ignore } from '../dial'
import { errnoOf, type Place } from '../failure'
import type { Origin } from '../origin'
import { noteFailure, secondsSince } from '../record'
import { contentLength, hasNoContent, MAX_INTERIM } from '../response-head'
import type { Call } from '../transport'
import type { Settle } from '../undici-exchange'
import { codeOfLoss, errnoOfLoss, isRefused, type Loss, notSent } from './codes'
import { refuseHttp2Head, requestHeaders } from './fields'
import { IdleWatch } from './idle-watch'
import { RequestContent } from './request-content'
import { createContent, withContent } from './response-content'
import type { Session } from './session'
import { cancel, onceWhole, onFields } from './stream-ends'

/** The connection, as an exchange needs to know it. */
export interface Line {
  readonly session: Session
  readonly origin: Origin
  /** When the try began, the connection's opening included. */
  readonly startedAt: number
}

/** `waiting` for the head → `collecting` | `streaming` → `over`. */
type State = 'waiting' | 'collecting' | 'streaming' | 'over'

/** One call on one stream. Settles once; after that only the body's stream can still fail. */
export class Exchange {
  readonly #call: Call
  readonly #line: Line
  readonly #settle: Settle
  readonly #heardBefore: number
  readonly #chunks: Buffer[] = []
  readonly #watch = new IdleWatch(() => this.#judgeIdle())
  #state: State = 'waiting'
  #stream: ClientHttp2Stream | undefined
  #content: RequestContent | undefined
  #response: UpstreamResponse | undefined
  #trailers: Fields | undefined
  /** The server has said that this was all, which its mere RST_STREAM does not. */
  #whole = false
  #sent = false
  #released = false
  #interim = 0
  #cause: Error | undefined

  constructor(call: Call, line: Line, settle: Settle) {
    this.#call = call
    this.#line = line
    this.#settle = settle
    this.#heardBefore = line.session.heard
  }

  /** Opens the stream, unless the call was ended before. */
  begin(http2: ClientHttp2Session): void {
    const { request, abort, timeouts } = this.#call
    abort.listen((reason) => {
      this.#fail(reason)
      // Complete for the network is not yet complete for a slow reader.
      this.#body?.destroy(reason)
    })
    if (this.#state === 'over') return
    try {
      const headers = requestHeaders(request, this.#line.origin)
      const waitForTrailers = request.trailers !== undefined
      this.#stream = http2.request(headers, { endStream: request.body === null, waitForTrailers })
    } catch (cause) {
      this.#fail(notSent(this.#line.origin.url, cause as Error))
      return
    }
    this.#watch.arm(timeouts.send)
    this.#line.session.uploads++
    this.#listen(this.#stream)
    this.#content = new RequestContent(request, this.#stream, {
      onProgress: () => this.#watch.touch(),
      onHandedOver: () => this.#onHandedOver(),
      onError: (error) => this.#fail(error)
    })
  }

  /** The request is with the connection whole, or its stream has closed. */
  #onHandedOver(): void {
    if (this.#state !== 'over') this.#watch.arm(this.#call.timeouts.read)
    if (!this.#sent) this.#line.session.uploads--
    this.#sent = true
  }

  #listen(stream: ClientHttp2Stream): void {
    onceWhole(stream, () => this.#onWhole(stream))
    onFields(stream, 'headers', (status, raw) => this.#onInterim(status, raw))
    onFields(stream, 'response', (status, raw) => this.#onHead(status, raw))
    onFields(stream, 'trailers', (_status, raw) => {
      this.#hear()
      this.#trailers = trailerFields(raw)
    })
    // Node now ends the writable side: what the source still has must not go there.
    stream.once('aborted', () => this.#content?.stop())
    stream.once('end', () => this.#onEnd())
    stream.once('error', (error) => {
      this.#cause = error
    })
    stream.on('error', ignore)
    stream.once('close', () => {
      if (this.#state !== 'over') this.#lose()
      this.#onHandedOver()
      this.#release()
    })
  }

  /** What is left is with us, a window of it at most: taken at once, it outlives the connection, however slow the reader. */
  #onWhole(stream: ClientHttp2Stream): void {
    this.#whole = true
    if (this.#state === 'streaming') stream.resume()
  }

  #onInterim(status: number, raw: readonly string[]): void {
    if (this.#state !== 'waiting') return
    this.#hear()
    this.#interim++
    if (this.#interim > MAX_INTERIM) this.#refuse(`more than ${MAX_INTERIM} interim responses`)
    else if (status !== 100) this.#call.onInformation?.(status, endToEnd(collectFields(raw)))
  }

  #onHead(status: number, raw: readonly string[]): void {
    if (this.#state !== 'waiting') return
    this.#hear()
    const problem = refuseHttp2Head(status, raw)
    if (problem === undefined) this.#onFinal({ status, fields: endToEnd(collectFields(raw)), body: null })
    else this.#refuse(problem)
  }

  #onFinal(response: UpstreamResponse): void {
    const { request, record } = this.#call
    const stream = this.#stream as ClientHttp2Stream
    record.status = response.status
    record.headerTime = secondsSince(this.#line.startedAt)
    // A refusal makes the rest of the upload pointless; a 2xx may need all of it.
    if (response.status >= 300) this.#content?.stop()
    if (hasNoContent(request.method, response.status)) {
      this.#settle.resolve(response)
      this.#complete(stream.resume())
      return
    }
    if (this.#mayCollect(response.fields)) {
      this.#state = 'collecting'
      this.#response = response
      stream.on('data', (chunk: Buffer) => {
        this.#hear()
        this.#chunks.push(chunk)
      })
      return
    }
    this.#state = 'streaming'
    this.#response = { ...response, body: this.#relay(stream) }
    this.#settle.resolve(this.#response)
  }

  /** The length is known by its field, or because all of it has come with the head. */
  #mayCollect(fields: Fields): boolean {
    const { collect } = this.#call
    if (collect === 0 || bufferingWord(fields) === 'no') return false
    const length = this.#whole ? this.#stream?.readableLength : contentLength(fields)
    return length !== undefined && length <= collect
  }

  #relay(stream: ClientHttp2Stream): Readable {
    const onRead = () => {
      this.#watch.touch()
      stream.resume()
    }
    const body = createContent(onRead, () => this.#cut())
    stream.on('data', (chunk: Buffer) => {
      this.#hear()
      if (!body.push(chunk) && !this.#whole) stream.pause()
    })
    return body
  }

  #onEnd(): void {
    if (this.#state === 'over') return
    const response = this.#response
    if (!this.#whole || response === undefined) {
      this.#lose()
      return
    }
    const collected = this.#state === 'collecting'
    this.#complete(this.#stream as ClientHttp2Stream)
    const trailers = this.#trailers
    if (trailers !== undefined && Object.keys(trailers).length > 0) response.trailers = trailers
    if (collected) this.#settle.resolve(withContent(response, Buffer.concat(this.#chunks)))
    else this.#body?.push(null)
  }

  /** The response is there. What is left of the upload is not wanted: its stream ends here (RFC 9113 §8.1). */
  #complete(stream: ClientHttp2Stream): void {
    this.#finish()
    if (this.#whole && this.#content?.ended === true) {
      this.#release()
      return
    }
    this.#content?.stop()
    cancel(stream)
  }

  #lose(): void {
    const { session } = this.#line
    const loss: Loss = {
      code: this.#stream?.rstCode ?? 0,
      connectionGone: session.destroyed,
      errno: this.#cause && errnoOf(this.#cause)
    }
    const place = this.#place(loss)
    const errno = errnoOfLoss(loss)
    if (place.reused) session.noteStale()
    this.#fail(sluiceError(codeOfLoss(loss, place.phase), { ...place, errno, cause: this.#cause }))
  }

  /** Ends the exchange and its stream at once. */
  #fail(error: Error): void {
    if (this.#state === 'over') return
    const settled = this.#state === 'streaming'
    noteFailure(this.#call.record, error)
    this.#cut()
    if (settled) this.#body?.destroy(error)
    else this.#settle.reject(error)
  }

  #cut(): void {
    if (this.#state === 'over') return
    this.#finish()
    this.#content?.stop()
    const stream = this.#stream
    if (stream === undefined) this.#release()
    else if (!stream.closed) cancel(stream)
  }

  #finish(): void {
    this.#state = 'over'
    this.#watch.stop()
    this.#call.record.responseTime = secondsSince(this.#line.startedAt)
  }

  /** The stream has closed, or is about to by itself: one that is cut counts until then. */
  #release(): void {
    if (this.#released) return
    this.#released = true
    this.#line.session.release()
  }

  get #body(): Readable | undefined {
    return this.#response?.body instanceof Readable ? this.#response.body : undefined
  }

  #hear(): void {
    this.#line.session.noteHeard()
    this.#watch.touch()
  }

  #judgeIdle(): void {
    if (this.#content?.handedOver === true) {
      // While the client holds us up the server cannot be late; the time runs again from the next read.
      if (this.#stream?.isPaused() !== true) this.#expire('SLUICE_READ_TIMEOUT')
    } else if (this.#content?.blocked === true) {
      this.#expire('SLUICE_SEND_TIMEOUT')
    } else {
      // The client is slow to send, which its own timeout bounds.
      this.#watch.touch()
    }
  }

  #expire(code: SluiceErrorCode): void {
    this.#line.session.doubt(this.#heardBefore)
    this.#fail(sluiceError(code, { ...this.#place(), errno: 'ETIMEDOUT' }))
  }

  #refuse(detail: string): void {
    this.#fail(sluiceError('SLUICE_BAD_RESPONSE', { ...this.#place(), detail }))
  }

  #place(loss?: Loss): Place {
    const { origin, session } = this.#line
    const unprocessed = session.isUnprocessed(this.#stream?.id)
    const requestSent = !unprocessed && !(loss !== undefined && isRefused(loss.code))
    const waiting = this.#state === 'waiting'
    // A stream that the server's farewell left out is the normal end of a connection, as a closed idle one is.
    const reused = waiting && (unprocessed || (loss?.connectionGone === true && session.isStale))
    const phase = waiting ? (this.#content?.handedOver === true ? 'header' : 'send') : 'body'
    return { server: origin.url, phase, requestSent, reused }
  }
}
