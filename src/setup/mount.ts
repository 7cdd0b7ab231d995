// Puts a Route into Fastify's router: its prefix for every method, its hooks around the app's, its place beside the app's own routes.
import { METHODS } from 'node:http'
import type {
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RouteOptions as FastifyRoute,
  FastifySchema,
  HTTPMethods
} from 'fastify'
import { PURGE } from '../cache/purge'
import { optionError } from '../errors'
import { alteredHook } from '../proxy/altered'
import { beginHook, type Logging, restoreContentType } from '../proxy/begin'
import { onRouteError } from '../proxy/error-page'
import { handle } from '../proxy/handler'
import { limitHook } from '../proxy/limit'
import { responseRulesHook } from '../proxy/response-rules'
import type { Route } from '../proxy/route'
import { wholeHook } from '../proxy/whole'
import { type ResolvedWebsocket, resolveWebsocket } from '../websocket/options'
import type { Upgrades } from '../websocket/upgrade'
import { CATCH_ALL } from './catch-all'
import { HOSTS } from './hosts'
import { methodsOf, takesPurge } from './places'
import type { Registry } from './registry'
import { type NamedRoute, optionAt } from './routes'
import { startLine } from './start-line'
import { giveBackHook, tunnelHook } from './tunnel'

/** Fastify's own timeout of a handler must not cut a streamed answer: the longest that a timer takes. */
const NO_HANDLER_TIMEOUT = 2 ** 31 - 1

/** The hooks of a route that come behind those which plugins of the app add to it as it is registered. */
const kLast = Symbol('sluice.last')

/** One route on its way into the router. */
export interface Mounting {
  readonly named: NamedRoute
  readonly route: Route
  readonly methods: readonly string[]
  /** URLs in the router's words. */
  readonly patterns: readonly string[]
  readonly logging: Logging
}

/**
 * Methods beyond Fastify's own are added to the app when a route names them. Mounts of earlier registrations get them too:
 * a guard on `/admin` must hold for PROPFIND as soon as a route on `/` takes it.
 */
export function addMethods(child: FastifyInstance, registry: Registry, routes: readonly NamedRoute[]): void {
  const known = new Set<string>(child.supportedMethods)
  const added = new Set<string>()
  for (const named of routes) {
    const wanted = [...methodsOf(named), ...(takesPurge(named) ? [PURGE] : [])]
    for (const method of wanted.filter((name) => !known.has(name))) {
      checkMethod(named, method)
      added.add(method)
    }
  }
  if (added.size === 0) return
  for (const method of added) child.addHttpMethod(method, { hasBody: true })
  for (const { extend } of registry.mounted) extend([...added])
}

/** Refuses what Node's server never hands out. */
export function checkMethod(named: NamedRoute, method: string): void {
  if (METHODS.includes(method) && method !== 'CONNECT') return
  const path = optionAt(named, `methods[${methodsOf(named).indexOf(method)}]`)
  throw optionError(path, `${JSON.stringify(method)} is no method that Node's server takes`)
}

/** To be called once for the instance of our routes: its own onRoute hook runs after all that it has inherited. */
export function keepLast(child: FastifyInstance): void {
  child.addHook('onRoute', (route) => {
    const { [kLast]: last } = route as { [kLast]?: never[] }
    if (last !== undefined) route.onSend = [...listOf(route.onSend), ...last] as never
  })
}

/** Registers the route for its share of methods and remembers how to mount it for more. */
export function mount(
  child: FastifyInstance,
  registry: Registry,
  { named, route, methods, patterns, logging }: Mounting
): void {
  const websocket = websocketOf(named, registry)
  const { upgrades, catchAll } = registry.parts
  if (route.name === '/') catchAll.noteMounted()
  const tunnel = tunnelHook(upgrades, websocket)
  const taken: string[] = []
  const begin = beginHook(route, logging)
  const limit = limitHook(route, child.log)
  const extend = (more: readonly string[]): void => {
    taken.push(...more)
    for (const url of patterns) {
      addRoute(
        child,
        fastifyRoute(child, named, { url, methods: more, route, upgrades, begin, limit, tunnel }),
        named
      )
    }
  }
  registry.mounts.push(route.mount)
  registry.mounted.push({ named, route, websocket, patterns, methods: taken, extend })
  extend(methods)
  child.log.info(startLine(named))
}

/** The route's `websocket`, checked; an upstream that is asked in HTTP/2 has no upgrade (RFC 9113 §8.6). */
export function websocketOf(named: NamedRoute, registry: Registry): ResolvedWebsocket {
  const { upstream } = named.options
  const websocket = resolveWebsocket(named.options.websocket, optionAt(named, 'websocket'))
  if (!websocket.enabled || typeof upstream !== 'string') return websocket
  const { protocol, name } = registry.upstreamFor(upstream, optionAt(named, 'upstream')).ref
  if (protocol === 'http1') return websocket
  throw optionError(
    optionAt(named, 'websocket'),
    `upstreams.${name}.protocol is '${protocol}', and WebSocket needs HTTP/1.1: name the same servers in a group without protocol for it`
  )
}

type Hook = (request: FastifyRequest, reply: FastifyReply, next: () => void) => void
interface Parts {
  readonly url: string
  readonly methods: readonly string[]
  readonly route: Route
  readonly upgrades: Upgrades
  readonly begin: Hook
  readonly limit: Hook
  readonly tunnel: Hook
}

function fastifyRoute(
  child: FastifyInstance,
  { options }: NamedRoute,
  { url, methods, route, upgrades, begin, limit, tunnel }: Parts
): FastifyRoute & { [kLast]: unknown } {
  const timed = (child.initialConfig as { handlerTimeout?: number }).handlerTimeout ?? 0
  const { preParsing, preValidation } = options
  return {
    method: methods as HTTPMethods[],
    // Fastify puts the prefix of the plugin that registers before it.
    url: url.slice(child.prefix.length),
    constraints: {
      ...options.constraints,
      ...(options.hosts && { [HOSTS]: options.hosts }),
      ...(url === '/*' && { [CATCH_ALL]: 'edge' })
    },
    config: { ...options.config },
    exposeHeadRoute: false,
    ...(timed > 0 && { handlerTimeout: NO_HANDLER_TIMEOUT }),
    onRequest: [giveBackHook(upgrades), begin, limit, ...listOf(options.onRequest)] as never,
    ...(preParsing !== undefined && { preParsing }),
    ...(preValidation !== undefined && { preValidation }),
    preHandler: [restoreHook, ...listOf(options.preHandler), tunnel] as never,
    [kLast]: [
      alteredHook,
      ...(route.headers.response.length > 0 ? [responseRulesHook(route)] : []),
      wholeHook
    ],
    // Lists of the app's routes (OpenAPI) would show every method of a catch-all.
    schema: { hide: true } as FastifySchema,
    errorHandler: onRouteError,
    handler: handle
  }
}

function listOf<T>(hooks: T | T[] | undefined): T[] {
  return hooks === undefined ? [] : ([hooks].flat() as T[])
}

function restoreHook(request: FastifyRequest, _reply: FastifyReply, next: () => void): void {
  restoreContentType(request)
  next()
}

function addRoute(child: FastifyInstance, route: FastifyRoute, named: NamedRoute): void {
  try {
    child.route(route)
  } catch (error) {
    if ((error as { code?: string }).code !== 'FST_ERR_DUPLICATED_ROUTE') throw error
    throw optionError(
      optionAt(named, named.options.path === undefined ? 'prefix' : 'path'),
      `there is already a route at ${route.url}: ${(error as Error).message}`
    )
  }
}
