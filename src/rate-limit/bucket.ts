// PURE. The leaky bucket of nginx limit_req, in milliseconds: how far a client is ahead of its rate.

/** One limit. */
export interface BucketRate {
  /** Requests per millisecond that leak out. */
  readonly ratePerMs: number
  /** Requests that may be ahead of the rate. */
  readonly burst: number
  /** Requests ahead of the rate that pass at once; the others wait. Infinity: all of the burst passes at once. */
  readonly delay: number
}

/** What is kept of one key. */
export interface BucketState {
  /** Requests ahead of the rate when last counted. */
  readonly excess: number
  /** When that was, on the clock of `now`. */
  readonly at: number
}

/** `waitMs` is the time to hold a delayed request, or the time after which a rejected one would pass. */
export interface BucketResult {
  readonly verdict: 'pass' | 'delay' | 'reject'
  readonly waitMs: number
  readonly state: BucketState
}

/** Rates are no exact binary fractions: ten steps of 0.1 must not leave a rest that costs a request. */
const ROUNDING = 1e-9

/** Counts one request. A rejected one does not consume anything. */
export function takeFromBucket(state: BucketState | undefined, now: number, rate: BucketRate): BucketResult {
  const before = state ?? { excess: -1, at: now }
  // A clock that was set back must neither fill nor empty the bucket.
  const at = Math.max(now, before.at)
  const excess = Math.max(0, before.excess - rate.ratePerMs * (at - before.at) + 1 - ROUNDING)
  if (excess > rate.burst) {
    return { verdict: 'reject', waitMs: Math.ceil((excess - rate.burst) / rate.ratePerMs), state: before }
  }
  const waitMs = excess <= rate.delay ? 0 : Math.ceil((excess - rate.delay) / rate.ratePerMs)
  return { verdict: waitMs === 0 ? 'pass' : 'delay', waitMs, state: { excess, at } }
}
