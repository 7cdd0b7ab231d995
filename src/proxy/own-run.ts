// Runs an own handler and catches what it answers: serialised by Fastify, before the app's onSend hooks.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { thrown } from '../cache/fetch'
import { sluiceError } from '../errors'
import { CONDITIONAL } from '../http/conditional'
import type { Fields, UpstreamRequest, UpstreamResponse } from '../http/message'
import { isAborted } from './log'
import { ownFields, ownResponse } from './own-answer'
import type { OwnExchange, Running } from './own-exchange'
import {
  contextOf,
  contextWith,
  type ErrorHandler,
  perContext,
  type RouteContext,
  type SendHook,
  setContext,
  withNotFound
} from './route-context'

/** What a run rejects with when the handler has answered by itself (reply.hijack, reply.raw): there is nothing to send. */
export const ANSWERED_ITSELF = new Error('the handler has answered by itself')

/** Calls the handler as Fastify would. */
export type CallHandler = () => unknown

/** One run of a handler. */
export interface RunParts {
  readonly call: CallHandler
  /** What the cache wants: its conditions stand in for the client's while the handler runs. */
  readonly asked: UpstreamRequest
  /** How long an answer may take that its client no longer waits for; the cache has use for it all the same. */
  readonly patienceMs: number
}

/** The handler's answer. Rejects with what it threw (see `thrownStatus`), or ANSWERED_ITSELF in the same wrapping. */
export function runHandler(own: OwnExchange, parts: RunParts): Promise<UpstreamResponse> {
  own.takeBack()
  return new Promise((resolve, reject) => new HandlerRun(own, parts, { resolve, reject }).start(parts.call))
}

interface Ends {
  resolve(response: UpstreamResponse): void
  reject(reason: unknown): void
}

class HandlerRun implements Running {
  readonly #own: OwnExchange
  readonly #ends: Ends
  readonly #patienceMs: number
  readonly #context: RouteContext
  readonly #conditions: Fields
  readonly #cookies: ReadonlySet<unknown>
  #settled = false
  #timer: NodeJS.Timeout | undefined

  constructor(own: OwnExchange, { asked, patienceMs }: RunParts, ends: Ends) {
    const { request, reply } = own
    this.#own = own
    this.#ends = ends
    this.#patienceMs = patienceMs
    this.#context = contextOf(request)
    this.#cookies = new Set(pendingCookies(reply))
    this.#conditions = exchangeConditions(request.raw.headers as Fields, asked.fields)
  }

  start(call: CallHandler): void {
    const { request, reply } = this.#own
    this.#own.running = this
    setContext(request, caughtContext(this.#context))
    reply.hijack = () => {
      this.#settle(() => this.#ends.reject(thrown(ANSWERED_ITSELF, 0)))
      this.leave()
      return reply.hijack()
    }
    reply.raw.once('close', () => this.#closed())
    try {
      this.#returned(call())
    } catch (error) {
      this.failed(error)
    }
  }

  /** As Fastify takes what a handler returns: a promise, a payload, or nothing yet. */
  #returned(result: unknown): void {
    if (result === undefined) return
    if (typeof (result as PromiseLike<unknown> | null)?.then !== 'function') {
      this.#own.reply.send(result)
      return
    }
    ;(result as PromiseLike<unknown>).then(
      (payload) => {
        if (!this.#settled && !this.#own.reply.sent) this.#send(payload)
      },
      (error) => this.failed(error)
    )
  }

  #send(payload: unknown): void {
    try {
      this.#own.reply.send(payload)
    } catch (error) {
      this.failed(error)
    }
  }

  answered(payload: unknown): void {
    const { reply, fieldsBefore } = this.#own
    if (this.#settled) {
      reply.log.warn('the handler of a cached route has answered twice; the second answer is dropped')
      return
    }
    try {
      const fields = ownFields(fieldsBefore, reply.getHeaders())
      const response = ownResponse(payload, reply.raw.statusCode, fields)
      const setsCookie = pendingCookies(reply).some((cookie) => !this.#cookies.has(cookie))
      this.#settle(() =>
        this.#ends.resolve(setsCookie ? { ...response, unstorable: 'set-cookie' } : response)
      )
    } catch (error) {
      this.failed(error)
    }
  }

  failed(error: unknown): void {
    const { reply } = this.#own
    if (this.#settled) {
      reply.log.error({ err: error }, 'the handler of a cached route failed after it had answered')
      return
    }
    this.#settle(() => this.#ends.reject(thrown(error, statusOf(error, reply))))
  }

  leave(): void {
    const { request, reply } = this.#own
    setContext(request, this.#context)
    // The own property stood before the prototype's.
    delete (reply as { hijack?: unknown }).hijack
    this.#own.running = undefined
  }

  /** The response has ended while the handler still works: it wrote to the socket itself, or its client has left. */
  #closed(): void {
    if (this.#settled) return
    const { request, reply } = this.#own
    const left = isAborted({ request, reply, tunnel: undefined })
    if (reply.raw.headersSent && !left) {
      this.#settle(() => this.#ends.reject(thrown(ANSWERED_ITSELF, 0)))
      return
    }
    const giveUp = (): void => this.#settle(() => this.#ends.reject(sluiceError('SLUICE_CLIENT_CLOSED')))
    if (reply.raw.headersSent) giveUp()
    else this.#timer = setTimeout(giveUp, this.#patienceMs).unref()
  }

  #settle(end: () => void): void {
    if (this.#settled) return
    this.#settled = true
    clearTimeout(this.#timer)
    exchangeConditions(this.#own.request.raw.headers as Fields, this.#conditions)
    end()
  }
}

const caughtContext = perContext((context) =>
  withNotFound(
    contextWith(context, { onSend: [catchAnswer], onError: null, errorHandler: CATCH_ERROR }),
    caughtContext
  )
)

/** The last of the onSend hooks, as it never goes on to the next. */
const catchAnswer: SendHook = ({ sluice }, _reply, payload) => {
  ;(sluice as OwnExchange).running?.answered(payload)
}

/** No prototype: Fastify takes that for the handler to ask next, and has none then. */
const CATCH_ERROR: ErrorHandler = Object.assign(Object.create(null) as ErrorHandler, {
  func: (error: Error, { sluice }: FastifyRequest): void => {
    ;(sluice as OwnExchange).running?.failed(error)
  }
})

/** Puts conditions in place of others, and returns those. */
function exchangeConditions(fields: Fields, conditions: Fields): Fields {
  const before: Fields = {}
  for (const name of CONDITIONAL) {
    const value = fields[name]
    const wanted = conditions[name]
    if (value !== undefined) before[name] = value
    if (wanted === undefined) delete fields[name]
    else fields[name] = wanted
  }
  return before
}

/** Fastify's rule: the status that is set, else the error's own, else 500. */
function statusOf(error: unknown, { raw }: FastifyReply): number {
  if (raw.statusCode >= 400) return raw.statusCode
  const { statusCode, status } = (error ?? {}) as { statusCode?: unknown; status?: unknown }
  return [statusCode, status].find(isErrorStatus) ?? 500
}

function isErrorStatus(value: unknown): value is number {
  return typeof value === 'number' && value >= 400 && value <= 599
}

/** `reply.setCookie` of @fastify/cookie keeps cookies back until onSend: they are the handler's all the same. */
function pendingCookies(reply: FastifyReply): unknown[] {
  const key = Object.getOwnPropertySymbols(reply).find(
    ({ description }) => description === 'fastify.reply.setCookies'
  )
  const cookies = key && (reply as unknown as Record<symbol, unknown>)[key]
  return cookies instanceof Map ? [...cookies.values()] : []
}
