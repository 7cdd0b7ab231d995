// `app.sluice.routes()`, as `nginx -T`: each route with everything that is in force, as options would say it.
import type { ResolvedRouteCache } from '../cache/options'
import { resolveAuthRequest, resolveConcurrency } from '../guard/options'
import type { RouteOptions } from '../options'
import { resolveBuffering } from '../proxy/buffering'
import type { ResolvedHeaders } from '../proxy/options'
import type { ResolvedRetry } from '../proxy/retry-options'
import type { Route } from '../proxy/route'
import { resolveRateLimit } from '../rate-limit/options'
import { resolveStatic, type StaticOptions } from '../static/options'
import { formatDuration, formatSize } from '../units'
import type { ResolvedWebsocket } from '../websocket/options'
import type { CatchAll } from './catch-all'
import { plain } from './plain'
import type { Mounted } from './registry'

/** One route of `app.sluice.routes()`. It can be made JSON. */
export interface ShownRoute {
  /** Prefix or path. */
  readonly route: string
  /** Where it was written, such as `routes[2]`; empty for a flat registration. */
  readonly option: string
  /** URLs in the router's words. */
  readonly patterns: readonly string[]
  /** Null = every host. */
  readonly hosts: readonly string[] | null
  /** All methods that lead to it. */
  readonly methods: readonly string[]
  /** Methods that it takes; the others get 405. */
  readonly allow: readonly string[]
  /** Methods for which a catch-all of the app answers in its place. */
  readonly appAnswers: readonly string[]
  /** Everything in force, defaults applied; `[function name]` stands for a function, null for what is not there. */
  readonly options: Readonly<Record<string, unknown>>
}

const HOOKS = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const

/** A route as it is in force. */
export function showRoute(mounted: Mounted, catchAll: CatchAll): ShownRoute {
  const { named, route, patterns, methods } = mounted
  const isCatchAll = patterns.includes('/*')
  return {
    route: route.name,
    option: named.path,
    patterns: [...patterns],
    hosts: named.options.hosts ?? null,
    methods: [...methods],
    allow: route.allow.split(', '),
    appAnswers: isCatchAll ? methods.filter((method) => catchAll.derive(method) === undefined) : [],
    options: plain(inForce(mounted)) as ShownRoute['options']
  }
}

/** Every option of a route, in the order of the documentation; its place and hosts are beside it. */
function inForce({ named: { options }, route, websocket }: Mounted): object {
  return {
    constraints: options.constraints ?? {},
    config: options.config ?? {},
    ...Object.fromEntries(HOOKS.map((hook) => [hook, [options[hook] ?? []].flat()])),
    upstream: options.upstream,
    rewritePrefix: route.rewrite?.to,
    headers: showHeaders(route.headers),
    forwarded: route.forwarded,
    timeouts: showTimeouts(route),
    retry: showRetry(route.retry),
    buffering: showBuffering(options.buffering),
    bodyLimit: route.bodyLimit === 0 ? false : formatSize(route.bodyLimit),
    cache: route.cache === null ? false : showCache(route.cache.policy),
    websocket: websocket.enabled && showWebsocket(websocket, options),
    ...showGuards(options),
    static: options.static ? showStatic(options.static) : false,
    securityHeaders:
      route.security !== null && Object.fromEntries([...route.security.always, ...route.security.tlsOnly]),
    altSvc: route.altSvc ?? false,
    errorPages: options.errorPages ?? {},
    interceptErrors: options.interceptErrors ?? [],
    rewriteLocation: route.rewriteLocation,
    cookies: options.cookies,
    redirect: route.redirect
  }
}

function showHeaders({ host, request, response, hidden }: ResolvedHeaders): object {
  return {
    host: typeof host === 'object' ? host.text : host,
    request: Object.fromEntries(request),
    response: Object.fromEntries(response),
    hide: hidden
  }
}

function showBuffering(option: RouteOptions['buffering']): object | false | 'auto' {
  const { on, memoryBytes, spill } = resolveBuffering(option, '')
  if (!on || typeof option !== 'object') return on && 'auto'
  return {
    memory: formatSize(memoryBytes),
    spill: spill !== undefined && { path: spill.path, maxSize: formatSize(spill.maxBytes) }
  }
}

function showTimeouts({ timeouts }: Pick<Route, 'timeouts'>): object {
  return Object.fromEntries(Object.entries(timeouts).map(([name, ms]) => [name, durationOrOff(ms)]))
}

function showRetry({ on, max, timeoutMs, budget, backoff }: ResolvedRetry): object | false {
  if (on.size === 0) return false
  return {
    on,
    tries: max,
    timeout: durationOrOff(timeoutMs),
    budget: budget ?? false,
    backoff: backoff !== null && { base: formatDuration(backoff.baseMs), max: formatDuration(backoff.maxMs) }
  }
}

function showCache(policy: ResolvedRouteCache): object {
  const { valid, lock, keepMs, maxObjectBytes, ...rest } = policy
  return {
    ...rest,
    valid: Object.fromEntries(
      [...valid].map(([status, ms]) => [status === 0 ? 'any' : status, formatDuration(ms)])
    ),
    lock: lock !== undefined && { timeout: formatDuration(lock.timeoutMs), age: formatDuration(lock.ageMs) },
    keep: formatDuration(keepMs),
    maxObject: Number.isFinite(maxObjectBytes) ? formatSize(maxObjectBytes) : null
  }
}

function showWebsocket(websocket: ResolvedWebsocket, { websocket: given }: RouteOptions): object {
  return {
    idleTimeout: formatDuration(websocket.idleTimeoutMs),
    allowedOrigins: typeof given === 'object' ? given.allowedOrigins : undefined,
    maxConnections: websocket.maxConnections,
    closeGrace: formatDuration(websocket.closeGraceMs)
  }
}

/** The rate stays in the user's own words. */
function showGuards(options: RouteOptions): object {
  const rates = [options.rateLimit || []].flat() as readonly { rate: string }[]
  const auth = resolveAuthRequest(options.authRequest, '')
  return {
    access: options.access ?? false,
    rateLimit: resolveRateLimit(options.rateLimit, '').map(({ burst, delay, key, status }, index) => ({
      rate: rates[index]?.rate,
      burst,
      delay: Number.isFinite(delay) ? delay : false,
      key,
      status
    })),
    concurrency: resolveConcurrency(options.concurrency) ?? false,
    authRequest: auth !== undefined && {
      upstream: auth.upstream,
      path: auth.path,
      copyHeaders: auth.copyFields,
      timeout: formatDuration(auth.timeoutMs),
      onError: auth.onError
    }
  }
}

function showStatic(options: StaticOptions): object {
  const { root, index, dotfiles, codings, symlinks, maxRanges, memoryBytes, rules } = resolveStatic(
    options,
    ''
  )
  return {
    root,
    match: options.match,
    expires: options.expires ?? 'off',
    immutable: options.immutable ?? false,
    index,
    tryFiles: options.tryFiles ?? (index === false ? ['$uri'] : ['$uri', '$uri/']),
    dotfiles,
    precompressed: codings,
    missing: rules.at(-1)?.missing,
    symlinks,
    maxRanges,
    memory: memoryBytes > 0 && formatSize(memoryBytes),
    rules: options.rules ?? []
  }
}

function durationOrOff(ms: number): string | false {
  return ms > 0 && formatDuration(ms)
}
