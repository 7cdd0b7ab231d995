// What the cache would do with a request, and why, without doing it: every verdict is that of the rule itself.
import { type Directives, parseCacheControl } from './directives'
import { ageSeconds, type FreshnessSource, ttlSeconds } from './freshness'
import { keyText } from './key'
import type { ResolvedRouteCache } from './options'
import type { Place, Responses, Stored } from './responses'
import { onMiss, reuse } from './reuse'
import type { CacheWord } from './status'
import { type StoreDecision, storable } from './storable'
import { type CacheRequest, isPersonal } from './turn'
import { flightAgeMs, keepsOut, keepsToItself, passedOver, staleWord } from './verdict'
import type { CacheZone } from './zone'

/** The stored response that a request would meet. */
export interface StoredExplanation {
  readonly status: number
  readonly bytes: number
  readonly ageSeconds: number
  /** Freshness left, negative when it is stale. */
  readonly ttlSeconds: number
  /** What its freshness comes from; `valid` is the route's own. */
  readonly freshBy: FreshnessSource
  /** Request fields that it was selected by. */
  readonly vary: readonly string[]
}

/** What a response would meet that says so much about its own freshness. */
export interface AdmitExplanation {
  /** A 200 that says nothing: only `valid` can make it fresh. */
  readonly silent: StoreDecision
  /** A 200 with `max-age`. */
  readonly maxAge: StoreDecision
  /** A 200 with `public, max-age`. */
  readonly public: StoreDecision
}

/** The cache's part of an explanation. */
export interface CacheExplanation {
  readonly zone: string
  /** What the key is made of, readably; the stored one has the length of each part in it. */
  readonly key: string
  /** Undefined: nothing is stored for this request, or it would not be looked up. */
  readonly stored: StoredExplanation | undefined
  /** The word of the log; `ONLY-IF-CACHED` is a 504, as the client forbids to ask the origin. */
  readonly word: CacheWord | 'ONLY-IF-CACHED'
  /** Why, in the words of the log. */
  readonly reason: string | undefined
  /** Whether an answer of the origin would be stored. */
  readonly admit: AdmitExplanation
}

interface Parts {
  readonly zone: CacheZone
  readonly policy: ResolvedRouteCache
  readonly responses: Responses
}

interface Question extends Parts {
  readonly request: CacheRequest
  readonly directives: Directives
  readonly place: Place
  readonly now: number
}

type Verdict = Pick<CacheExplanation, 'word' | 'reason'>

/** Looks and tells; the use is not counted and nothing moves between memory and disk. */
export async function explainCache(
  request: CacheRequest,
  now: number,
  parts: Parts
): Promise<CacheExplanation> {
  const { zone, policy, responses } = parts
  const place = await responses.look(request, responses.primaryKey(request))
  const directives = parseCacheControl(request.fields['cache-control'])
  const reason = passedOver(request, policy)
  const verdict: Verdict =
    reason === undefined
      ? verdictOn({ ...parts, request, directives, place, now })
      : { word: 'BYPASS', reason }
  return {
    zone: zone.name,
    key: keyText({ ...request, version: zone.version }),
    stored: place.stored && describe(place.stored, place, now),
    ...verdict,
    admit: admitOf(request, policy, now)
  }
}

function verdictOn(question: Question): Verdict {
  const { request, directives, policy, zone, place, now } = question
  if (place.stored === undefined) return verdictOnMiss(question)
  const { entry, prepared } = place.stored
  const { freshness } = prepared
  if (keepsOut(request, freshness.source, policy)) return { word: 'BYPASS', reason: 'cookie' }
  const decision = reuse({ request: { ...request, directives }, head: entry.head, freshness, now, policy })
  if (decision.kind === 'fresh') return { word: 'HIT', reason: undefined }
  if (decision.kind === 'only-if-cached') return { word: 'ONLY-IF-CACHED', reason: undefined }
  if (decision.kind === 'miss') return verdictOnMiss(question)
  const underWay = zone.lock.current(place.key, now, flightAgeMs(policy)) !== undefined
  const { background } = policy
  const word = staleWord(decision.servable, { underWay, background })
  return { word, reason: word === 'EXPIRED' ? decision.reason : decision.servable }
}

function verdictOnMiss({ request, directives, policy, zone, place, now }: Question): Verdict {
  const decision = onMiss({ request: { ...request, directives }, policy })
  if (decision.kind === 'only-if-cached') return { word: 'ONLY-IF-CACHED', reason: undefined }
  const own = keepsToItself(request, directives, policy)
  if (own !== undefined) return { word: 'MISS', reason: own }
  // This request would be the next use.
  if (zone.marks.uses(place.key) + 1 < policy.minUses) return { word: 'MISS', reason: 'min-uses' }
  const past = zone.marks.refused(place.key, isPersonal(request, policy), now)
  return { word: 'MISS', reason: past ? 'hit-for-miss' : 'absent' }
}

function describe({ entry, prepared }: Stored, { record }: Place, now: number): StoredExplanation {
  const { freshness } = prepared
  return {
    status: entry.head.status,
    bytes: entry.length,
    ageSeconds: ageSeconds(entry.head, freshness, now),
    ttlSeconds: ttlSeconds(entry.head, freshness, now),
    freshBy: freshness.source,
    vary: record?.vary ?? []
  }
}

/** The rule itself, asked about three answers that an origin may give. */
function admitOf(request: CacheRequest, policy: ResolvedRouteCache, now: number): AdmitExplanation {
  const method = policy.methods.has(request.method) ? 'GET' : request.method
  const decide = (cacheControl: string | undefined): StoreDecision => {
    if (request.noStore === true) return { store: false, reason: 'no-store' }
    const fields = cacheControl === undefined ? {} : { 'cache-control': cacheControl }
    return storable({ ...request, method }, { status: 200, fields }, policy, now)
  }
  return { silent: decide(undefined), maxAge: decide('max-age=60'), public: decide('public, max-age=60') }
}
