// The straight line: static → lookup → forward → admit → send. With a part switched off the path loses a step, it does not fork.
import type { FastifyRequest } from 'fastify'
import { type CacheRequest, evaluateTests } from '../cache/turn'
import { sluiceError } from '../errors'
import { Abort } from '../http/abort'
import type { Body, UpstreamRequest, UpstreamResponse } from '../http/message'
import { cutSegments } from '../http/target'
import { announcedLength, hasContent, RequestBody } from './body'
import { answerError } from './error-page'
import type { RequestExchange } from './exchange'
import { type Destination, forward } from './forward'
import { relayInformation } from './information'
import { toUpstream } from './request'
import type { Work } from './requestable'
import type { UpstreamRef } from './route'
import { send } from './send'

/** The handler of every route. It returns nothing: for a returned reply Fastify watches the whole response once more. */
export function handle(request: FastifyRequest): void {
  const exchange = request.sluice as RequestExchange
  const { redirect, static: files } = exchange.settings
  if (redirect !== null) sendRedirect(exchange, redirect)
  else if (files !== null) serveFile(exchange, files)
  else toEdge(exchange)
}

function sendRedirect({ reply, target }: RequestExchange, redirect: { to: string; status: number }): void {
  const location = redirect.to.replaceAll('$path', () => target.path).replaceAll('$query', () => target.query)
  reply.code(redirect.status).header('location', location).send()
}

type Files = NonNullable<RequestExchange['settings']['static']>

function serveFile(exchange: RequestExchange, files: Files): void {
  const { request, reply, settings, target } = exchange
  const path = cutSegments(target.path, settings.mount.segments.length) || '/'
  files.serve(request, reply, path).then(
    (outcome) => {
      if (outcome === 'sent') return
      if (outcome === 'next' && settings.upstream !== null) toEdge(exchange)
      else if (outcome === 'method') {
        reply.header('allow', 'GET, HEAD')
        answerError(exchange, sluiceError('SLUICE_METHOD_NOT_ALLOWED'))
      } else reply.callNotFound()
    },
    (error) => answerError(exchange, error)
  )
}

function toEdge(exchange: RequestExchange): void {
  const { request, settings } = exchange
  if (settings.upstream === null) {
    exchange.reply.callNotFound()
    return
  }
  try {
    const upstream = settings.upstream(request)
    if (upstream instanceof Promise)
      upstream.then((chosen) => lookup(exchange, chosen)).catch((error) => answerError(exchange, error))
    else lookup(exchange, upstream)
  } catch (error) {
    answerError(exchange, error)
  }
}

/** A fresh hit in memory is answered here, without touching reply.from. */
function lookup(exchange: RequestExchange, upstream: UpstreamRef): void {
  const { cache } = exchange.settings
  exchange.upstream = upstream.name
  const facts = cache?.route.handles(exchange.request.method) ? cacheRequest(exchange, upstream) : undefined
  const hit = facts === undefined ? undefined : cache?.route.lookup(facts, Date.now())
  if (hit !== undefined) {
    exchange.outcome = hit.outcome
    send(exchange, hit.response, upstream)
    return
  }
  const work: Work = { exchange, upstream, run: () => answer(exchange, upstream, facts) }
  ;(exchange.request as unknown as { sluiceWork: Work }).sluiceWork = work
  exchange.reply.from('/', exchange.settings.from)
}

/** Through the cache when the route has one, else straight to the upstream. */
async function answer(
  exchange: RequestExchange,
  upstream: UpstreamRef,
  facts: CacheRequest | undefined
): Promise<UpstreamResponse> {
  const { cache, timeouts } = exchange.settings
  if (timeouts.total > 0) limitTotal(exchange, timeouts.total)
  const request = upstreamRequest(exchange, upstream, contentOf(exchange))
  const destination = destinationOf(exchange, upstream)
  const fetch = (asked: UpstreamRequest, abort: Abort) => forward(asked, destination, abort)
  if (cache === null || facts === undefined) return fetch(request, exchange.abort)
  const call = {
    fetch,
    abort: exchange.abort,
    now: Date.now,
    background: () => new Abort(),
    log: exchange.request.log
  }
  const { response, outcome } = await cache.route.respond(facts, request, call)
  exchange.outcome = outcome
  return response
}

function limitTotal(exchange: RequestExchange, total: number): void {
  const timer = setTimeout(() => exchange.abort.abort(sluiceError('SLUICE_TOTAL_TIMEOUT')), total)
  exchange.onClose(() => clearTimeout(timer))
}

function contentOf(exchange: RequestExchange): Body {
  const { settings, request } = exchange
  if (!hasContent(request.raw)) return null
  const length = announcedLength(request.raw)
  if (settings.bodyLimit > 0 && length !== undefined && length > settings.bodyLimit)
    throw sluiceError('SLUICE_BODY_TOO_LARGE')
  return new RequestBody(exchange, settings.bodyLimit)
}

/** The client's request as it goes to this upstream, with this content. */
export function upstreamRequest(
  exchange: RequestExchange,
  upstream: UpstreamRef,
  body: Body
): UpstreamRequest {
  const { request, settings, target, authFields } = exchange
  const { raw } = request
  const { ips, ip, protocol, host, id } = request
  const peer = raw.socket.remoteAddress
  const forwarded = {
    ips,
    ip,
    peer,
    protocol,
    host,
    httpVersion: raw.httpVersion,
    requestId: id,
    viaId: settings.viaId
  }
  const authority = request.headers.host ?? host
  return toUpstream(
    {
      request,
      method: request.method,
      target,
      fields: raw.headers as never,
      authority,
      forwarded,
      authFields,
      body
    },
    settings,
    upstream
  )
}

/** Where and how the exchange's tries go. */
export function destinationOf(exchange: RequestExchange, upstream: UpstreamRef): Destination {
  const { timeouts, retry, collect } = exchange.settings
  const onInformation: Destination['onInformation'] = (status, fields) =>
    relayInformation(exchange.reply, status, fields)
  return { upstream: upstream.group, timeouts, retry, collect, tries: exchange.tries, onInformation }
}

function cacheRequest(exchange: RequestExchange, upstream: UpstreamRef): CacheRequest {
  const { request, target, authFields } = exchange
  const { policy } = exchange.settings.cache as NonNullable<RequestExchange['settings']['cache']>
  return {
    method: request.method,
    scheme: request.protocol,
    authority: request.host,
    target: target.path + target.query,
    fields: request.raw.headers as never,
    upstream: upstream.name,
    hasBody: hasContent(request.raw),
    private: authFields !== undefined,
    ...evaluateTests(policy, request, request.raw.headers as never)
  }
}
