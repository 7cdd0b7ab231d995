// PURE. How much repeats may add to an upstream's load, so that retries cannot turn a bad moment into an outage.
import { RecentCounts } from './recent-counts'

/** What a route allows. */
export interface RetryBudget {
  /** Of the requests of the last 10 seconds. */
  readonly percent: number
  /** Repeats per second that are allowed in any case. */
  readonly min: number
}

const WINDOW_SECONDS = 10

/** One upstream's requests and repeats, of all its routes together. */
export class RetryLedger {
  readonly #counts = new RecentCounts(WINDOW_SECONDS * 1000)

  /** A request has come. */
  request(now: number): void {
    this.#counts.count(now)
  }

  /** One has been sent again. */
  repeat(now: number): void {
    this.#counts.mark(now)
  }

  /** Whether one more repeat is within the budget. */
  allows({ percent, min }: RetryBudget, now: number): boolean {
    const { all, marked } = this.#counts.sums(now)
    return marked < Math.max(min * WINDOW_SECONDS, (all * percent) / 100)
  }
}
