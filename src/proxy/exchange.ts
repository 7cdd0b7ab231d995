// The record of one request's life: what logs, metrics and hooks read, and what the phases hand on to each other.
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CacheWord } from '../cache/status'
import type { CacheOutcome } from '../cache/turn'
import { isSluiceError, type SluiceError, sluiceError } from '../errors'
import { Abort } from '../http/abort'
import type { Fields, Try, UpstreamResponse } from '../http/message'
import type { Target } from '../http/target'
import type { ResponseRule } from './response-rules'
import type { Route } from './route'

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

/** The exchange as the phases see it. */
export class RequestExchange implements Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly settings: Route
  readonly target: Target
  readonly startedAt = performance.now()
  readonly tries: Try[] = []
  readonly abort = new Abort()
  upstream: string | undefined
  outcome: CacheOutcome | undefined
  /** The answer on its way to the client. */
  response: UpstreamResponse | undefined
  /** Why the answer is an error of the edge, or why it broke off. */
  error: SluiceError | undefined
  /** Fields that the auth server's answer adds to the upstream request. */
  authFields: Fields | undefined
  /** `headers.response` for this request, once the user's functions have been asked. */
  responseRules: readonly ResponseRule[] | undefined
  /** The client waits for 100 (RFC 9110 §10.1.1). */
  expectsContinue = false
  /** Which side ended the tunnel, once it has ended. */
  tunnelEndedBy: string | undefined
  bytesIn = 0
  bytesOut = 0
  /** The request became a tunnel: resolves at its end, and the exchange ends with it. */
  tunnel: Promise<void> | undefined
  readonly #closers: (() => void)[] = []

  constructor(request: FastifyRequest, reply: FastifyReply, settings: Route, target: Target) {
    this.request = request
    this.reply = reply
    this.settings = settings
    this.target = target
  }

  get route(): string {
    return this.settings.name
  }

  get cache(): CacheWord | undefined {
    return this.outcome?.word
  }

  get reason(): string | undefined {
    return this.outcome?.reason
  }

  /** Runs when the exchange has ended, however it ended. */
  onClose(closer: () => void): void {
    this.#closers.push(closer)
  }

  /** A hook of the app threw: Fastify answers, the record says why. */
  noteFailure(cause: Error): void {
    this.error ??= isSluiceError(cause) ? cause : sluiceError('SLUICE_INTERNAL', { cause })
  }

  /** The upgrade has joined client and upstream; its bytes are known at the end. */
  join(ended: Promise<{ bytesIn: number; bytesOut: number; reason: string }>): void {
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
    const body = this.response?.body
    if (body instanceof Readable) body.destroy()
    for (const closer of this.#closers) closer()
  }
}
