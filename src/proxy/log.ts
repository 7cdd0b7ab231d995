// One log line per request, at its end, with nginx's times (nginx: access_log).
import type { FastifyBaseLogger } from 'fastify'
import { errorRow, isSluiceError, type SluiceError, type SluiceErrorCode, sluiceError } from '../errors'
import type { Try } from '../http/message'
import { type Diagnosis, diagnose, diagnoseAnswer, type Places } from './diagnosis'
import type { RequestExchange } from './exchange'

/**
 * Writes the record: `error` for a failure of upstream or edge, `warn` for one of the configuration or one that stale covered, else `info`. An app that
 * wants no lines about requests still hears of failures (nginx: access_log off does not silence error_log).
 */
export function logExchange(
  log: FastifyBaseLogger,
  exchange: RequestExchange,
  isLogDisabled: (request: object) => boolean
): void {
  const { request, error } = exchange
  const status = statusOf(exchange)
  const level = levelOf(exchange)
  if (level === 'info' && isLogDisabled(request)) return
  if (!isWritten(log, level)) return
  const seconds = (performance.now() - exchange.startedAt) / 1000
  const record = {
    reqId: request.id,
    method: request.method,
    url: request.raw.url,
    host: request.host,
    remoteAddress: exchange.ip,
    status,
    route: exchange.route,
    upstream: exchange.upstream,
    cache: exchange.cache,
    reason: exchange.reason,
    tunnelEndedBy: exchange.tunnelEndedBy,
    tries: exchange.tries.length === 0 ? undefined : exchange.tries,
    bytesIn: exchange.bytesIn,
    bytesOut: exchange.bytesOut,
    requestTime: Math.round(seconds * 1000) / 1000,
    error: error === undefined ? undefined : failureOf(error, exchange),
    hint: error === undefined ? hintOf(exchange, status) : undefined
  }
  log[level](record, `${request.method} ${exchange.target.path} ${status}`)
}

/** One line for a refresh of the cache that failed: the requests beside it were answered with what was stored. */
export function logRefresh(exchange: RequestExchange, tries: readonly Try[], cause: unknown): void {
  const error = isSluiceError(cause) ? cause : sluiceError('SLUICE_INTERNAL', { cause })
  if (error.code === 'SLUICE_CLOSING') return
  const { request, route, upstream } = exchange
  const facts = { url: request.raw.url, route, upstream, tries, error: failureOf(error, exchange) }
  request.log.warn(facts, `cache: a refresh beside ${request.method} ${exchange.target.path} failed`)
}

/** A record costs more than the answer of a hit: none is made for nobody. Without a logger Fastify has one whose methods do nothing. */
function isWritten(log: FastifyBaseLogger, level: 'error' | 'warn' | 'info'): boolean {
  const { isLevelEnabled } = log as { isLevelEnabled?: (level: string) => boolean }
  return log[level].name !== 'noop' && isLevelEnabled?.call(log, level) !== false
}

/** 499 is for clients that left; an answer that the upstream or we broke off keeps the status that the client has seen. */
function statusOf(exchange: RequestExchange): number {
  const { reply, error, tunnel } = exchange
  if (tunnel !== undefined) return 101
  const left = error?.code === 'SLUICE_CLIENT_CLOSED' || !reply.raw.headersSent
  return left && isAborted(exchange) ? 499 : reply.raw.statusCode
}

/** On HTTP/2 a stream's reset does not show in `writableFinished`; a tunnel ends as its two sides like. */
export function isAborted({
  request,
  reply,
  tunnel
}: Pick<RequestExchange, 'request' | 'reply' | 'tunnel'>): boolean {
  if (tunnel !== undefined) return false
  return request.raw.httpVersionMajor < 2 ? !reply.raw.writableFinished : request.raw.aborted
}

function levelOf({ error, cache, tries }: RequestExchange): 'error' | 'warn' | 'info' {
  // The client is none the wiser, the operator should be.
  if (error === undefined) return cache === 'STALE' && failedTry(tries) ? 'warn' : 'info'
  const { fault } = errorRow(error.code)
  if (fault === 'upstream' || error.code === 'SLUICE_INTERNAL') return 'error'
  return fault === 'options' ? 'warn' : 'info'
}

function failedTry(tries: readonly Try[]): Try | undefined {
  return tries.findLast((each) => each.error !== undefined)
}

/** What an operator needs: which server, which phase, which errno, and what to do. Never sent to the client. */
function failureOf(error: SluiceError, exchange: RequestExchange): object {
  const { code, server, phase, errno, requestSent, reused, detail, received, cause } = error
  const message = cause instanceof Error ? cause.message : undefined
  const stack = code === 'SLUICE_INTERNAL' && cause instanceof Error ? cause.stack : undefined
  const diagnosis = diagnosisOf(error, exchange)
  return { code, server, phase, errno, requestSent, reused, detail, received, message, stack, ...diagnosis }
}

/** What the auth server did to us is its own failure, not one of the route's upstream. */
function diagnosisOf(error: SluiceError, exchange: RequestExchange): Diagnosis | undefined {
  const { code, cause } = error
  if (code !== 'SLUICE_AUTH_UNAVAILABLE' || !isSluiceError(cause)) return diagnose(error, placesOf(exchange))
  const { guards, optionPrefix: prefix } = exchange.settings
  return diagnose(cause, { prefix, upstream: guards.auth?.upstream, urlOption: 'authRequest.upstream' })
}

function placesOf({ settings, to }: RequestExchange): Places {
  return { prefix: settings.optionPrefix, upstream: to, urlOption: 'upstream' }
}

/** What went wrong behind an answer that is none of our errors: another server or the cache covered it, or it is the server's own. */
function hintOf(exchange: RequestExchange, status: number): Diagnosis | undefined {
  const { response, to, settings, tries } = exchange
  const places = placesOf(exchange)
  const failed = failedTry(tries)
  if (failed !== undefined) {
    const { error, errno, server } = failed
    return diagnose({ code: error as SluiceErrorCode, errno, server }, places)
  }
  if (status < 400 || response === undefined || to === undefined) return undefined
  const { secure } = to
  return diagnoseAnswer(response, {
    host: settings.headers.host,
    secure,
    server: tries.at(-1)?.server,
    places
  })
}
