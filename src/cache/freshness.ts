// How long a stored response is fresh and how old it is (RFC 9111 §4.2), and when it may be used stale (RFC 5861). PURE.
import { parseHttpDate } from '../http/date'
import { firstLine, listMembers } from '../http/fields'
import type { Fields } from '../http/message'
import { type DirectiveSource, type EffectiveDirectives, effectiveDirectives } from './directives'
import type { StoredHead } from './store/store'

/** Where the lifetime came from: a field of the origin, the route's `valid`, a guess, or nowhere. */
export type FreshnessSource = DirectiveSource | 'valid' | 'heuristic'

/** What a stored head says about time; computed once and kept beside it. */
export interface Freshness {
  /** Fresh while the current age is less than this; may be 0 or negative. */
  readonly lifetimeMs: number
  /** corrected_initial_age of §4.2.3: the age at `responseTime`. */
  readonly initialAgeMs: number
  /** must-revalidate, proxy-revalidate or no-cache: never stale, whatever happens (§4.2.4). */
  readonly forbidsStale: boolean
  /** s-maxage: stale only where the origin's own stale-while-revalidate or stale-if-error says so; they modify it (§5.2.3). */
  readonly onlyInWindows: boolean
  /** no-cache: not even fresh without asking the origin. */
  readonly alwaysValidate: boolean
  /** 0 = no window. */
  readonly staleWhileRevalidateMs: number
  /** Undefined = the origin did not say, `keep` decides. */
  readonly staleIfErrorMs: number | undefined
  readonly source: FreshnessSource
}

/** Statuses that may be given a heuristic lifetime (RFC 9110 §15.1). */
const HEURISTIC: ReadonlySet<number> = new Set([200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501])
const HEURISTIC_FRACTION = 0.1
const HEURISTIC_MAX_MS = 86_400_000
const MAX_AGE_SECONDS = 2_147_483_647
/** Date has whole seconds: what it dates may be made up to this much later. */
const DATE_RESOLUTION_MS = 999

/** How a route reads times. */
export interface TimePolicy {
  readonly heuristics: boolean
  /** Names of targeted fields (RFC 9213), in lower case. */
  readonly targeted: readonly string[]
}

/** Everything about time that can be known when the response is stored. */
export function freshness(head: StoredHead, policy: TimePolicy): Freshness {
  const directives = effectiveDirectives(head.fields, head.responseTime, policy.targeted)
  const alwaysValidate = directives.noCache
  const { mustRevalidate, proxyRevalidate, sMaxage, staleIfError } = directives
  const { lifetimeMs, source } = lifetime(head, directives, policy)
  return {
    lifetimeMs,
    source,
    initialAgeMs: initialAgeMs(head),
    forbidsStale: mustRevalidate || proxyRevalidate || alwaysValidate,
    onlyInWindows: sMaxage !== undefined,
    alwaysValidate,
    staleWhileRevalidateMs: (directives.staleWhileRevalidate ?? 0) * 1000,
    staleIfErrorMs: staleIfError === undefined ? undefined : staleIfError * 1000
  }
}

/** current_age of §4.2.3. A clock that was set back makes nothing younger than it was. */
export function currentAgeMs(head: StoredHead, { initialAgeMs }: Freshness, now: number): number {
  return initialAgeMs + Math.max(0, now - head.responseTime)
}

/** The same response, stale from a moment on: the windows in which it may be served stale begin there. */
export function expiredAt(head: StoredHead, stored: Freshness, at: number): Freshness {
  const lifetimeMs = Math.min(stored.lifetimeMs, currentAgeMs(head, stored, at))
  return { ...stored, lifetimeMs }
}

/** The value of the Age field: whole seconds, counted from the sending of the request. */
export function ageSeconds(head: StoredHead, stored: Freshness, now: number): number {
  return Math.min(Math.floor(currentAgeMs(head, stored, now) / 1000), MAX_AGE_SECONDS)
}

/** Seconds of freshness that are left, negative once it is stale (Cache-Status `ttl`). */
export function ttlSeconds(head: StoredHead, stored: Freshness, now: number): number {
  return Math.floor((stored.lifetimeMs - currentAgeMs(head, stored, now)) / 1000)
}

/** §4.2.2: a tenth of the time since Last-Modified, at most a day; undefined when no guess may be made. */
export function heuristicLifetimeMs(
  response: { status: number; fields: Fields },
  isPublic: boolean,
  receipt: number
): number | undefined {
  if (!HEURISTIC.has(response.status) && !isPublic) return undefined
  const modified = parseHttpDate(firstLine(response.fields, 'last-modified') ?? '', receipt)
  if (modified === undefined) return undefined
  const date = parseHttpDate(firstLine(response.fields, 'date') ?? '', receipt) ?? receipt
  return Math.min(Math.max(0, date - modified) * HEURISTIC_FRACTION, HEURISTIC_MAX_MS)
}

function lifetime(
  head: StoredHead,
  directives: EffectiveDirectives,
  policy: TimePolicy
): { lifetimeMs: number; source: FreshnessSource } {
  const { source, lifetimeMs } = directives
  // Nothing that cannot be read is trusted for any time.
  if (directives.malformed) return { lifetimeMs: 0, source }
  // Both are the edge's own time: they run from receipt, whatever the origin's clock says.
  if (source === 'x-accel-expires') return { lifetimeMs: (lifetimeMs ?? 0) + initialAgeMs(head), source }
  if (lifetimeMs !== undefined) return { lifetimeMs, source }
  if (head.validFor !== undefined) return { lifetimeMs: head.validFor + initialAgeMs(head), source: 'valid' }
  const guess = policy.heuristics
    ? heuristicLifetimeMs(head, directives.public, head.responseTime)
    : undefined
  return guess === undefined ? { lifetimeMs: 0, source: 'none' } : { lifetimeMs: guess, source: 'heuristic' }
}

function initialAgeMs(head: StoredHead): number {
  const { requestTime, responseTime, fields } = head
  const date = parseHttpDate(firstLine(fields, 'date') ?? '', responseTime) ?? responseTime
  const apparentAge = Math.max(0, responseTime - date - DATE_RESOLUTION_MS)
  const correctedAge = ageValueSeconds(fields) * 1000 + Math.max(0, responseTime - requestTime)
  return Math.max(apparentAge, correctedAge)
}

/** §5.1: the first member counts, what is not a number counts for nothing. */
function ageValueSeconds(fields: Fields): number {
  const first = listMembers(firstLine(fields, 'age'))[0]
  return first !== undefined && /^\d+$/.test(first) ? Math.min(Number(first), MAX_AGE_SECONDS) : 0
}
