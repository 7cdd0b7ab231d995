// Fastify's own lines about a request on our routes (incoming, completed, errors): ours says it all in one at the end.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { RequestExchange } from '../proxy/exchange'
import { internalSymbol } from './internal'

/** Fastify's LogController, as far as we stand in front of it. */
interface Controller {
  readonly requestIdLogLabel: string
  isLogDisabled(request: object): boolean
  defaultErrorLog(error: Error, request: FastifyRequest, ...facts: unknown[]): void
  serviceUnavailable(...facts: unknown[]): void
  serializerError(error: unknown, request: FastifyRequest, ...facts: unknown[]): void
}

/** The app's own controller behind each of ours. */
const standsFor = new WeakMap<object, Controller>()

type Noting = (error: unknown, request: FastifyRequest, reply: FastifyReply) => void

/**
 * Switches them off for the instance and its children. A request that a hook of the app has answered before ours ran has no
 * record: that one is logged here. Gives what the app's own controller says of a request.
 */
export function quietRequests(child: FastifyInstance): (request: object) => boolean {
  const symbol = ownerSymbol(child)
  if (symbol === undefined) return () => false
  const before = (child as unknown as Record<symbol, Controller>)[symbol] as Controller
  Object.defineProperty(child, symbol, { value: quietController(before), configurable: true })
  const own = ownerOf(before)
  return (request) => own.isLogDisabled(request)
}

/**
 * The app's 404 may answer for a file of ours that is not there, and its own handlers may forward: its lines about such a request
 * are off as well, and an error that they would tell is in the record. On its cached routes they stay. Gives what the app's own
 * controller says of a request.
 */
export function quietOurs(app: FastifyInstance): (request: object) => boolean {
  const symbol = ownerSymbol(app)
  if (symbol === undefined) return () => false
  const before = (app as unknown as Record<symbol, Controller>)[symbol] as Controller
  const isLogDisabled = (request: object): boolean => isOurs(request) || before.isLogDisabled(request)
  const defaultErrorLog: Controller['defaultErrorLog'] = (error, request, ...facts) => {
    if (isOurs(request)) (request.sluice as RequestExchange).noteFailure(error)
    else before.defaultErrorLog(error, request, ...facts)
  }
  const value = Object.create(before, {
    isLogDisabled: { value: isLogDisabled },
    defaultErrorLog: { value: defaultErrorLog }
  })
  standsFor.set(value, before)
  Object.defineProperty(rootOf(app, symbol), symbol, { value, configurable: true })
  const own = ownerOf(before)
  return (request) => own.isLogDisabled(request)
}

function ownerOf(controller: Controller): Controller {
  let own = controller
  for (let behind = standsFor.get(own); behind !== undefined; behind = standsFor.get(own)) own = behind
  return own
}

function isOurs(request: object): boolean {
  return 'sluice' in request && request.sluice instanceof RequestExchange
}

/** The instance that the controller belongs to, and with it the app's 404. */
function rootOf(app: FastifyInstance, symbol: symbol): object {
  let level: object = app
  while (!Object.hasOwn(level, symbol)) level = Object.getPrototypeOf(level)
  return level
}

function quietController(before: Controller): Controller & Record<string, unknown> {
  const failures = new WeakMap<FastifyRequest, unknown>()
  // An HTTP/2 stream that has closed has no address.
  const addresses = new WeakMap<FastifyRequest, string>()
  const incomingRequest = (request: FastifyRequest): void => {
    if (request.raw.httpVersionMajor >= 2) addresses.set(request, request.ip)
  }
  const note: Noting = (error, request) => {
    if (request.sluice === null) failures.set(request, error)
  }
  const requestCompleted: Noting = (error, request, reply) => {
    if (request.sluice !== null || before.isLogDisabled(request)) return
    const address = addresses.get(request) ?? request.ip
    logAnswered({ request, reply, address }, failures.get(request) ?? error)
  }
  return {
    requestIdLogLabel: before.requestIdLogLabel,
    isLogDisabled: () => true,
    incomingRequest,
    routeNotFound: ignore,
    requestCompleted,
    defaultErrorLog: note,
    streamError: note,
    writeHeadError: note,
    serializerError: (...facts) => before.serializerError(...facts),
    serviceUnavailable: (...facts) => before.serviceUnavailable(...facts)
  }
}

function ignore(): void {}

/** In the form of our own records; what is unknown is left out. */
function logAnswered(
  { request, reply, address }: { request: FastifyRequest; reply: FastifyReply; address: string },
  error: unknown
): void {
  const status = reply.raw.statusCode
  const record = {
    method: request.method,
    url: request.raw.url,
    host: request.host,
    remoteAddress: address,
    status,
    requestTime: Math.round(reply.elapsedTime) / 1000,
    ...(error instanceof Error && { err: error })
  }
  request.log[status >= 500 ? 'error' : 'info'](record, `${request.method} ${request.raw.url} ${status}`)
}

/** Fastify keeps the controller per instance; where a version does not, its lines stay. A test pins it. */
function ownerSymbol(child: FastifyInstance): symbol | undefined {
  return internalSymbol(child, 'fastify.logController')
}
