// One log line per request, at its end, with nginx's times (nginx: access_log).
import type { FastifyBaseLogger } from 'fastify'
import { errorRow, type SluiceError } from '../errors'
import type { RequestExchange } from './exchange'

/** Writes the record: `error` for a failure of upstream or edge, `warn` for one of the configuration, else `info`. */
export function logExchange(log: FastifyBaseLogger, exchange: RequestExchange): void {
  const { request, error } = exchange
  const status = statusOf(exchange)
  const level = levelOf(error)
  if ((log as { isLevelEnabled?: (level: string) => boolean }).isLevelEnabled?.(level) === false) return
  const seconds = (performance.now() - exchange.startedAt) / 1000
  const record = {
    reqId: request.id,
    method: request.method,
    url: request.raw.url,
    host: request.host,
    remoteAddress: request.ip,
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
    error: error === undefined ? undefined : failureOf(error)
  }
  log[level](record, `${request.method} ${exchange.target.path} ${status}`)
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

function levelOf(error: SluiceError | undefined): 'error' | 'warn' | 'info' {
  if (error === undefined) return 'info'
  const { fault } = errorRow(error.code)
  if (fault === 'upstream' || error.code === 'SLUICE_INTERNAL') return 'error'
  return fault === 'options' ? 'warn' : 'info'
}

/** What an operator needs: which server, which phase, which errno. Never sent to the client. */
function failureOf(error: SluiceError): object {
  const { code, server, phase, errno, requestSent, reused, detail, cause } = error
  const message = cause instanceof Error ? cause.message : undefined
  const stack = code === 'SLUICE_INTERNAL' && cause instanceof Error ? cause.stack : undefined
  return { code, server, phase, errno, requestSent, reused, detail, message, stack }
}
