// Buckets that several processes share and that are kept elsewhere; while no answer comes from there each process counts alone.
import type { BucketAnswer, BucketCall, Buckets } from './memory'

/** What shared buckets need from outside. */
export interface SharedBucketsDeps {
  /** Asks where they are kept; rejects before a client would notice the wait. */
  readonly ask: (call: BucketCall) => Promise<BucketAnswer>
  readonly fallback: Buckets
  readonly now: () => number
  /** Called once when it fails, and then at most each `LOG_INTERVAL_MS`. */
  readonly onFailure: (error: unknown) => void
}

/** A limit must not cost a request more than this. */
export const ANSWER_MS = 250
/** After a failure nobody is asked that long, so that only the first requests in it pay the timeout. */
const PAUSE_MS = 1000
const LOG_INTERVAL_MS = 60_000

/** Asks, and counts here when there is no answer. */
export function sharedBuckets({ ask, fallback, now, onFailure }: SharedBucketsDeps): Buckets {
  let pausedUntil = Number.NEGATIVE_INFINITY
  let silentUntil = Number.NEGATIVE_INFINITY
  const failed = (error: unknown): void => {
    const time = now()
    pausedUntil = time + PAUSE_MS
    if (time < silentUntil) return
    silentUntil = time + LOG_INTERVAL_MS
    onFailure(error)
  }
  return {
    async count(call) {
      if (now() < pausedUntil) return fallback.count(call)
      try {
        return await ask(call)
      } catch (error) {
        failed(error)
        return fallback.count(call)
      }
    }
  }
}
