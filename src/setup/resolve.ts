// From a route's options, merged with the defaults, to the Route that requests meet. Everything is decided here, once.

import type { FastifyRequest } from 'fastify'
import { RouteCache } from '../cache/cache'
import { resolveRouteCache } from '../cache/options'
import { TAG_FIELDS } from '../cache/tags'
import { optionError } from '../errors'
import { compileAccess } from '../guard/access'
import { createAuth } from '../guard/auth'
import { createConcurrency } from '../guard/concurrency'
import {
  type ResolvedAuthRequest,
  resolveAccess,
  resolveAuthRequest,
  resolveConcurrency
} from '../guard/options'
import { resolveForwarded } from '../http/forwarded'
import { segmentsOf } from '../http/target'
import type { RouteOptions } from '../options'
import { resolveAltSvc } from '../proxy/alt-svc'
import { clientKey } from '../proxy/balance'
import { readErrorPages } from '../proxy/error-page'
import { forward } from '../proxy/forward'
import { sendFileBytes } from '../proxy/handler'
import { resolveHeaders, resolveTimeouts } from '../proxy/options'
import { cookieRewrite } from '../proxy/response'
import { resolveRetry } from '../proxy/retry-options'
import type { ChooseUpstream, Guards, Route } from '../proxy/route'
import { resolveSecurityHeaders } from '../proxy/security'
import { pointOf, resolveSplitKey, type SplitOptions, shareAt } from '../proxy/split'
import type { RateLimiter } from '../rate-limit/hook'
import { resolveRateLimit } from '../rate-limit/options'
import { createStatic } from '../static/handler'
import { resolveStatic } from '../static/options'
import { sizeBytes } from '../units'
import { bufferingOf } from './buffering'
import { refuseOtherBackend } from './pitfalls'
import { methodsOf } from './places'
import { purgeZones } from './purge'
import type { Registry } from './registry'
import { type Attempt, atOnce, type NamedRoute, optionAt } from './routes'

/** Content-Length up to which a body is sent whole. */
const WHOLE_BODY_BYTES = 64 * 1024

/** What a route is resolved in. */
export interface Surroundings {
  readonly registry: Registry
  /** The app's own limit of a request body. */
  readonly bodyLimit: number
  /** There when a route has limits. */
  readonly limiter: Pick<RateLimiter, 'forRoute'> | undefined
  /** One that goes on after an error leaves gaps in the route: it is good for nothing but its errors. */
  readonly attempt?: Attempt
}

