// The straight line, first half: static → lookup → send, or on through reply.from to answer.ts. A part that is off is a step less, no fork.
import type { FastifyRequest } from 'fastify'
import { type CacheRequest, evaluateTests } from '../cache/turn'
import { sluiceError } from '../errors'
import type { Fields } from '../http/message'
import { hostOf } from '../http/origin'
import { cutSegments } from '../http/target'
import { hasContent } from './body'
import { answerError } from './error-page'
import type { RequestExchange } from './exchange'
import { endWithAnswer } from './linger'
import { publicAuthority } from './request'
import { fromOptions } from './requestable'
import { localPath } from './response'
import { evaluateRules } from './response-rules'
import type { UpstreamRef } from './route'
import { countPiped, send } from './send'

/** The handler of every route. It returns nothing: for a returned reply Fastify watches the whole response once more. */
export function handle(request: FastifyRequest): void {
  const exchange = request.sluice as RequestExchange
  const { static: files } = exchange.settings
  try {
    evaluateRules(exchange)
  } catch (error) {
    answerError(exchange, error)
    return
  }
  if (files !== null) serveFile(exchange, files)
  else toEdge(exchange)
}

function sendRedirect(exchange: RequestExchange, { to, status }: { to: string; status: number }): void {
  const { reply, request, target } = exchange
  const values: Record<string, string> = { $path: target.path, $query: target.query }
  if (to.includes('$host')) {
    const host = hostOf(publicAuthority(request))
    if (host === undefined) {
      answerError(exchange, sluiceError('SLUICE_BAD_REQUEST', { detail: 'redirect: no host to redirect to' }))
      return
    }
    values.$host = host
  }
  const filled = to.replace(/\$(?:host|path|query)/g, (word) => values[word] as string)
  // A path that begins with `//` would name another host.
  const location = to.startsWith('$path') ? localPath(filled) : filled
  if (hasContent(request.raw)) endWithAnswer(request, reply)
  reply.code(status).header('location', location).send()
}

type Files = NonNullable<RequestExchange['settings']['static']>

function serveFile(exchange: RequestExchange, files: Files): void {
  const { request, reply, settings, target } = exchange
  const path = cutSegments(target.path, settings.mount.segments.length) || '/'
  files
    .serve(request, reply, path)
    .then((outcome) => {
      if (outcome === 'sent') countPiped(exchange)
      else if (outcome === 'next') toEdge(exchange)
      else if (outcome === 'missing') reply.callNotFound()
      else if (outcome === 'method') {
        reply.header('allow', 'GET, HEAD')
        answerError(exchange, sluiceError('SLUICE_METHOD_NOT_ALLOWED'))
      }
    })
    .catch((error) => answerError(exchange, error))
}

/** Without a redirect and an upstream the app's own 404 answers. */
function toEdge(exchange: RequestExchange): void {
  const { request, reply, settings } = exchange
  if (settings.redirect !== null) {
    sendRedirect(exchange, settings.redirect)
    return
  }
  if (settings.upstream === null) {
    reply.callNotFound()
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
  exchange.to = upstream
  const facts = cache?.route.handles(exchange.request.method) ? cacheRequest(exchange, upstream) : undefined
  const hit = facts === undefined ? undefined : cache?.route.lookup(facts, Date.now())
  if (hit !== undefined) {
    exchange.outcome = hit.outcome
    send(exchange, hit.response)
    return
  }
  exchange.cacheFacts = facts
  exchange.reply.from('/', fromOptions)
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
