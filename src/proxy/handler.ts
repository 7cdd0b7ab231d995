// The straight line, first half: static → lookup → send, or on through reply.from to answer.ts. A part that is off is a step less, no fork.
import type { FastifyRequest } from 'fastify'
import { type CacheRequest, evaluateTests } from '../cache/turn'
import { sluiceError } from '../errors'
import type { Fields } from '../http/message'
import { cutSegments } from '../http/target'
import { hasContent } from './body'
import { answerError } from './error-page'
import type { RequestExchange } from './exchange'
import { publicAuthority } from './request'
import { fromOptions } from './requestable'
import { localPath } from './response'
import { evaluateRules } from './response-rules'
import type { UpstreamRef } from './route'
import { countPiped, send } from './send'

/** The handler of every route. It returns nothing: for a returned reply Fastify watches the whole response once more. */
export function handle(request: FastifyRequest): void {
  const exchange = request.sluice as RequestExchange
  const { redirect, static: files } = exchange.settings
  try {
    evaluateRules(exchange)
  } catch (error) {
    answerError(exchange, error)
    return
  }
  if (redirect !== null) sendRedirect(exchange, redirect)
  else if (files !== null) serveFile(exchange, files)
  else toEdge(exchange, throughReplyFrom)
}

function sendRedirect({ reply, target }: RequestExchange, redirect: { to: string; status: number }): void {
  const { to } = redirect
  const filled = to.replace(/\$(?:path|query)/g, (word) => (word === '$path' ? target.path : target.query))
  // A path that begins with `//` would name another host.
  const location = to.startsWith('$path') ? localPath(filled) : filled
  reply.code(redirect.status).header('location', location).send()
}

type Files = NonNullable<RequestExchange['settings']['static']>

function serveFile(exchange: RequestExchange, files: Files): void {
  const { request, reply, settings, target } = exchange
  const path = cutSegments(target.path, settings.mount.segments.length) || '/'
  files
    .serve(request, reply, path)
    .then((outcome) => {
      if (outcome === 'sent') countPiped(exchange)
      else if (outcome === 'next') toEdge(exchange, throughReplyFrom)
      else if (outcome === 'missing') reply.callNotFound()
      else if (outcome === 'method') {
        reply.header('allow', 'GET, HEAD')
        answerError(exchange, sluiceError('SLUICE_METHOD_NOT_ALLOWED'))
      }
    })
    .catch((error) => answerError(exchange, error))
}

/** How a request goes on to `answer` when the cache has none at hand. */
type Onward = (exchange: RequestExchange) => void

function throughReplyFrom({ reply }: RequestExchange): void {
  reply.from('/', fromOptions)
}

/** Without an upstream the app's own 404 answers. */
export function toEdge(exchange: RequestExchange, onward: Onward): void {
  const { request, reply, settings } = exchange
  if (settings.upstream === null) {
    reply.callNotFound()
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
  const { request, target, authFields } = exchange
  const { policy } = exchange.settings.cache as NonNullable<RequestExchange['settings']['cache']>
  const facts = {
    method: request.method,
    scheme: request.protocol,
    authority: publicAuthority(request),
    target: target.path + target.query,
    fields: request.raw.headers as Fields,
    upstream: upstream.name,
    hasBody: hasContent(request.raw),
    private: authFields !== undefined
  }
  const tests = evaluateTests(policy, request, facts.fields)
  return tests === undefined ? facts : { ...facts, ...tests }
}
