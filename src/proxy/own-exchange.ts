// The record of a request on one of the app's own cached routes. Fastify logs it; hooks read it as `request.sluice`.
import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { CacheWord } from '../cache/status'
import type { CacheOutcome } from '../cache/turn'
import type { SluiceError } from '../errors'
import { Abort } from '../http/abort'
import type { SentContent } from './altered'
import type { Exchange } from './exchange'

/** The reply's fields at a moment. */
export type ReplyFields = ReturnType<FastifyReply['getHeaders']>

/** The app's handler at work: what it answers comes here instead of going out. */
export interface Running {
  answered(payload: unknown): void
  failed(error: unknown): void
  /** Fastify has the request back. */
  leave(): void
}

/** The exchange as the phases see it. */
export class OwnExchange implements Exchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly abort = new Abort()
  readonly tries: readonly [] = []
  readonly bytesIn = 0
  readonly buffering = { on: true } as const
  bytesOut = 0
  sent: SentContent | undefined
  outcome: CacheOutcome | undefined
  running: Running | undefined
  /** Why the answer broke off. */
  error: SluiceError | undefined
  #fieldsBefore: ReplyFields | undefined

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

  /** For a body that may fail before its first byte. */
  takeBackOn(body: Readable): void {
    this.#fieldsBefore ??= fieldsOf(this.reply)
    body.once('error', () => this.takeBack())
  }

  /** Only what hooks have set stays on the reply. */
  takeBack(): void {
    const { reply, fieldsBefore } = this
    if (reply.raw.headersSent) return
    for (const name in reply.getHeaders()) reply.removeHeader(name)
    reply.headers(fieldsBefore)
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
