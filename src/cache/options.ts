// What a user may say about caching, per route (proxy_cache*) and per zone (proxy_cache_path), and its resolved form.
import { optionError } from '../errors'
import { DEFAULT_MAX_RANGES } from '../http/range'
import { type Duration, durationMs, type Size, sizeBytes } from '../units'
import { TARGETED } from './directives'
import type { UseStale } from './reuse'

/** A test on the request: a function of the Fastify request, or field names of which one is there and not `0`. */
export type RequestTest = ((request: never) => boolean) | readonly string[]

/** Who may send PURGE: rules as of `access`; who is in none of them may not. */
export interface PurgeOptions {
  readonly access: readonly ({ readonly allow: string } | { readonly deny: string })[]
}

/** `cache` of a route: the name of a zone is short for `{ zone }`. */
export interface CacheOptions {
  /** Name in `caches` (`proxy_cache`). */
  readonly zone: string
  /** Key of the stored response in place of scheme, authority, path and query; the upstream's name stays part of it (`proxy_cache_key`). */
  readonly key?: (request: never) => string
  /** Methods answered from the cache (`proxy_cache_methods`). @default ['GET', 'HEAD'] */
  readonly methods?: readonly ('GET' | 'HEAD')[]
  /**
   * How long a response is fresh when the origin says nothing, by status; one duration stands for 200, 301 and 302
   * (`proxy_cache_valid`); `any` leaves out what answers the form of one request: 400, 401, 405, 429, 431 … @default {}
   */
  readonly valid?: Duration | Readonly<Record<number | 'any', Duration>> | Readonly<Record<number, Duration>>
  /** When to serve a stale response beyond what the origin allows (`proxy_cache_use_stale`). @default [] */
  readonly useStale?: readonly UseStale[]
  /** Skips the lookup; the answer is stored all the same (`proxy_cache_bypass`). */
  readonly bypass?: RequestTest
  /** Stores nothing for this request (`proxy_no_cache`). */
  readonly noStore?: RequestTest
  /** Requests for a key before its response is stored (`proxy_cache_min_uses`). @default 1 */
  readonly minUses?: number
  /**
   * What a request's Cookie does where freshness comes from `valid` alone: `bypass` neither stores nor serves, `ignore` does both,
   * a list names the cookies that count. @default 'bypass'
   */
  readonly cookies?: 'bypass' | 'ignore' | readonly string[]
  /** One fetch per key: how long to wait for its head, and when a second one is allowed (`proxy_cache_lock*`). @default { timeout: '5s', age: '30s' } */
  readonly lock?: boolean | { readonly timeout?: Duration; readonly age?: Duration }
  /** How long past its freshness a response may stand in for an origin that cannot be reached. @default '1h' */
  readonly keep?: Duration
  /** Refreshes within stale-while-revalidate beside the request (`proxy_cache_background_update`). @default true */
  readonly background?: boolean
  /** Freshness of 10 % of the time since Last-Modified when nothing else is said, at most 1 day (RFC 9111 §4.2.2). @default true */
  readonly heuristics?: boolean
  /** Fields in place of Cache-Control, the first that is there and readable counts (RFC 9213). @default ['CDN-Cache-Control'] */
  readonly targeted?: readonly string[]
  /** Obeys no-cache, no-store, max-age, min-fresh and only-if-cached of clients. @default true */
  readonly requestDirectives?: boolean
  /** Field that tells the client the cache word; `false` sends none. @default 'X-Cache-Status' */
  readonly statusHeader?: string | false
  /** `normalize`: lists of Accept-Encoding and Accept-Language compare without order, case and spaces; `max`: variants kept per URL. */
  readonly vary?: { readonly normalize?: boolean; readonly max?: number }
  /** `store` keeps responses with Set-Cookie and replays the cookie to everyone: only for cookies that are the same for all. @default 'skip' */
  readonly setCookie?: 'skip' | 'store'
  /** Largest content stored for this route; the zone's limits hold as well. */
  readonly maxObject?: Size
  /** A Range with more ranges than this gets the whole (`max_ranges`); `1`: no multipart/byteranges, `0`: Range is ignored. @default 16 */
  readonly maxRanges?: number
  /** Takes the method PURGE from these addresses, in order; from no other (`proxy_cache_purge`). @default false */
  readonly purge?: false | PurgeOptions
}

/** `caches.NAME` (`proxy_cache_path`). */
export interface CacheZoneOptions {
  /** Memory for responses, content and fields (`keys_zone`). @default '64m' */
  readonly memory?: Size
  /** Largest content kept in memory. @default '1m' */
  readonly maxObject?: Size
  /** A disk tier behind the memory: directory, size that is never exceeded, and the age of the last use after which a response goes (off). */
  readonly disk?: { readonly path: string; readonly maxSize: Size; readonly inactive?: Duration }
  /** Part of every key, for example the app's release: a deploy does not serve the pages of the one before. */
  readonly version?: string
}

