// The options of the app's own routes: `app.sluice.cached` is checked where it is called, `reply.sluice` at the first use of its options.
import type { FastifyInstance, FastifyReply, RouteOptions as FastifyRoute } from 'fastify'
import { RouteCache } from '../cache/cache'
import { CACHE_SCHEMA, resolveRouteCache } from '../cache/options'
import { optionError, sluiceError } from '../errors'
import { segmentsOf } from '../http/target'
import type { ForwardOptions, OwnCacheOptions, RouteOptions } from '../options'
import type { Logging } from '../proxy/begin'
import { resolveTimeouts } from '../proxy/options'
import { forwardReply } from '../proxy/own-forward'
import { cachedHandler, type OwnCache, type OwnHandler } from '../proxy/own-route'
import type { Route } from '../proxy/route'
import { isServerUrl } from '../upstream/origin'
import { addSpill, HANDLER_AHEAD } from './buffering'
import { refusePitfalls } from './pitfalls'
import { takesPurge } from './places'
import type { Registry } from './registry'
import { resolveRoute } from './resolve'
import { routeSchema } from './schema'
import { validator } from './validate'

const CACHED = 'cached(…)'
const FORWARD = 'reply.sluice(…)'

/** A handler has no network: what it throws is one of the statuses. */
const NO_NETWORK = new Set(['error', 'timeout', 'invalid_header'])

/** What the clients of any route have by default. */
const CLIENT_MS = resolveTimeouts({}, '').client

const validateCached = validator({ anyOf: [{ type: 'string', minLength: 1 }, CACHE_SCHEMA] })

/** The handlers made here, for what is known of their routes later. */
const caches = new WeakMap<object, OwnCache>()

/** The handler behind a zone. Throws SLUICE_OPTIONS. */
export function cached<H>(registry: Registry, options: string | OwnCacheOptions, handler: H): H {
  validateCached(options, CACHED)
  if (typeof handler !== 'function') throw optionError(CACHED, 'needs the handler behind its options')
  if (typeof options !== 'string') refuseIdle(options)
  const policy = resolveRouteCache(options, CACHED)
  if (policy === undefined) throw optionError(CACHED, 'needs a zone')
  const own = { ...policy, background: false }
  const route = new RouteCache(registry.zone(own.zone, `${CACHED}.zone`), own)
  const sendTimeout = registry.sendTimeout(CLIENT_MS)
  const cache = { policy: own, route, ahead: HANDLER_AHEAD, sendTimeout }
  const wrapped = cachedHandler(cache, handler as unknown as OwnHandler)
  caches.set(wrapped, cache)
  return wrapped as unknown as H
}

/** Options that would do nothing for a handler. */
function refuseIdle(options: OwnCacheOptions): void {
  const { background, useStale = [] } = options as { background?: boolean; useStale?: readonly string[] }
  if (background !== undefined) {
    throw optionError(
      `${CACHED}.background`,
      'a handler runs for a request: the first one waits for it, others get the stale answer meanwhile'
    )
  }
  if ((options as { purge?: unknown }).purge) {
    throw optionError(`${CACHED}.purge`, 'the route takes the methods it was made for: call app.sluice.purge')
  }
  const index = useStale.findIndex((reason) => NO_NETWORK.has(reason))
  if (index === -1) return
  const problem =
    'does not happen to a handler; one that throws counts as http_500, or as the status of its error'
  throw optionError(`${CACHED}.useStale[${index}]`, `${JSON.stringify(useStale[index])} ${problem}`)
}

/** Looks at the route that such a handler is put on. */
function checkOwnRoute({ handler, method, constraints = {} }: FastifyRoute): void {
  const cache = caches.get(handler)
  if (cache === undefined) return
  if (![method].flat().some((one) => cache.route.handles(one) && (one === 'GET' || one === 'HEAD')))
    throw optionError(CACHED, `nothing that ${[method].flat().join(', ')} is answered with is ever stored`)
  const names = Object.keys(constraints).filter((name) => name !== 'host')
  if (names.length === 0 || cache.policy.key !== undefined) return
  throw optionError(
    `${CACHED}.key`,
    `the route is chosen by ${names.join(', ')}, which is no part of the key: give a function that names it`
  )
}

/** What of a route's options has a meaning where the app's own route mounts and guards. */
const FORWARD_OPTIONS: Readonly<Record<keyof ForwardOptions, true>> = {
  rewritePrefix: true,
  headers: true,
  forwarded: true,
  timeouts: true,
  retry: true,
  buffering: true,
  bodyLimit: true,
  cache: true,
  securityHeaders: true,
  altSvc: true,
  errorPages: true,
  interceptErrors: true,
  rewriteLocation: true,
  cookies: true
}

