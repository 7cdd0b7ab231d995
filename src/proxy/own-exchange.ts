// The record of a request on one of the app's own cached routes. Fastify logs it; hooks read it as `request.sluice`.
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CacheWord } from '../cache/status'
import type { CacheOutcome } from '../cache/turn'
import type { SluiceError } from '../errors'
import { Abort } from '../http/abort'
import { discard } from '../http/discard'
import type { Body } from '../http/message'
import type { SentContent } from './altered'
import type { Exchange } from './exchange'
import { type ReplyFields, restoreFields } from './reply-fields'
import type { SendTimeout, Watched } from './send-timeout'

/** The app's handler at work: what it answers comes here instead of going out. */
export interface Running {
  answered(payload: unknown): void
  failed(error: unknown): void
  /** Fastify has the request back. */
  leave(): void
}

/** The exchange as the phases see it. */
export class OwnExchange implements Exchange, Watched {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly abort = new Abort()
  readonly tries: readonly [] = []
  readonly bytesIn = 0
  readonly buffering = { on: true } as const
  bytesOut = 0
  place = Number.POSITIVE_INFINITY
  sent: SentContent | undefined
  outcome: CacheOutcome | undefined
  running: Running | undefined
  /** Why the answer broke off. */
  error: SluiceError | undefined
  #fieldsBefore: ReplyFields | undefined
  #body: Body = null

  constructor(request: FastifyRequest, reply: FastifyReply) {
    this.request = request
    this.reply = reply
  }

  get route(): string {
    return this.request.routeOptions.url ?? ''
  }

  get cache(): CacheWord | undefined {
    return this.outcome?.word
  }

  get reason(): string | undefined {
    return this.outcome?.reason
  }

  /** The reply's fields before the handler or the cache added any. */
  get fieldsBefore(): ReplyFields {
    this.#fieldsBefore ??= fieldsOf(this.reply)
    return this.#fieldsBefore
  }

  /** Before an answer is laid on the reply. A hook of the app may send another in its place: its content ends with the exchange. */
  begin(body: Body, sendTimeout: SendTimeout | null): void {
    this.#fieldsBefore ??= fieldsOf(this.reply)
    this.#body = body
    if (body === null) return
    sendTimeout?.watch(this)
    this.reply.raw.once('close', () => {
      sendTimeout?.forget(this)
      if (body instanceof Readable) discard(body)
    })
  }

  /** Fastify's own line tells of no reason. */
  clientTimedOut(error: SluiceError): void {
    this.error ??= error
    this.request.log.info({ err: error }, error.message)
  }

  /** Only what hooks have set stays on the reply. */
  takeBack(): void {
    this.sent = undefined
    discard(this.#body)
    restoreFields(this.reply, this.fieldsBefore)
  }
}

/** Fastify adds cookies to the list that it gave out. */
function fieldsOf(reply: FastifyReply): ReplyFields {
  const fields = reply.getHeaders()
  for (const name in fields) {
    const value = fields[name]
    if (Array.isArray(value)) fields[name] = [...value]
  }
  return fields
}