/** A route's cache policy, complete. `statusHeader` is in lower case. */
export interface ResolvedRouteCache {
  readonly zone: string
  readonly key: ((request: never) => string) | undefined
  readonly methods: ReadonlySet<string>
  /** Status → ms; key 0 stands for any other status. */
  readonly valid: ReadonlyMap<number, number>
  readonly useStale: ReadonlySet<UseStale>
  readonly bypass: RequestTest | undefined
  readonly noStore: RequestTest | undefined
  readonly minUses: number
  readonly cookies: 'bypass' | 'ignore' | readonly string[]
  readonly lock: { readonly timeoutMs: number; readonly ageMs: number } | undefined
  readonly keepMs: number
  readonly background: boolean
  readonly heuristics: boolean
  /** In lower case. */
  readonly targeted: readonly string[]
  readonly requestDirectives: boolean
  readonly statusHeader: string | false
  readonly vary: { readonly normalize: boolean; readonly max: number }
  readonly setCookie: 'skip' | 'store'
  readonly maxObjectBytes: number
  readonly maxRanges: number
  readonly purge: false | PurgeOptions
}

/** A zone's settings, complete. */
export interface ResolvedCacheZone {
  readonly memoryBytes: number
  readonly maxObjectBytes: number
  readonly disk: { readonly path: string; readonly maxBytes: number; readonly inactiveMs: number } | undefined
  readonly version: string
}

export { CACHE_SCHEMA, CACHE_ZONE_SCHEMA, ROUTE_CACHE_SCHEMA } from './schema'

/** A route's `cache` with all defaults applied; undefined = off. */
export function resolveRouteCache(
  options: false | string | CacheOptions,
  path: string
): ResolvedRouteCache | undefined {
  if (options === false) return undefined
  const cache: CacheOptions = typeof options === 'string' ? { zone: options } : options
  const { methods = ['GET', 'HEAD'], useStale = [], minUses = 1, cookies = 'bypass', lock = true } = cache
  const { background = true, heuristics = true, requestDirectives = true, setCookie = 'skip' } = cache
  const { statusHeader = 'X-Cache-Status', keep = '1h', vary: { normalize = true, max = 16 } = {} } = cache
  return {
    zone: cache.zone,
    key: cache.key,
    methods: new Set(methods),
    valid: resolveValid(cache.valid, `${path}.valid`),
    useStale: new Set(useStale),
    bypass: resolveTest(cache.bypass),
    noStore: resolveTest(cache.noStore),
    minUses,
    cookies,
    lock: resolveLock(lock, `${path}.lock`),
    keepMs: durationMs(keep, `${path}.keep`),
    background,
    heuristics,
    targeted: cache.targeted?.map((name) => name.toLowerCase()) ?? TARGETED,
    requestDirectives,
    statusHeader: statusHeader === false ? false : statusHeader.toLowerCase(),
    vary: { normalize, max },
    setCookie,
    maxObjectBytes: resolveMaxObject(cache.maxObject, `${path}.maxObject`),
    maxRanges: cache.maxRanges ?? DEFAULT_MAX_RANGES,
    purge: cache.purge ?? false
  }
}

/** A zone with all defaults applied. */
export function resolveCacheZone(options: CacheZoneOptions, path: string): ResolvedCacheZone {
  const memoryBytes = sizeBytes(options.memory ?? '64m', `${path}.memory`)
  const maxObjectBytes = sizeBytes(options.maxObject ?? '1m', `${path}.maxObject`)
  if (maxObjectBytes > memoryBytes) {
    throw optionError(`${path}.maxObject`, `larger than the memory of the zone (${options.memory ?? '64m'})`)
  }
  return {
    memoryBytes,
    maxObjectBytes,
    disk: resolveDisk(options.disk, `${path}.disk`),
    version: options.version ?? ''
  }
}

function resolveDisk(disk: CacheZoneOptions['disk'], path: string): ResolvedCacheZone['disk'] {
  if (disk === undefined) return undefined
  return {
    path: disk.path,
    maxBytes: sizeBytes(disk.maxSize, `${path}.maxSize`),
    inactiveMs: disk.inactive === undefined ? 0 : durationMs(disk.inactive, `${path}.inactive`)
  }
}

/** Answers to the request's own range or conditions. */
const NEVER_STORED: ReadonlySet<string> = new Set(['206', '304', '412', '416'])

function resolveValid(valid: CacheOptions['valid'], path: string): Map<number, number> {
  if (valid === undefined) return new Map()
  if (typeof valid === 'string') {
    const time = durationMs(valid, path)
    return new Map([200, 301, 302].map((status) => [status, time]))
  }
  const table = new Map<number, number>()
  for (const [status, duration] of Object.entries(valid)) {
    if (status !== 'any' && !/^[2-5]\d\d$/.test(status)) {
      throw optionError(`${path}.${status}`, `no status to store; use 200 to 599 or 'any'`)
    }
    if (NEVER_STORED.has(status)) throw optionError(`${path}.${status}`, 'is never stored')
    table.set(status === 'any' ? 0 : Number(status), durationMs(duration, `${path}.${status}`))
  }
  return table
}

function resolveMaxObject(size: Size | undefined, path: string): number {
  return size === undefined ? Number.POSITIVE_INFINITY : sizeBytes(size, path)
}

function resolveTest(test: RequestTest | undefined): RequestTest | undefined {
  return Array.isArray(test) ? test.map((name: string) => name.toLowerCase()) : test
}

function resolveLock(lock: NonNullable<CacheOptions['lock']>, path: string): ResolvedRouteCache['lock'] {
  if (lock === false) return undefined
  const { timeout = '5s', age = '30s' } = lock === true ? {} : lock
  return { timeoutMs: durationMs(timeout, `${path}.timeout`), ageMs: durationMs(age, `${path}.age`) }
}