/** Throws SLUICE_OPTIONS with the option's path. */
export function resolveRoute(named: NamedRoute, around: Surroundings & { readonly allow: string }): Route {
  const { options, url, path: place } = named
  const { registry, attempt = atOnce } = around
  const part = <T>(step: () => T): T => attempt(step) as T
  const path = place === '' ? '' : `${place}.`
  const segments = segmentsOf(url)
  const target = part(() => resolveUpstreamOption(options, path, registry))
  const timeouts = part(() => resolveTimeouts(options.timeouts ?? {}, `${path}timeouts`))
  const auth = part(() => resolveAuthRequest(options.authRequest, `${path}authRequest`))
  const to = options.rewritePrefix ?? target?.rewrite
  attempt(() => refuseOtherBackend(named, (name) => registry.upstreams.has(name)))
  return {
    name: url,
    optionPrefix: path,
    mount: { segments, exact: options.path !== undefined },
    mounts: registry.mounts,
    methods: options.methods === undefined ? null : new Set(methodsOf(named)),
    allow: around.allow,
    headers: part(() =>
      resolveHeaders(options.headers ?? {}, `${path}headers`, options.cache ? TAG_FIELDS : [])
    ),
    forwarded: resolveForwarded(options.forwarded),
    timeouts,
    // Without `timeouts` in an attempt that goes on after an error.
    sendTimeout: registry.sendTimeout(timeouts?.client ?? 0),
    retry: part(() => resolveRetry(options.retry, `${path}retry`)),
    collect: options.buffering === false ? 0 : WHOLE_BODY_BYTES,
    buffering: part(() => bufferingOf(named, registry.spills)),
    bodyLimit: part(() => resolveBodyLimit(options.bodyLimit, `${path}bodyLimit`, around)),
    security: part(() => resolveSecurityHeaders(options.securityHeaders, `${path}securityHeaders`)),
    altSvc: part(() => resolveAltSvc(options.altSvc, `${path}altSvc`)),
    errorPages: part(() => resolveErrorPages(options, path)),
    rewrite:
      to === undefined
        ? null
        : { segments: segments.length, to: part(() => checkRewrite(to, `${path}rewritePrefix`)) },
    rewriteLocation: options.rewriteLocation ?? true,
    cookies: options.cookies === undefined ? null : cookieRewrite(options.cookies),
    redirect: part(() => resolveRedirect(options, path)),
    guards: part(() => resolveGuards(named, auth, around)),
    authNames: auth?.copyFields ?? new Set(),
    static: part(() => resolveStaticOption(options, path)),
    cache: part(() => resolveCacheOption(options, path, registry)),
    purge: part(() => resolvePurge(options, path, registry)),
    // What is redirected goes nowhere else, a handshake neither.
    upstream: options.redirect === undefined ? target?.choose : null,
    viaId: registry.viaId
  }
}

function resolveStaticOption({ static: files }: RouteOptions, path: string): Route['static'] {
  return files ? createStatic(resolveStatic(files, `${path}static`), { send: sendFileBytes }) : null
}

interface Chosen {
  readonly choose: ChooseUpstream | null
  readonly rewrite: string | undefined
}

function resolveUpstreamOption({ upstream }: RouteOptions, path: string, registry: Registry): Chosen {
  if (upstream === undefined) return { choose: null, rewrite: undefined }
  if (typeof upstream === 'function') return { choose: chooserOf(upstream, registry), rewrite: undefined }
  if (typeof upstream === 'object') {
    return { choose: splitterOf(upstream, `${path}upstream`, registry), rewrite: undefined }
  }
  const { ref, rewrite } = registry.upstreamFor(upstream, `${path}upstream`)
  return { choose: () => ref, rewrite }
}

function splitterOf(options: SplitOptions, path: string, registry: Registry): ChooseUpstream {
  const key = resolveSplitKey(options, path)
  const shares = options.split.map(({ upstream, weight }, index) => {
    const at = `${path}.split[${index}].upstream`
    const { ref, rewrite } = registry.upstreamFor(upstream, at)
    if (rewrite !== undefined) throw optionError(at, 'has a path; put it into rewritePrefix')
    return { ref, weight }
  })
  return (request) => {
    const text = key === undefined ? '' : clientKey(key, request, 'upstream.key')
    const index = shareAt(shares, text === '' ? Math.random() : pointOf(text))
    return (shares[index] as (typeof shares)[number]).ref
  }
}

function chooserOf(
  choose: (request: FastifyRequest) => string | Promise<string>,
  registry: Registry
): ChooseUpstream {
  return (request) => {
    const name = choose(request)
    return typeof name === 'string'
      ? registry.upstreamNamed(name)
      : Promise.resolve(name).then((late) => registry.upstreamNamed(late))
  }
}

function resolveCacheOption({ cache }: RouteOptions, path: string, registry: Registry): Route['cache'] {
  if (cache === undefined) return null
  const policy = resolveRouteCache(cache, `${path}cache`)
  if (policy === undefined) return null
  return { policy, route: new RouteCache(registry.zone(policy.zone, `${path}cache`), policy) }
}

