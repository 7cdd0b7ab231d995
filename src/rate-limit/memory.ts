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

/** What a question is answered. */
export type BucketAnswer = Pick<BucketResult, 'verdict' | 'waitMs'>

/** Where bucket states are kept. */
export interface Buckets {
  count(call: BucketCall): BucketAnswer | Promise<BucketAnswer>
}

/** Those of one process. */
export interface MemoryBuckets extends Buckets {
  count(call: BucketCall): BucketAnswer
  readonly size: number
}

interface Kept extends BucketState {
  /** From then on it says no more than a key that is not known. */
  readonly emptyAt: number
}

/** About 12 MiB when full, for all limits together. To push its own key out, a client needs this many others. */
const MAX_KEYS = 65_536
/** Empty buckets that a new key takes with it, as in nginx: the table shrinks faster than it grows. */
const EXPIRED_PER_KEY = 2

/** Buckets in memory; `now` is a clock in milliseconds that is never set. */
export function memoryBuckets(now: () => number): MemoryBuckets {
  const states = new LRUCache<string, Kept>({ max: MAX_KEYS })
  return {
    count({ key, rate, mode }) {
      const before = states.get(key)
      const time = now()
      const { verdict, waitMs, state } = takeFromBucket(before, time, rate)
      if (mode === 'take' && verdict !== 'reject') {
        if (before === undefined) expire(states, time)
        states.set(key, { ...state, emptyAt: state.at + (state.excess + 1) / rate.ratePerMs })
      }
      return { verdict, waitMs }
    },
    get size() {
      return states.size
    }
  }
}

/** Only from the end that would go first anyway. */
function expire(states: LRUCache<string, Kept>, now: number): void {
  for (let count = 0; count < EXPIRED_PER_KEY; count++) {
    const [oldest] = states.rkeys()
    if (oldest === undefined || (states.peek(oldest) as Kept).emptyAt > now) return
    states.delete(oldest)
  }
}
