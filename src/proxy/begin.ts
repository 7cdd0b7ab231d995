// The first hook of every route: judges the request as a whole, opens its exchange, sees to it that it ends exactly once.
import type { Http2ServerRequest } from 'node:http2'
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import { type SluiceError, sluiceError } from '../errors'
import { hasLoop } from '../http/forwarded'
import { isAuthority } from '../http/origin'
import { parseTarget, readsAsRouted, readsElsewhere, type Target } from '../http/target'
import { hasContent } from './body'
import { answerError } from './error-page'
import { RequestExchange } from './exchange'
import { expectsTooMuch, waitsForContinue } from './expect'
import { endStreamWithAnswer } from './linger'
import { isAborted, logExchange } from './log'
import type { Route } from './route'
import type { ResolvedSecurityHeaders } from './security'

const MEDIA_TYPE = /^\s*[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/

/** What Node keeps when the app sets no `maxHeadersCount`; its documentation says twice as many. */
const NODE_MAX_FIELDS = 1000

/** Connections whose framing is in doubt: Node has parsed what follows on them already, and would go on with it. */
const refusedConnections = new WeakSet<object>()

/** Versions that an HTTP/1 connection cannot have. */
const claimedVersions = new WeakMap<object, string>()

const kContentType = Symbol('sluice.content-type')

/** Where records go, and what the app says of a request: no line, please. */
export interface Logging {
  readonly log: FastifyBaseLogger
  readonly isLogDisabled: (request: object) => boolean
}

/** The route's first onRequest hook. A refused request is answered here and goes no further. */
export function beginHook(route: Route, logging: Logging) {
  return (request: FastifyRequest, reply: FastifyReply, next: () => void): void => {
    if (refusedConnections.has(request.raw.socket)) {
      reply.hijack()
      return
    }
    const { exchange, problem } = openExchange(route, { request, reply }, logging)
    if (problem === undefined) {
      setContentTypeAside(request)
      next()
    } else {
      refuse(exchange, problem)
    }
  }
}

/** Opens the exchange of a request, with what is wrong with it as a whole. */
export function openExchange(
  route: Route,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
  logging: Logging
): { readonly exchange: RequestExchange; readonly problem: SluiceError | undefined } {
  correctVersion(request)
  const { target, problem } = judgeRequest(request, route)
  const exchange = new RequestExchange(request, reply, route, target)
  request.sluice = exchange
  exchange.expectsContinue = waitsForContinue(request)
  reply.raw.on('close', () => {
    if (exchange.tunnel === undefined) end(exchange, logging)
    else exchange.tunnel.then(() => end(exchange, logging))
  })
  route.sendTimeout?.watch(exchange)
  if (request.raw.httpVersionMajor >= 2 && hasContent(request.raw))
    endStreamWithAnswer(request.raw as unknown as Http2ServerRequest)
  setOwnFields(exchange)
  return { exchange, problem }
}

/** The request's target, and why the request is refused before anything else is asked; `detail` says it to the operator. */
export function judgeRequest(
  request: FastifyRequest,
  route: Route
): { readonly target: Target; readonly problem: SluiceError | undefined } {
  const { url = '' } = request.raw
  const verdict = parseTarget(url, request.headers.host ?? request.host)
  if (verdict.kind === 'target') return { target: verdict, problem: refusal(request, route, verdict) }
  const problem = sluiceError('SLUICE_BAD_TARGET', { detail: verdict.reason })
  return { target: { path: url, query: '' }, problem }
}

/** Node's parser takes 'HTTP/2.0' and 'HTTP/0.9' in a request line; whoever asks for the version here would see HTTP/2. */
export function correctVersion({ raw }: FastifyRequest): void {
  if (raw.httpVersionMajor === 1 || 'stream' in raw) return
  claimedVersions.set(raw, raw.httpVersion)
  Object.assign(raw, { httpVersion: '1.0', httpVersionMajor: 1, httpVersionMinor: 0 })
}

/** The last step of every exchange, taken once: what still runs for it ends, and its record is written. */
function end(exchange: RequestExchange, { log, isLogDisabled }: Logging): void {
  if (isAborted(exchange)) {
    exchange.error ??= sluiceError('SLUICE_CLIENT_CLOSED')
    exchange.abort.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
  }
  exchange.close()
  if (exchange.request.sluice === exchange) logExchange(log, exchange, isLogDisabled)
}

function refusal(request: FastifyRequest, route: Route, target: Target): SluiceError | undefined {
  const version = claimedVersions.get(request.raw)
  if (version !== undefined) return sluiceError('SLUICE_BAD_REQUEST', { detail: `HTTP/${version}` })
  if (!takes(route, request.method)) return sluiceError('SLUICE_METHOD_NOT_ALLOWED')
  const { '*': wildcard = '' } = request.params as { readonly '*'?: string }
  if (!readsAsRouted(request.raw.url ?? '', target.path, wildcard)) {
    return sluiceError('SLUICE_BAD_TARGET', { detail: 'the router reads another path' })
  }
  if (readsElsewhere(target.path, route.mount, route.mounts)) {
    return sluiceError('SLUICE_BAD_TARGET', {
      detail: 'reads as another route when // is merged or %2F decoded'
    })
  }
  if (!hasOneHost(request)) return sluiceError('SLUICE_BAD_REQUEST', { detail: 'Host' })
  if (!hasKnownCoding(request)) return sluiceError('SLUICE_BAD_REQUEST', { detail: 'Transfer-Encoding' })
  if (lostFields(request)) return sluiceError('SLUICE_TOO_MANY_FIELDS')
  if (expectsTooMuch(request)) return sluiceError('SLUICE_EXPECTATION')
  if (hasLoop(request.headers.via, route.viaId)) {
    return sluiceError('SLUICE_LOOP', {
      detail: 'the request has been here before: an upstream leads back to this app'
    })
  }
  return undefined
}

function takes({ methods }: Route, method: string): boolean {
  return methods === null ? method !== 'TRACE' : methods.has(method)
}

/** RFC 9112 §3.2: a request with more than one Host line, or one that is no authority, is refused. */
function hasOneHost({ raw, headers }: FastifyRequest): boolean {
  const host = headers.host ?? (headers[':authority'] as string | undefined)
  if (host === undefined || !isAuthority(host)) return raw.httpVersion === '1.0' && host === undefined
  if (raw.httpVersionMajor >= 2)
    return (
      headers.host === undefined ||
      headers[':authority'] === undefined ||
      headers.host === headers[':authority']
    )
  let lines = 0
  for (let index = 0; index < raw.rawHeaders.length; index += 2) {
    const name = raw.rawHeaders[index] as string
    if (name.length === 4 && name.toLowerCase() === 'host') lines += 1
  }
  return lines === 1
}

/**
 * RFC 9112 §6.1: of all codings only chunked is undone here; any other would go on as if it were the content. HTTP/1.0 has
 * none: whoever sends one has not seen what its neighbours read.
 */
function hasKnownCoding({ headers, raw }: FastifyRequest): boolean {
  const coding = headers['transfer-encoding']
  return coding === undefined || (coding.toLowerCase() === 'chunked' && raw.httpVersion !== '1.0')
}

/** Beyond `maxHeadersCount` Node leaves fields out in silence: Content-Length, Cookie or Authorization could be among them. */
function lostFields({ raw, server }: FastifyRequest): boolean {
  const { maxHeadersCount } = server.server as { maxHeadersCount?: number | null }
  const most = maxHeadersCount ?? NODE_MAX_FIELDS
  return most > 0 && raw.rawHeaders.length >= most * 2
}

/** A bad request, and one of whose fields some are lost: its length could be among them. */
const DOUBTFUL: ReadonlySet<number> = new Set([400, 431])

/** Refused requests may be anything: nothing more is read from their connection. */
export function refuse(exchange: RequestExchange, problem: SluiceError): void {
  const { reply, request, settings } = exchange
  if (DOUBTFUL.has(problem.statusCode) && request.raw.httpVersionMajor < 2) {
    refusedConnections.add(request.raw.socket)
    reply.header('connection', 'close')
  }
  if (problem.statusCode === 405) reply.header('allow', settings.allow)
  answerError(exchange, problem)
}

/** Set in advance, so that whatever answers has them: an error and a file as well. */
function setOwnFields(exchange: RequestExchange): void {
  const { reply, request, settings } = exchange
  if (settings.security !== null) setSecurityFields(exchange, settings.security)
  if (settings.altSvc !== null && request.protocol === 'https') reply.header('alt-svc', settings.altSvc)
}

function setSecurityFields({ reply, request }: RequestExchange, security: ResolvedSecurityHeaders): void {
  for (const [name, value] of security.always) if (!reply.hasHeader(name)) reply.header(name, value)
  if (request.protocol !== 'https') return
  for (const [name, value] of security.tlsOnly) if (!reply.hasHeader(name)) reply.header(name, value)
}

/** Fastify answers 415 to a type that is none; a proxy hands it on. Restored before the handler. */
function setContentTypeAside(request: FastifyRequest): void {
  const type = request.raw.headers['content-type']
  if (type === undefined || MEDIA_TYPE.test(type)) return
  ;(request.raw as { [kContentType]?: string })[kContentType] = type
  delete request.raw.headers['content-type']
}

/** The last of our hooks before the handler. */
export function restoreContentType(request: FastifyRequest): void {
  const type = (request.raw as { [kContentType]?: string })[kContentType]
  if (type !== undefined) request.raw.headers['content-type'] = type
}
