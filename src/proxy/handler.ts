// The straight line, first half: static → lookup → send, or on through reply.from to answer.ts. A part that is off is a step less, no fork.
import type { FastifyRequest } from 'fastify'
import { PURGE } from '../cache/purge'
import { type CacheRequest, evaluateTests } from '../cache/turn'
import { sluiceError } from '../errors'
import type { Fields } from '../http/message'
import { hostOf } from '../http/origin'
import { cutSegments, type Target } from '../http/target'
import type { Outcome } from '../static/handler'
import type { SendBytes } from '../static/send-file'
import type { Sendable } from './answer'
import { clientFields } from './balance'
import { hasContent } from './body'
import { countAnswer, countPiped } from './count'
import { answerError, answerStatus } from './error-page'
import type { RequestExchange } from './exchange'
import { endWithAnswer } from './linger'
import { answerPurge } from './purge'
import { fieldsNow } from './reply-fields'
import { publicAuthority } from './request'
import { fromOptions } from './requestable'
import { localPath } from './response'
import { evaluateRules } from './response-rules'
import type { Route, UpstreamRef } from './route'
import { send, sendBody } from './send'

/** The handler of every route. It returns nothing: for a returned reply Fastify watches the whole response once more. */
export function handle(request: FastifyRequest): void {
  const exchange = request.sluice as RequestExchange
  if (!exchange.take()) return
  const { static: files, purge, methods } = exchange.settings
  if (request.method === PURGE && (purge !== null || methods === null)) {
    answerPurge(exchange, purge)
    return
  }
  try {
    evaluateRules(exchange)
  } catch (error) {
    answerError(exchange, error)
    return
  }
  if (files !== null) serveFile(exchange, files)
  else toEdge(exchange, throughReplyFrom)
}

function sendRedirect(exchange: RequestExchange, { to, status }: { to: string; status: number }): void {
  const { reply, request, target } = exchange
  const location = redirectLocation(to, target, publicAuthority(request))
  if (location === undefined) {
    answerError(exchange, sluiceError('SLUICE_BAD_REQUEST', { detail: 'redirect: no host to redirect to' }))
    return
  }
  endWithAnswer(request, reply)
  reply.code(status).header('location', location).send()
}

/** Where a redirect leads; undefined where it needs the request's host and there is none. */
export function redirectLocation(to: string, target: Target, authority: string): string | undefined {
  const host = to.includes('$host') ? hostOf(authority) : ''
  if (host === undefined) return undefined
  const values: Record<string, string> = { $path: target.path, $query: target.query, $host: host }
  const filled = to.replace(/\$(?:host|path|query)/g, (word) => values[word] as string)
  // A path that begins with `//` would name another host.
  return to.startsWith('$path') ? localPath(filled) : filled
}

type Files = NonNullable<RequestExchange['settings']['static']>

function serveFile(exchange: RequestExchange, files: Files): void {
  const { request, reply, settings, target } = exchange
  exchange.sent = 'file'
  exchange.fieldsBefore = fieldsNow(reply)
  const outcome = files.serve(request, reply, pathBelow(settings, target))
  if (typeof outcome === 'string') goOn(exchange, outcome)
  else {
    outcome.then((late) => goOn(exchange, late)).catch((error) => answerError(exchange, error))
  }
}

function goOn(exchange: RequestExchange, outcome: Outcome): void {
  if (outcome === 'sent') {
    if (exchange.sent === 'file') countPiped(exchange)
    return
  }
  exchange.sent = undefined
  exchange.fieldsBefore = undefined
  if (outcome === 'next') toEdge(exchange, throughReplyFrom)
  else if (outcome === 'missing') answerNotFound(exchange)
  else {
    exchange.reply.header('allow', 'GET, HEAD')
    answerError(exchange, sluiceError('SLUICE_METHOD_NOT_ALLOWED'))
  }
}

/** How files leave that are in memory: as any other content that is whole. */
export const sendFileBytes: SendBytes = ({ request, raw }, body) => {
  sendBody(request.sluice as RequestExchange, { status: raw.statusCode, fields: {}, body })
}

/** The raw path below the route's prefix: what `static` looks for. */
export function pathBelow({ mount }: Pick<Route, 'mount'>, { path }: Target): string {
  return cutSegments(path, mount.segments.length) || '/'
}

/** How a request goes on to `answer` when the cache has none at hand. */
type Onward = (exchange: RequestExchange) => void

function throughReplyFrom({ reply }: RequestExchange): void {
  reply.from('/', fromOptions)
}

/** Without a redirect and an upstream it is 404. */
export function toEdge(exchange: RequestExchange, onward: Onward): void {
  const { request, settings } = exchange
  if (settings.redirect !== null) {
    sendRedirect(exchange, settings.redirect)
    return
  }
  if (settings.upstream === null) {
    answerNotFound(exchange)
    return
  }
  try {
    const upstream = settings.upstream(request)
    if (upstream instanceof Promise)
      upstream
        .then((chosen) => lookup(exchange, chosen, onward))
        .catch((error) => answerError(exchange, error))
    else lookup(exchange, upstream, onward)
  } catch (error) {
    answerError(exchange, error)
  }
}

/** The route's own page for 404, else the app's. */
function answerNotFound(exchange: RequestExchange): void {
  const page = exchange.settings.errorPages?.pageFor(404)
  if (page !== undefined) {
    answerStatus(exchange, 404, undefined, page)
    return
  }
  exchange.passedOn = true
  countAnswer(exchange)
  exchange.reply.callNotFound()
}

/** A fresh hit in memory is answered here, at once. */
function lookup(exchange: RequestExchange, upstream: UpstreamRef, onward: Onward): void {
  const { cache } = exchange.settings
  exchange.to = upstream
  const facts = cache?.route.handles(exchange.request.method) ? cacheRequest(exchange, upstream) : undefined
  const hit = facts === undefined ? undefined : cache?.route.lookup(facts, Date.now())
  if (hit !== undefined) {
    exchange.outcome = hit.outcome
    send(exchange, hit.response)
    return
  }
  exchange.cacheFacts = facts
  onward(exchange)
}

function cacheRequest(exchange: RequestExchange, upstream: UpstreamRef): CacheRequest {
  const { request } = exchange
  const { policy } = exchange.settings.cache as NonNullable<RequestExchange['settings']['cache']>
  const facts = cacheFacts(exchange, upstream)
  const tests = evaluateTests(policy, request, facts.fields)
  return tests === undefined ? facts : { ...facts, ...tests }
}

/** The request as the cache sees it, before the route's own tests. */
export function cacheFacts(
  { request, target, authFields }: Omit<Sendable, 'settings'>,
  upstream: UpstreamRef
): CacheRequest {
  return {
    method: request.method,
    scheme: request.protocol,
    authority: publicAuthority(request),
    target: target.path + target.query,
    fields: clientFields(request.raw.headers as Fields, upstream),
    upstream: upstream.name,
    hasBody: hasContent(request.raw),
    private: authFields !== undefined
  }
}
