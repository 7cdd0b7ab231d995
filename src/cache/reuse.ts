// Whether a stored response may answer a request, fresh or stale (RFC 9111 §4, RFC 5861, proxy_cache_use_stale). PURE.
import type { Directives } from './directives'
import { currentAgeMs, type Freshness } from './freshness'
import type { CacheFacts } from './storable'
import type { StoredHead } from './store/store'

/** nginx's words of proxy_cache_use_stale. */
export type UseStale =
  | 'error'
  | 'timeout'
  | 'invalid_header'
  | 'updating'
  | 'http_500'
  | 'http_502'
  | 'http_503'
  | 'http_504'
  | 'http_403'
  | 'http_404'
  | 'http_429'

/** What the route decides about reuse. */
export interface ReusePolicy {
  readonly useStale: ReadonlySet<UseStale>
  /** How long after it expired a response may stand in for its origin. */
  readonly keepMs: number
  /** False: the client's Cache-Control is ignored. */
  readonly requestDirectives: boolean
}

/** A request that met a stored response. */
export interface ReuseInput {
  readonly request: CacheFacts & { readonly directives: Directives }
  readonly head: StoredHead
  readonly freshness: Freshness
  readonly now: number
  readonly policy: ReusePolicy
}

/** Why a stored response is not simply served. The last three are the client's wish. */
export type StaleReason =
  | 'expired'
  | 'no-cache'
  | 'request-no-cache'
  | 'request-max-age'
  | 'request-min-fresh'

/** What may be done with a stale response before its origin has answered. */
export type StaleUse =
  /** Serve it now and refresh it behind the client's back; with a refresh under way serve it too. */
  | 'while-revalidate'
  /** Serve it only while somebody else's refresh is under way; else validate first. */
  | 'updating'
  /** Validate first; on failure ask `staleOnError`. */
  | 'never'

/** What the cache does with a request. */
export type CacheDecision =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'stale'; readonly servable: StaleUse; readonly reason: StaleReason }
  /** Nothing stored can be used, not even by validating it. */
  | { readonly kind: 'miss'; readonly reason: 'absent' | 'body' }
  /** The origin would have to be asked and the client forbade it: 504. */
  | { readonly kind: 'only-if-cached' }

/** How asking the origin failed. */
export type OriginFailure =
  | { readonly kind: 'network' | 'timeout' | 'invalid_header' }
  | { readonly kind: 'status'; readonly status: number }

const FRESH: CacheDecision = { kind: 'fresh' }
const ABSENT: CacheDecision = { kind: 'miss', reason: 'absent' }
const BODY: CacheDecision = { kind: 'miss', reason: 'body' }
const ONLY_IF_CACHED: CacheDecision = { kind: 'only-if-cached' }
/** RFC 5861 §4: what stale-if-error calls an error. */
const ERRORS: ReadonlySet<number> = new Set([500, 502, 503, 504])

/** Decides for a stored response. The client's directives can only make it stricter; its max-stale is ignored. */
export function reuse(input: ReuseInput): CacheDecision {
  const { request, freshness, policy } = input
  if (request.hasBody) return askOrigin(BODY, input)
  const ageMs = currentAgeMs(input.head, freshness, input.now)
  const wish = policy.requestDirectives ? clientWish(request.directives, freshness, ageMs) : undefined
  if (wish !== undefined) return askOrigin({ kind: 'stale', servable: 'never', reason: wish }, input)
  if (freshness.alwaysValidate) {
    return askOrigin({ kind: 'stale', servable: 'never', reason: 'no-cache' }, input)
  }
  const staleMs = ageMs - freshness.lifetimeMs
  if (staleMs < 0) return FRESH
  const servable = staleUse(freshness, policy, staleMs)
  const decision: CacheDecision = { kind: 'stale', servable, reason: 'expired' }
  return servable === 'while-revalidate' ? decision : askOrigin(decision, input)
}

/** Decides when nothing is stored. */
export function onMiss(input: Pick<ReuseInput, 'request' | 'policy'>): CacheDecision {
  return askOrigin(ABSENT, input)
}

/** Whether the stored response may stand in for an origin that failed (§4.2.4). */
export function staleOnError(input: ReuseInput, failure: OriginFailure): boolean {
  const { request, head, freshness, now } = input
  if (request.hasBody || freshness.alwaysValidate) return false
  const staleMs = currentAgeMs(head, freshness, now) - freshness.lifetimeMs
  const isStale = staleMs >= 0
  if (isStale && freshness.forbidsStale) return false
  // It is fresh, only the client wanted it checked; nobody who can reach the origin gets to see this.
  if (!isStale && failure.kind !== 'status') return true
  const windowMs = failureWindowMs(input, failure)
  return windowMs > 0 && staleMs < windowMs
}

function clientWish(directives: Directives, freshness: Freshness, ageMs: number): StaleReason | undefined {
  if (directives.noCache) return 'request-no-cache'
  const { maxAge, minFresh } = directives
  // Not `>`: max-age=0 is a reload, in the millisecond of the storing too.
  if (maxAge !== undefined && ageMs >= maxAge * 1000) return 'request-max-age'
  if (minFresh !== undefined && freshness.lifetimeMs - ageMs < minFresh * 1000) return 'request-min-fresh'
  return undefined
}

function staleUse(freshness: Freshness, policy: ReusePolicy, staleMs: number): StaleUse {
  if (freshness.forbidsStale) return 'never'
  if (staleMs < freshness.staleWhileRevalidateMs) return 'while-revalidate'
  if (freshness.onlyInWindows) return 'never'
  return policy.useStale.has('updating') && staleMs < policy.keepMs ? 'updating' : 'never'
}

/** How long after expiry this failure is covered; 0 = not at all. */
function failureWindowMs({ freshness, policy }: ReuseInput, failure: OriginFailure): number {
  const { staleIfErrorMs, staleWhileRevalidateMs } = freshness
  const ownMs = staleIfErrorMs ?? (freshness.onlyInWindows ? 0 : policy.keepMs)
  switch (failure.kind) {
    case 'network':
    case 'timeout':
      // What may be served without asking may be served after asking in vain.
      return Math.max(ownMs, staleWhileRevalidateMs)
    case 'invalid_header':
      return staleIfErrorMs !== undefined || policy.useStale.has('invalid_header') ? ownMs : 0
    default: {
      const listed = policy.useStale.has(`http_${failure.status}` as UseStale)
      return listed || (staleIfErrorMs !== undefined && ERRORS.has(failure.status)) ? ownMs : 0
    }
  }
}

function askOrigin(decision: CacheDecision, { request, policy }: Pick<ReuseInput, 'request' | 'policy'>) {
  return policy.requestDirectives && request.directives.onlyIfCached ? ONLY_IF_CACHED : decision
}
