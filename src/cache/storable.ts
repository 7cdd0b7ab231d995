// Whether a response may be stored (RFC 9111 §3), and what of it. Every doubt is a no with a reason. PURE.
import { formatHttpDate, parseHttpDate } from '../http/date'
import { fieldLines, firstLine, trimOws } from '../http/fields'
import type { Fields } from '../http/message'
import { type EffectiveDirectives, effectiveDirectives, parseCacheControl } from './directives'
import { heuristicLifetimeMs } from './freshness'
import { varyNames } from './key'

/** What the cache's rules need to know of a request. */
export interface CacheFacts {
  /** As it is sent to the upstream: a HEAD miss that is fetched as GET is a GET here. */
  readonly method: string
  /** The client's own fields. */
  readonly fields: Fields
  readonly hasBody: boolean
  /** It carries fields from an auth server: counts as Authorization. */
  readonly private: boolean
}

/** The route's `valid`: status → ms; the key 0 stands for `any`. */
export type ValidTable = ReadonlyMap<number, number>

/** What the route decides about storing. */
export interface StorePolicy {
  readonly valid: ValidTable
  /** Which cookies of the request keep an answer out of the cache when its origin did not say that it is shared. */
  readonly cookies: 'bypass' | 'ignore' | readonly string[]
  readonly heuristics: boolean
  /** Names of targeted fields (RFC 9213), in lower case. */
  readonly targeted: readonly string[]
  readonly setCookie: 'skip' | 'store'
  /** False: the client's no-store is ignored. */
  readonly requestDirectives?: boolean
}

/** Why a response is not stored; goes to the log and to Cache-Status. */
export type StoreRefusal =
  | 'method'
  | 'body'
  | 'request-no-store'
  | 'status'
  | 'set-cookie'
  | 'malformed'
  | 'must-understand'
  | 'no-store'
  | 'private'
  | 'vary'
  | 'authorization'
  | 'cookie'
  | 'valid-zero'
  | 'no-cache'
  | 'no-freshness'

/** `validForMs` is there when the lifetime is the route's own: it becomes `StoredHead.validFor`. */
export type StoreDecision = { store: true; validForMs?: number } | { store: false; reason: StoreRefusal }

interface Answer {
  readonly status: number
  readonly fields: Fields
}

/** Final statuses whose caching this cache implements (must-understand, §5.2.2.3). */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 405, 406, 407, 408,
  409, 410, 411, 413, 414, 415, 417, 421, 422, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 511
])

/** Answers to the request's own range or conditions, which are no part of the key. */
const PARTIAL: ReadonlySet<number> = new Set([206, 304, 412, 416])

/**
 * Answers to the form of one request (too long, an odd field, a method override) rather than to its URL: `any` leaves them out, or one
 * client's broken request would be every client's page. Named in `valid`, or by the origin's own word, they are stored.
 */
const REQUEST_FAULTS: ReadonlySet<number> = new Set([
  400, 401, 405, 406, 407, 408, 411, 413, 414, 415, 417, 421, 422, 426, 428, 429, 431, 501, 505
])

/** Decides for the answer to a request, received at `now`. */
export function storable(
  request: CacheFacts,
  response: Answer,
  policy: StorePolicy,
  now: number
): StoreDecision {
  const directives = effectiveDirectives(response.fields, now, policy.targeted)
  const reason =
    refusedByRequest(request, policy) ??
    refusedByResponse(response, directives, policy) ??
    refusedByPrivacy(request, directives, policy)
  if (reason !== undefined) return { store: false, reason }
  return directives.noCache ? validated(response, now) : timed(response, directives, policy, now)
}

/** The fields to keep: without those that `private="…"` and `no-cache="…"` name, and with a Date (RFC 9110 §6.6.1). */
export function storedFields(fields: Fields, receipt: number, targeted: readonly string[]): Fields {
  const { privateFields, noCacheFields } = effectiveDirectives(fields, receipt, targeted)
  const kept: Fields = Object.assign(Object.create(null), fields)
  for (const name of privateFields) delete kept[name]
  for (const name of noCacheFields) delete kept[name]
  kept.date ??= formatHttpDate(receipt)
  return kept
}

