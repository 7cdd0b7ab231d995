// The buckets of this process (nginx limit_req_zone): bounded, the least recently used key goes first.
import { LRUCache } from 'lru-cache'
import { type BucketRate, type BucketResult, type BucketState, takeFromBucket } from './bucket'

/** One question to the buckets. */
export interface BucketCall {
  /** Unique over all limits. */
  readonly key: string
  readonly rate: BucketRate
  /** `peek` only asks what `take` would say. */
  readonly mode: 'take' | 'peek'
}

/** Where bucket states are kept. */
export interface Buckets {
  count(call: BucketCall): BucketResult | Promise<BucketResult>
}

/** About 12 MiB when full, for all limits together. To push its own key out, a client needs this many others. */
const MAX_KEYS = 65_536

/** Buckets in memory; `now` is a clock in milliseconds that is never set. */
export function memoryBuckets(now: () => number): { count(call: BucketCall): BucketResult } {
  const states = new LRUCache<string, BucketState>({ max: MAX_KEYS })
  return {
    count({ key, rate, mode }) {
      const result = takeFromBucket(states.get(key), now(), rate)
      if (mode === 'take' && result.verdict !== 'reject') states.set(key, result.state)
      return result
    }
  }
}
