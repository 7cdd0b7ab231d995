// `app.sluice.cached`: an own handler behind a zone, where the handler runs, so that every hook of the app has run.
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { RouteCache } from '../cache/cache'
import { thrownStatus } from '../cache/fetch'
import type { ResolvedRouteCache } from '../cache/options'
import { TAG_FIELDS } from '../cache/tags'
import { type CacheAnswer, type CacheCall, type CacheRequest, evaluateTests } from '../cache/turn'
import { isSluiceError, sluiceError } from '../errors'
import { Abort } from '../http/abort'
import { type Closable, hasClosed } from '../http/closable'
import { discard } from '../http/discard'
import type { Fields } from '../http/message'
import { parseTarget } from '../http/target'
import type { SpoolOptions } from '../spool/spool'
import { alteredHook } from './altered'
import { correctVersion } from './begin'
import { hasContent } from './body'
import { isAborted } from './log'
import { OwnExchange } from './own-exchange'
import { ANSWERED_ITSELF, type CallHandler, runHandler } from './own-run'
import { publicAuthority } from './request'
import { appendField } from './response-rules'
import { contextOf, contextWith, handlerBefore, perContext, setContext } from './route-context'
import { sendBody } from './send'
import type { SendTimeout } from './send-timeout'
import { wholeHook } from './whole'

/** Stands in the keys of stored answers where those of a mounted route have the upstream's name. */
export const OWN_HANDLERS = '(app)'

/** How long an answer may take that its client does not wait for, on a route without a lock. */
const PATIENCE_MS = 30_000

/** What a cached route is made of. */
export interface OwnCache {
  readonly route: RouteCache
  readonly policy: ResolvedRouteCache
  /** How far a long answer is read ahead of its client. */
  readonly ahead: SpoolOptions
  /** null = a client may take its time. */
  readonly sendTimeout: SendTimeout | null
}

/** A handler as Fastify calls it. */
export type OwnHandler = (this: FastifyInstance, request: FastifyRequest, reply: FastifyReply) => unknown

/** The handler behind the cache. For what is no concern of the cache it runs as it is. */
export function cachedHandler(cache: OwnCache, handler: OwnHandler): OwnHandler {
  return function (request, reply) {
    correctVersion(request)
    const call = (): unknown => handler.call(this, request, reply)
    const target = targetOf(request)
    if (target === undefined || !cache.route.handles(request.method) || request.sluice) return call()
    const own = new OwnExchange(request, reply)
    request.sluice = own
    const facts = factsOf(request, target, cache.policy)
    const hit = cache.route.lookup(facts, Date.now())
    if (hit === undefined) return answered(own, cache, { facts, call })
    send(own, cache, hit)
    return undefined
  }
}

/** Of a target that has more than one reading nothing is stored. */
function targetOf(request: FastifyRequest): string | undefined {
  const verdict = parseTarget(request.raw.url ?? '', request.headers.host ?? request.host)
  return verdict.kind === 'target' ? verdict.path + verdict.query : undefined
}

/** A handler that runs for HEAD may answer otherwise than for GET: what it says is never stored. */
function factsOf(request: FastifyRequest, target: string, policy: ResolvedRouteCache): CacheRequest {
  const fields = request.raw.headers as Fields
  const facts = {
    method: request.method,
    scheme: request.protocol,
    authority: publicAuthority(request),
    target,
    fields,
    upstream: OWN_HANDLERS,
    hasBody: hasContent(request.raw),
    private: false
  }
  const tests = evaluateTests(policy, request, fields)
  return { ...facts, ...tests, noStore: request.method === 'HEAD' || tests?.noStore === true }
}

interface Asked {
  readonly facts: CacheRequest
  readonly call: CallHandler
}

/** Only ever rejects: by that Fastify's own way with errors begins, and what is sent is sent here. */
function answered(own: OwnExchange, cache: OwnCache, asked: Asked): Promise<never> {
  watchClient(own)
  return new Promise((_, reject) => {
    respond(own, cache, asked)
      .then((answer) => {
        if (own.running !== undefined) {
          own.running.leave()
          own.takeBack()
        }
        send(own, cache, answer)
      })
      .catch((error) => fail(own, error, reject))
  })
}

function watchClient({ request, reply, abort }: OwnExchange): void {
  reply.raw.once('close', () => {
    if (isAborted({ request, reply, tunnel: undefined })) abort.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
  })
}

function respond(own: OwnExchange, { route, policy, ahead }: OwnCache, asked: Asked): Promise<CacheAnswer> {
  const { request, abort } = own
  const { facts, call } = asked
  const patienceMs = policy.lock?.ageMs ?? PATIENCE_MS
  const fetch: CacheCall['fetch'] = (wanted) => runHandler(own, { call, asked: wanted, patienceMs })
  const upstream = { method: facts.method, path: facts.target, fields: facts.fields, body: null }
  return route.respond(facts, upstream, {
    fetch,
    abort,
    now: Date.now,
    background: () => new Abort(),
    log: request.log,
    ahead
  })
}

/** The app's error handler has the word; who waited for another's handler gets that one's error and status. */
function fail(own: OwnExchange, reason: unknown, reject: (error: unknown) => void): void {
  const { reply, running } = own
  const status = thrownStatus(reason)
  const error = status === undefined ? reason : (reason as { error: unknown }).error
  if (error === ANSWERED_ITSELF || (isSluiceError(error) && error.code === 'SLUICE_CLIENT_CLOSED')) return
  if (running !== undefined) running.leave()
  else if (status !== undefined) reply.code(status)
  reject(error)
}

function send(own: OwnExchange, { policy, sendTimeout }: OwnCache, { response, outcome }: CacheAnswer): void {
  const { reply, request } = own
  const { body, status, fields } = response
  own.outcome = outcome
  if (reply.sent || hasClosed(reply.raw as Closable)) {
    discard(body)
    return
  }
  own.begin(body, sendTimeout)
  setContext(request, sendContext(contextOf(request)))
  reply.code(status)
  for (const name in fields) setField(reply, name, fields[name] as string | string[])
  if (policy.statusHeader !== false) reply.header(policy.statusHeader, outcome.word)
  appendField(reply, 'cache-status', outcome.cacheStatus)
  if (request.method === 'HEAD') sendNothing(reply, body)
  else sendBody(own, response)
}

const sendContext = perContext((context) =>
  contextWith(context, {
    errorHandler: handlerBefore(context.errorHandler, takeBackAnswer),
    onSend: [...(context.onSend ?? []), alteredHook, wholeHook]
  })
)

/** Fastify's error handler takes over from a clean reply, with nothing on it of an answer that never came. */
function takeBackAnswer(error: Error, { sluice }: FastifyRequest): never {
  ;(sluice as OwnExchange).takeBack()
  throw error
}

/** What a hook of the app has set gives way to the handler, as on any route of the app; X-Accel-* and tags were said to us. */
function setField(reply: FastifyReply, name: string, value: string | string[]): void {
  if (name.startsWith('x-accel-') || TAG_FIELDS.includes(name)) return
  if (name === 'set-cookie' || name === 'vary') appendField(reply, name, value)
  else reply.header(name, value)
}

/** Fastify's own HEAD routes call no content `content-length: 0`, but leave the length alone where there is a stream. */
function sendNothing(reply: FastifyReply, body: CacheAnswer['response']['body']): void {
  discard(body)
  reply.send(Readable.from([], { objectMode: false }))
}
