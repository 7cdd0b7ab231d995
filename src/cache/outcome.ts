// What is told of an answer: nginx's word, the reason for the log, the member of Cache-Status (RFC 9211). PURE.
import type { Place } from './responses'
import type { OriginFailure } from './reuse'
import { type CacheWord, cacheStatus, type ForwardReason } from './status'
import type { CacheOutcome, Turn } from './turn'

/** An answer from the store. */
export interface Told {
  readonly word: CacheWord
  readonly reason?: string
  readonly fwdStatus?: number
}

/** An answer from upstream. */
export interface Fetched {
  readonly turn: Pick<Turn, 'wish' | 'collapsed'>
  readonly place: Pick<Place, 'record'>
  readonly word: CacheWord
  readonly reason?: string
}

/** The outcome of an answer from the store that is no plain hit. */
export function storedOutcome(
  turn: Fetched['turn'],
  { word, reason = turn.wish, fwdStatus }: Told,
  times: { ttlSeconds: number; ageSeconds: number }
): CacheOutcome {
  return {
    word,
    ...(reason !== undefined && { reason }),
    cacheStatus: cacheStatus({
      word,
      ttlSeconds: times.ttlSeconds,
      fwd: forwardReason(turn),
      fwdStatus,
      collapsed: turn.collapsed !== undefined,
      detail: reason
    }),
    ageSeconds: times.ageSeconds
  }
}

/** The outcome of an answer from upstream; `refusal`: why it is not stored. */
export function fetchedOutcome(
  { turn, place, word, reason = turn.wish }: Fetched,
  fwdStatus: number,
  refusal: string | undefined
): CacheOutcome {
  const why = refusal === 'not-now' ? (reason ?? 'no-store') : (refusal ?? reason)
  const told = refusal === 'cookie' ? 'BYPASS' : word
  return {
    word: told,
    ...(why !== undefined && { reason: why }),
    ...(refusal === undefined && { stored: true }),
    cacheStatus: cacheStatus({
      word: told,
      fwd: told === 'MISS' && place.record !== undefined ? 'vary-miss' : forwardReason(turn),
      fwdStatus,
      stored: refusal === undefined,
      collapsed: turn.collapsed !== undefined,
      detail: why
    })
  }
}

/** Of a request that got no answer: what its lookup came to. */
export function failedOutcome(turn: Pick<Turn, 'looked' | 'wish'>): CacheOutcome {
  const { looked: word, wish } = turn
  const fwd = forwardReason(turn)
  return {
    word,
    ...(wish !== undefined && { reason: wish }),
    cacheStatus: cacheStatus({ word, fwd, detail: wish })
  }
}

/** A failure of the origin in the words of proxy_cache_use_stale. */
export function failureWord(failure: OriginFailure): string {
  if (failure.kind === 'status') return `http_${failure.status}`
  return failure.kind === 'network' ? 'error' : failure.kind
}

/** RFC 9211 §2.2: the client wanted what is stored to be checked. */
function forwardReason({ wish }: Pick<Turn, 'wish'>): ForwardReason | undefined {
  return wish?.startsWith('request-') ? 'request' : undefined
}