const forwardProperties = Object.fromEntries(
  Object.entries(routeSchema.properties).filter(([name]) => name in FORWARD_OPTIONS)
)

const validateForward = validator({
  type: 'object',
  additionalProperties: false,
  properties: forwardProperties
})

/** More than these nobody has written: they are made of requests. */
const MANY = 1000

/** The decorator `reply.sluice` over a server's registry. */
function forwarder(registry: Registry, isLogDisabled: Logging['isLogDisabled']) {
  const routes = new ForwardRoutes(registry)
  return function (this: FastifyReply, upstream: string, options?: ForwardOptions): FastifyReply {
    return forwardReply(this, routes.find(this, upstream, options), isLogDisabled)
  }
}

const NO_OPTIONS: ForwardOptions = Object.freeze({})

/** Every route that `reply.sluice` has been called for: resolved once for each options object, upstream and route of the app. */
class ForwardRoutes {
  readonly #registry: Registry
  readonly #routes = new WeakMap<ForwardOptions, Map<string, Route>>()
  #made = 0

  constructor(registry: Registry) {
    this.#registry = registry
  }

  find(reply: FastifyReply, upstream: string, options: ForwardOptions = NO_OPTIONS): Route {
    const { url = '' } = reply.request.routeOptions
    const key = `${url} ${upstream}`
    const known = this.#routes.get(options)?.get(key)
    if (known !== undefined) return known
    try {
      const made = this.#make(reply, upstream, options)
      const routes = this.#routes.get(options) ?? new Map<string, Route>()
      this.#routes.set(options, routes.set(key, made))
      return made
    } catch (error) {
      reply.log.error({ err: error }, (error as Error).message)
      throw sluiceError('SLUICE_INTERNAL', { detail: (error as Error).message })
    }
  }

  #make(reply: FastifyReply, upstream: string, options: ForwardOptions): Route {
    this.#made += 1
    if (this.#made === MANY) {
      const text =
        'options that are made anew for each request are checked for each: make them once, outside the handler'
      reply.server.log.warn(`${FORWARD}: ${text}`)
    }
    const { upstreams } = this.#registry
    const isNew = upstreams.size >= MANY && !upstreams.has(upstream)
    if (isNew && [...upstreams.keys()].filter(isServerUrl).length >= MANY)
      throw optionError(FORWARD, 'has had a thousand different URLs: give the servers a name in `upstreams`')
    return resolveForward(this.#registry, reply, { upstream, options })
  }
}

function resolveForward(
  registry: Registry,
  { request }: FastifyReply,
  { upstream, options }: { readonly upstream: string; readonly options: ForwardOptions }
): Route {
  if (typeof upstream !== 'string') throw optionError(FORWARD, 'needs the name of an upstream, or a URL')
  refuseMounting(options)
  validateForward(options, FORWARD)
  const { url: pattern = '/', bodyLimit } = request.routeOptions
  const url = fixedPart(pattern)
  const own = { ...options, upstream } as RouteOptions
  const named = { options: own, own, path: FORWARD, url }
  refusePitfalls(named)
  if (takesPurge(named)) throw optionError(`${FORWARD}.cache.purge`, 'goes with a mounted route')
  addSpill(named, registry.spills, registry.app.log)
  const around = { registry, bodyLimit, limiter: undefined, allow: '' }
  const route = resolveRoute(named, around)
  return { ...route, name: pattern, mount: mountOf(pattern) }
}

/** What a mounted route says beside what it does. */
function refuseMounting(options: ForwardOptions): void {
  const stray = Object.keys(options).find(
    (key) => key in routeSchema.properties && !(key in forwardProperties)
  )
  if (stray === undefined) return
  throw optionError(
    `${FORWARD}.${stray}`,
    `goes with a mounted route; here the app's own route stands for it. Known: ${Object.keys(forwardProperties).join(', ')}`
  )
}

/** `/files` of `/files/:id/*`: what `rewritePrefix` replaces. */
function fixedPart(pattern: string): string {
  const segments = segmentsOf(pattern)
  const first = segments.findIndex((segment) => /[:*]/.test(segment))
  return `/${(first === -1 ? segments : segments.slice(0, first)).join('/')}`
}

function mountOf(pattern: string): Route['mount'] {
  const segments = segmentsOf(pattern).filter((segment) => segment !== '*')
  return { segments, exact: !pattern.endsWith('*') }
}

/** Once per context of the app that registers. */
export function decorateOwn(
  app: FastifyInstance,
  registry: Registry,
  isLogDisabled: Logging['isLogDisabled']
): void {
  app.decorateReply('sluice', forwarder(registry, isLogDisabled))
  app.addHook('onRoute', checkOwnRoute)
}
