// The primary's part of limits that the workers of node:cluster share: one table of buckets, on one clock (nginx limit_req_zone).
import { memoryBuckets } from './memory'
import { decodeCalls, encodeAnswers } from './questions'

/** Answers what the workers ask. `now` is a clock in milliseconds that is never set. */
export function bucketService(now: () => number): (data: string) => string | undefined {
  const buckets = memoryBuckets(now)
  return (data) => {
    const calls = decodeCalls(data)
    return calls && encodeAnswers(calls.map((call) => buckets.count(call)))
  }
}
