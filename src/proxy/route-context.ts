// What Fastify does behind a handler (onSend, error handler, 404), exchanged for one request. Its own object is not touched; a test pins it.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { optionError } from '../errors'

/** An onSend hook in callback form. */
export type SendHook = (
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  next: (error: Error | null, payload?: unknown) => void
) => void

/** An error handler; the next one to ask is its prototype. */
export interface ErrorHandler {
  readonly func?: ((error: Error, request: FastifyRequest, reply: FastifyReply) => unknown) | null
}

/** Fastify's context of a route, as far as it is exchanged. */
export interface RouteContext {
  readonly onSend: readonly SendHook[] | null
  readonly onError: readonly SendHook[] | null
  readonly errorHandler: ErrorHandler
}

type Keyed = Record<symbol, RouteContext | null | undefined>

/** Fastify reads a request's context through it. */
let contextKey: symbol | undefined

/** Asked at start: a Fastify that keeps its context elsewhere is refused. */
export function findContextKey(app: FastifyInstance): void {
  contextKey ??= contextKeyOf(app)
  if (contextKey !== undefined) return
  throw optionError('cached(…)', `Fastify ${app.version} keeps the context of a route in an unknown place`)
}

function contextKeyOf(app: FastifyInstance): symbol | undefined {
  for (let level: object | null = app; level !== null; level = Object.getPrototypeOf(level)) {
    const key = symbolOf(level, 'fastify.Request')
    if (key === undefined) continue
    const Request = (level as Record<symbol, new (...parts: unknown[]) => object>)[key]
    if (Request !== undefined)
      return symbolOf(new Request('', {}, { headers: {} }, {}, app.log, {}), 'fastify.context')
  }
  return undefined
}

/** The context that a request has now. */
export function contextOf(request: FastifyRequest): RouteContext {
  return (request as unknown as Keyed)[contextKey as symbol] as RouteContext
}

/** From here on Fastify goes by this context. */
export function setContext(request: FastifyRequest, context: RouteContext): void {
  ;(request as unknown as Keyed)[contextKey as symbol] = context
}

/** A context like another, but for these parts. */
export function contextWith(context: RouteContext, parts: Partial<RouteContext>): RouteContext {
  return Object.assign(Object.create(context) as RouteContext, parts)
}

/** Made once for each context, shared by its requests. */
export function perContext(
  make: (context: RouteContext) => RouteContext
): (context: RouteContext) => RouteContext {
  const made = new WeakMap<RouteContext, RouteContext>()
  return (context) => {
    const known = made.get(context)
    if (known !== undefined) return known
    const fresh = make(context)
    made.set(context, fresh)
    return fresh
  }
}

/** An error handler of ours before the app's own: what it throws goes on to that one. */
export function handlerBefore(next: ErrorHandler, func: NonNullable<ErrorHandler['func']>): ErrorHandler {
  return Object.assign(Object.create(next) as ErrorHandler, { func })
}

/** The same with the context of the app's 404 exchanged as well: `reply.callNotFound` goes on in that one. */
export function withNotFound(
  context: RouteContext,
  exchange: (context: RouteContext) => RouteContext
): RouteContext {
  const origin = Object.getPrototypeOf(context) as Keyed
  const key = symbolOf(origin, 'fastify.404ContextKey')
  const notFound = key === undefined ? undefined : origin[key]
  if (key !== undefined && notFound) (context as unknown as Keyed)[key] = exchange(notFound)
  return context
}

function symbolOf(object: object, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(object).find((symbol) => symbol.description === description)
}
