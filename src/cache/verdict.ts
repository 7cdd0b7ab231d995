// PURE. What the cache says of a request, as far as it can be said without an answer; the driver and `explain` both ask here.
import type { Directives } from './directives'
import type { FreshnessSource } from './freshness'
import type { ResolvedRouteCache } from './options'
import type { StaleUse } from './reuse'
import type { CacheWord } from './status'
import { hasPersonalCookie } from './storable'
import type { CacheRequest } from './turn'

/** How long a refresh counts as under way on a route without a lock. */
const REFRESH_AGE_MS = 30_000

/** How long a fetch counts as under way (proxy_cache_lock_age). */
export function flightAgeMs({ lock }: Pick<ResolvedRouteCache, 'lock'>): number {
  return lock?.ageMs ?? REFRESH_AGE_MS
}

/** Why nothing is looked up for the request: it goes upstream, and the word is BYPASS. */
export function passedOver(
  { method, hasBody, bypass }: Pick<CacheRequest, 'method' | 'hasBody' | 'bypass'>,
  { methods }: Pick<ResolvedRouteCache, 'methods'>
): 'method' | 'body' | 'bypass' | undefined {
  if (!methods.has(method)) return 'method'
  if (hasBody) return 'body'
  return bypass === true ? 'bypass' : undefined
}

/** Decision 22: what is fresh by `valid` alone says nothing about who is asking. */
export function keepsOut(
  { fields }: Pick<CacheRequest, 'fields'>,
  source: FreshnessSource,
  { cookies }: Pick<ResolvedRouteCache, 'cookies'>
): boolean {
  return source === 'valid' && hasPersonalCookie(fields, cookies)
}

/** Why its response is for nobody else, so that nobody should wait for it. */
export function keepsToItself(
  { noStore }: Pick<CacheRequest, 'noStore'>,
  directives: Directives,
  { requestDirectives }: Pick<ResolvedRouteCache, 'requestDirectives'>
): 'no-store' | 'request-no-store' | undefined {
  if (noStore === true) return 'no-store'
  return requestDirectives && directives.noStore ? 'request-no-store' : undefined
}

/** Whether its response may be stored. */
export function mayStore({ noStore }: Pick<CacheRequest, 'noStore'>): boolean {
  return noStore !== true
}

/** What becomes of a stale response. `underWay`: somebody else is fetching it. EXPIRED: the origin is asked first. */
export function staleWord(
  servable: StaleUse,
  { underWay, background }: { readonly underWay: boolean; readonly background: boolean }
): Extract<CacheWord, 'UPDATING' | 'STALE' | 'EXPIRED'> {
  if (underWay && servable !== 'never') return 'UPDATING'
  return servable === 'while-revalidate' && background ? 'STALE' : 'EXPIRED'
}
