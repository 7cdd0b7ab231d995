// PURE. A circuit breaker: too many failures open it, and it closes again by degrees.
import type { ResolvedBreaker } from './breaker-options'
import { RecentCounts } from './recent-counts'

/** `closed`: all requests go through; `open`: none; `ramp`: a share that grows. */
export type BreakerState = 'closed' | 'open' | 'ramp'

/** Those who are turned away while it ramps may come back soon: each second lets more through. */
const RAMP_WAIT_MS = 1000

/** One group's breaker. */
export class Breaker {
  readonly #rules: ResolvedBreaker
  readonly #counts: RecentCounts
  #state: BreakerState = 'closed'
  /** When the state began. */
  #since = Number.NEGATIVE_INFINITY
  /** What the ramp owes: at 1 a request goes through. */
  #owed = 0

  constructor(rules: ResolvedBreaker) {
    this.#rules = rules
    this.#counts = new RecentCounts(rules.windowMs)
  }

  /** The state as of the last request, or as time has made it. */
  state(now: number): BreakerState {
    const { openMs, rampMs } = this.#rules
    if (this.#state === 'open' && now - this.#since >= openMs) this.#enter('ramp', now)
    if (this.#state === 'ramp' && now - this.#since >= rampMs) this.#enter('closed', now)
    return this.#state
  }

  /** Asks to send a request: 0, or the time after which to ask again. */
  admit(now: number): number {
    const state = this.state(now)
    if (state === 'closed') return 0
    if (state === 'open') return this.#since + this.#rules.openMs - now
    this.#owed += (now - this.#since) / this.#rules.rampMs
    if (this.#owed < 1) return RAMP_WAIT_MS
    this.#owed -= 1
    return 0
  }

  /** How a request that began at `startedAt` has ended. One from before the breaker opened has been judged. */
  report(ended: 'ok' | 'failed', startedAt: number, now: number): void {
    if (startedAt < this.#since || this.state(now) === 'open') return
    this.#counts.count(now)
    if (ended === 'ok') return
    this.#counts.mark(now)
    const { all, marked } = this.#counts.sums(now)
    const enough = this.#state === 'ramp' || all >= this.#rules.minRequests
    if (enough && marked / all >= this.#rules.errors) this.#enter('open', now)
  }

  #enter(state: BreakerState, now: number): void {
    this.#state = state
    this.#since = now
    // The first request of a ramp is the probe.
    this.#owed = 1
    if (state !== 'closed') this.#counts.clear()
  }
}
