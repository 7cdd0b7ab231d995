// The straight line, second half: forward, through the cache when the route has one → the answer that send gets.
import { sluiceError } from '../errors'
import { Abort } from '../http/abort'
import type { Body, UpstreamRequest, UpstreamResponse } from '../http/message'
import { announcedLength, hasContent, RequestBody } from './body'
import type { RequestExchange } from './exchange'
import { type Destination, forward } from './forward'
import { relayInformation } from './information'
import { publicAuthority, toUpstream } from './request'
import type { UpstreamRef } from './route'

/** Through the cache when the route has one, else straight to the upstream. */
export async function answer(exchange: RequestExchange): Promise<UpstreamResponse> {
  const { settings, cacheFacts: facts } = exchange
  const { cache, timeouts } = settings
  const upstream = exchange.to as UpstreamRef
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
  const { request, settings, target, authFields, cacheFacts } = exchange
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
  return toUpstream(
    {
      request,
      method: request.method,
      target,
      fields: raw.headers as never,
      authority: publicAuthority(request),
      forwarded,
      authFields,
      body,
      keyed: cacheFacts !== undefined && (request.method === 'GET' || request.method === 'HEAD')
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