function resolvePurge({ cache }: RouteOptions, path: string, registry: Registry): Route['purge'] {
  if (typeof cache !== 'object' || !cache.purge) return null
  const zone = registry.zone(cache.zone, `${path}cache`)
  return {
    access: compileAccess(cache.purge.access, `${path}cache.purge.access`),
    run: (of) => purgeZones(registry, [zone], { of, soft: false })
  }
}

function resolveGuards(
  named: NamedRoute,
  auth: ResolvedAuthRequest | undefined,
  { registry, limiter }: Surroundings
): Guards {
  const { options, path: place } = named
  const path = place === '' ? '' : `${place}.`
  const limits = resolveRateLimit(options.rateLimit, `${path}rateLimit`)
  const concurrency = resolveConcurrency(options.concurrency)
  return {
    access: resolveAccess(options.access, `${path}access`) ?? null,
    rateLimits: limits.length === 0 ? null : (limiter?.forRoute(limitName(named), limits) ?? null),
    concurrency: concurrency === undefined ? null : createConcurrency(concurrency),
    auth: auth === undefined ? null : authGuard(auth, named, registry),
    byAddress: limits.some(({ key }) => key === 'ip') || concurrency?.key === 'ip'
  }
}

/** The same in every process, and different for routes that share a path. */
function limitName({ url, options: { hosts = [], methods = [], constraints = {} } }: NamedRoute): string {
  const constrained = Object.entries(constraints).map((each) => JSON.stringify(each))
  return [url, ...hosts, ...methods, ...constrained].join(' ')
}

function authGuard(resolved: ResolvedAuthRequest, named: NamedRoute, registry: Registry): Guards['auth'] {
  const place = optionAt(named, 'authRequest.upstream')
  const { ref, rewrite } = registry.upstreamFor(resolved.upstream, place)
  if (rewrite !== undefined) throw optionError(place, 'has a path; put it into authRequest.path')
  const destination = {
    upstream: ref.group,
    timeouts: resolveTimeouts(named.options.timeouts ?? {}, optionAt(named, 'timeouts')),
    retry: resolveRetry(undefined, ''),
    collect: WHOLE_BODY_BYTES
  }
  return {
    upstream: ref,
    ask: createAuth(resolved, (request, abort, wish) =>
      forward(request, { ...destination, wish, tries: [] }, abort)
    )
  }
}

function resolveErrorPages(
  { errorPages, interceptErrors = [] }: RouteOptions,
  path: string
): Route['errorPages'] {
  const statuses = Object.keys(errorPages ?? {})
  const stray = interceptErrors.findIndex(
    (listed) => !statuses.some((status) => meets(String(listed), status))
  )
  if (stray !== -1) {
    const listed = interceptErrors[stray]
    throw optionError(`${path}interceptErrors[${stray}]`, `there is no page for ${listed} in errorPages`)
  }
  return errorPages === undefined ? null : readErrorPages(errorPages, interceptErrors, `${path}errorPages`)
}

/** Whether a listed status or class and that of a page have a status in common. */
function meets(listed: string, page: string): boolean {
  return listed === page || (listed[0] === page[0] && (listed.endsWith('xx') || page.endsWith('xx')))
}

function resolveRedirect({ redirect }: RouteOptions, path: string): Route['redirect'] {
  if (redirect === undefined) return null
  const { to, status = 308 } = redirect
  if (/^[\x21-\x7e]+$/.test(to)) return { to, status }
  throw optionError(`${path}redirect.to`, `${JSON.stringify(to)} is no URL; escape what is not ASCII`)
}

function resolveBodyLimit(
  limit: RouteOptions['bodyLimit'],
  path: string,
  { bodyLimit }: Surroundings
): number {
  if (limit === false) return 0
  return limit === undefined ? bodyLimit : sizeBytes(limit, path)
}

function checkRewrite(to: string, path: string): string {
  if (!/^\/[^?#\s\\]*$/.test(to))
    throw optionError(path, `${JSON.stringify(to)} is not a path; it starts with "/" and has no query`)
  return to
}
