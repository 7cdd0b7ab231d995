// The record of one request's life: what logs, metrics and hooks read, and what the phases hand on to each other.
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CacheWord } from '../cache/status'
import type { CacheOutcome, CacheRequest } from '../cache/turn'
import { isSluiceError, type SluiceError, sluiceError } from '../errors'
import { Abort } from '../http/abort'
import { discard } from '../http/discard'
import type { Body, Fields, Try, UpstreamResponse } from '../http/message'
import type { Target } from '../http/target'
import type { SentContent } from './altered'
import type { Buffering } from './buffering'
import { type ReplyFields, restoreFields } from './reply-fields'
import type { ResponseRule } from './response-rules'
import type { Route, UpstreamRef } from './route'
import type { Watched } from './send-timeout'

/** What is known of a request, as `request.sluice`. */
export interface Exchange {
  /** The route's prefix or path. */
  readonly route: string
  /** The name of the chosen upstream. */
  readonly upstream?: string | undefined
  /** nginx's word for the cache outcome. */
  readonly cache?: CacheWord | undefined
  /** Why the cache decided so. */
  readonly reason?: string | undefined
  /** Content bytes read from the client. */
  readonly bytesIn: number
  /** Content bytes written to the client. */
  readonly bytesOut: number
  /** Every try of a server, times in seconds as nginx's `$upstream_*_time`. */
  readonly tries: readonly Try[]
}

/** Content in place of the client's, and the fields that go with it. */
export interface ParsedContent {
  readonly body: Body
  readonly fields: Fields
}

/** The exchange as the phases see it. */
export class RequestExchange implements Exchange, Watched {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly settings: Route
  readonly target: Target
  /** The client's address. Taken at the beginning: an HTTP/2 stream, and a socket that nobody has asked, forget it as they close. */
  readonly ip: string
  readonly startedAt = performance.now()
  readonly tries: Try[] = []
  readonly abort = new Abort()
  /** The chosen upstream. */
  to: UpstreamRef | undefined
  /** The request as the cache sees it; undefined when it does not concern the cache. */
  cacheFacts: CacheRequest | undefined
  outcome: CacheOutcome | undefined
  /** The answer on its way to the client; whatever becomes of the exchange, its body ends with it. */
  response: UpstreamResponse | undefined
  /** What was given to Fastify as the answer's content: a hook of the app may send something else in its place. */
  sent: SentContent | undefined
  /** The reply's fields before the answer's were laid over them: an error that takes its place begins from here. */
  fieldsBefore: ReplyFields | undefined
  /** The guards have let it in. */
  admitted = false
  /** Why the answer is an error of the edge, or why it broke off. */
  error: SluiceError | undefined
  /** Fields that the auth server's answer adds to the upstream request. */
  authFields: Fields | undefined
  /** `headers.response` for this request, once the user's functions have been asked. */
  responseRules: readonly ResponseRule[] | undefined
  /** Content that the app's parser has read, made ready to be sent again. */
  content: ParsedContent | undefined
  /** An answer is on its way out. */
  answered = false
  /** The Set-Cookie line that brings the client back to the server that answered. */
  stickyLine: string | undefined
  /** The app's 404 answers for the route. It may forward the request: then this record gives way to another. */
  passedOn = false
  /** The client waits for 100 (RFC 9110 §10.1.1). */
  expectsContinue = false
  /** Which side ended the tunnel, once it has ended. */
  tunnelEndedBy: string | undefined
  bytesIn = 0
  bytesOut = 0
  place = Number.POSITIVE_INFINITY
  /** The request became a tunnel: resolves at its end, and the exchange ends with it. */
  tunnel: Promise<void> | undefined
  #closers: (() => void)[] | undefined = []
  #taken = false

  constructor(request: FastifyRequest, reply: FastifyReply, settings: Route, target: Target) {
    this.request = request
    this.reply = reply
    this.settings = settings
    this.target = target
    this.ip = request.ip
  }

  /**
   * True once, for whoever is to answer. A hook of the app that says twice that it is done sends the request down the line
   * twice, and past what is still being asked.
   */
  take(): boolean {
    if (this.#taken || !this.admitted || this.reply.sent) return false
    this.#taken = true
    return true
  }

  /** Not answered after all: another may. */
  release(): void {
    this.#taken = false
  }

  get route(): string {
    return this.settings.name
  }

  get buffering(): Buffering {
    return this.settings.buffering
  }

  get upstream(): string | undefined {
    return this.to?.name
  }

  get cache(): CacheWord | undefined {
    return this.outcome?.word
  }

  get reason(): string | undefined {
    return this.outcome?.reason
  }

  /** Runs when the exchange has ended, however it ended; at once when it has already. */
  onClose(closer: () => void): void {
    if (this.#closers === undefined) closer()
    else this.#closers.push(closer)
  }

  /** A hook of the app threw: Fastify answers, the record says why. A refusal (4xx) is no failure. */
  noteFailure(cause: Error & { statusCode?: number }): void {
    if (!isSluiceError(cause) && (cause.statusCode ?? 500) < 500) return
    this.error ??= isSluiceError(cause) ? cause : sluiceError('SLUICE_INTERNAL', { cause })
  }

  /** Before an error takes the answer's place: nothing of it goes out, neither its validators nor how long it may be kept. */
  takeBack(): void {
    const { reply, response, fieldsBefore } = this
    this.sent = undefined
    if (response !== undefined) discard(response.body)
    if (fieldsBefore !== undefined) restoreFields(reply, fieldsBefore)
  }

  clientTimedOut(error: SluiceError): void {
    this.error ??= error
  }

  /** The upgrade has joined client and upstream, with an idle time of its own; its bytes are known at the end. */
  join(ended: Promise<{ bytesIn: number; bytesOut: number; reason: string }>): void {
    this.settings.sendTimeout?.forget(this)
    this.tunnel = ended.then(({ bytesIn, bytesOut, reason }) => {
      this.bytesIn = bytesIn
      this.bytesOut = bytesOut
      this.tunnelEndedBy = reason
    })
  }

  /**
   * Called once, after the raw response's 'close' or the end of the tunnel. An answer that a hook put another one in place of
   * still holds its server.
   */
  close(): void {
    const closers = this.#closers ?? []
    this.#closers = undefined
    for (const closer of closers) closer()
    this.settings.sendTimeout?.forget(this)
    if (this.response !== undefined) discard(this.response.body)
  }
}