/** Whether the request has a cookie that makes its answer personal under this policy. */
export function hasPersonalCookie(fields: Fields, cookies: StorePolicy['cookies']): boolean {
  if (cookies === 'ignore') return false
  const lines = fieldLines(fields, 'cookie')
  if (cookies === 'bypass') return lines.some((line) => trimOws(line) !== '')
  return lines.some((line) => line.split(';').some((pair) => cookies.includes(cookieName(pair))))
}

function refusedByRequest(request: CacheFacts, policy: StorePolicy): StoreRefusal | undefined {
  if (request.method !== 'GET') return 'method'
  // The content is not in the key: it could poison the answer for those who send none.
  if (request.hasBody) return 'body'
  if (policy.requestDirectives === false) return undefined
  return parseCacheControl(request.fields['cache-control']).noStore ? 'request-no-store' : undefined
}

function refusedByResponse(
  { status, fields }: Answer,
  directives: EffectiveDirectives,
  policy: StorePolicy
): StoreRefusal | undefined {
  if (status < 200 || PARTIAL.has(status)) return 'status'
  if (policy.setCookie === 'skip' && fieldLines(fields, 'set-cookie').length > 0) return 'set-cookie'
  if (directives.malformed) return 'malformed'
  if (directives.mustUnderstand && !UNDERSTOOD.has(status)) return 'must-understand'
  if (directives.noStore && !directives.mustUnderstand) return 'no-store'
  if (directives.private) return 'private'
  return varyNames(fields) === '*' ? 'vary' : undefined
}

function refusedByPrivacy(
  request: CacheFacts,
  directives: EffectiveDirectives,
  policy: StorePolicy
): StoreRefusal | undefined {
  const shared = directives.public || directives.sMaxage !== undefined || directives.mustRevalidate
  const credentials = request.private || fieldLines(request.fields, 'authorization').length > 0
  if (credentials && !shared) return 'authorization'
  // Also where only a validator would be kept: a personal page answers 304 to the next visitor just as well.
  const originSpoke = directives.lifetimeMs !== undefined || directives.public
  return !originSpoke && hasPersonalCookie(request.fields, policy.cookies) ? 'cookie' : undefined
}

function validated({ fields }: Answer, now: number): StoreDecision {
  return hasValidator(fields, now) ? { store: true } : { store: false, reason: 'no-cache' }
}

function timed(
  response: Answer,
  directives: EffectiveDirectives,
  policy: StorePolicy,
  now: number
): StoreDecision {
  if (directives.lifetimeMs === undefined) {
    const validForMs = routeLifetime(response.status, policy.valid)
    if (validForMs === 0) return { store: false, reason: 'valid-zero' }
    if (validForMs !== undefined) return { store: true, validForMs }
  }
  const guess = policy.heuristics ? heuristicLifetimeMs(response, directives.public, now) : undefined
  const lifetimeMs = directives.lifetimeMs ?? guess ?? 0
  const window = Math.max(directives.staleWhileRevalidate ?? 0, directives.staleIfError ?? 0)
  if (lifetimeMs > 0 || window > 0 || hasValidator(response.fields, now)) return { store: true }
  return { store: false, reason: 'no-freshness' }
}

function routeLifetime(status: number, valid: ValidTable): number | undefined {
  return valid.get(status) ?? (REQUEST_FAULTS.has(status) ? undefined : valid.get(0))
}

function hasValidator(fields: Fields, now: number): boolean {
  const etag = firstLine(fields, 'etag')
  if (etag !== undefined && etag !== '') return true
  return parseHttpDate(firstLine(fields, 'last-modified') ?? '', now) !== undefined
}

function cookieName(pair: string): string {
  const end = pair.indexOf('=')
  return trimOws(end === -1 ? pair : pair.slice(0, end))
}
