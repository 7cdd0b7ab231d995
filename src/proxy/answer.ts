// The straight line, second half: forward, through the cache when the route has one → the answer that send gets.
import type { CacheOutcome } from '../cache/turn'
import { sluiceError } from '../errors'
import { Abort } from '../http/abort'
import type { Body, Fields, Try, UpstreamRequest, UpstreamResponse } from '../http/message'
import { clientFields, stickTo, wishOf } from './balance'
import { announcedLength, hasContent, mayHaveTrailers, RequestBody } from './body'
import type { RequestExchange } from './exchange'
import { type Destination, forward } from './forward'
import { relayInformation } from './information'
import { logRefresh } from './log'
import { readAhead } from './read-ahead'
import { publicAuthority, toUpstream } from './request'
import type { UpstreamRef } from './route'

/** Through the cache when the route has one, else straight to the upstream. */
export async function answer(exchange: RequestExchange): Promise<UpstreamResponse> {
  const { settings, cacheFacts: facts } = exchange
  const { cache, timeouts, buffering } = settings
  const upstream = exchange.to as UpstreamRef
  if (timeouts.total > 0) limitTotal(exchange, timeouts.total)
  const request = upstreamRequest(exchange, upstream, contentOf(exchange))
  const destination = destinationOf(exchange, upstream)
  if (cache === null || facts === undefined)
    return readAhead(await forward(request, destination, exchange.abort), buffering, exchange.abort)
  let fetched: UpstreamResponse | undefined
  let aside: Abort | undefined
  const call = {
    fetch: async (asked: UpstreamRequest, abort: Abort) => {
      if (abort === aside) return refresh(exchange, asked, abort)
      fetched = await forward(asked, destination, abort)
      return fetched
    },
    abort: exchange.abort,
    now: Date.now,
    background: () => {
      aside = new Abort()
      return aside
    },
    isDown: () => upstream.group.isDown(),
    log: exchange.request.log,
    onFailed: (outcome: CacheOutcome) => {
      exchange.outcome = outcome
    },
    ahead: buffering.spool
  }
  const { response, outcome } = await cache.route.respond(facts, request, call)
  exchange.outcome = outcome
  // What is on its way into the store is read ahead there, what comes out of it needs no server.
  return response.body === fetched?.body ? readAhead(response, buffering, exchange.abort) : response
}

/** A fetch beside the request, whose record it may outlive: its tries are its own, and only a failure is worth a line. */
async function refresh(exchange: RequestExchange, asked: UpstreamRequest, abort: Abort) {
  const upstream = exchange.to as UpstreamRef
  const tries: Try[] = []
  const { timeouts, retry, collect } = exchange.settings
  try {
    const wish = wishOf(exchange, upstream)
    return await forward(asked, { upstream: upstream.group, timeouts, retry, collect, tries, wish }, abort)
  } catch (error) {
    logRefresh(exchange, tries, error)
    throw error
  }
}

function limitTotal(exchange: RequestExchange, total: number): void {
  const timer = setTimeout(() => exchange.abort.abort(sluiceError('SLUICE_TOTAL_TIMEOUT')), total)
  exchange.onClose(() => clearTimeout(timer))
}

function contentOf(exchange: RequestExchange): Body {
  const { settings, request, content } = exchange
  if (content !== undefined) return content.body
  if (!hasContent(request.raw)) return null
  const length = announcedLength(request.raw)
  const { bodyLimit, timeouts } = settings
  if (bodyLimit > 0 && length !== undefined && length > bodyLimit) {
    throw sluiceError('SLUICE_BODY_TOO_LARGE', {
      detail: `${length} bytes announced, ${bodyLimit} allowed`
    })
  }
  return new RequestBody(exchange, { bytes: bodyLimit, idleMs: timeouts.body })
}

/** What of an exchange says how its request is sent on. */
export type Sendable = Pick<RequestExchange, 'request' | 'settings' | 'target' | 'authFields'> &
  Partial<Pick<RequestExchange, 'content'>> & { readonly cacheFacts?: object | undefined }

/** The client's request as it goes to this upstream, with this content. */
export function upstreamRequest(exchange: Sendable, upstream: UpstreamRef, body: Body): UpstreamRequest {
  const { request, settings, target, authFields, content, cacheFacts } = exchange
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
      fields: clientFields(content?.fields ?? (raw.headers as Fields), upstream),
      authority: publicAuthority(request),
      forwarded,
      authFields,
      body,
      rawTrailers: body instanceof RequestBody && mayHaveTrailers(raw) ? () => raw.rawTrailers : undefined,
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
  return {
    upstream: upstream.group,
    timeouts,
    retry,
    collect,
    tries: exchange.tries,
    onInformation,
    wish: wishOf(exchange, upstream),
    onStick: upstream.group.sticky && stickTo(exchange, upstream)
  }
}
