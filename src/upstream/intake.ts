// What a group lets in: nothing while its breaker is open, and no more repeats than its budget has.
import { Breaker, type BreakerState } from './breaker'
import type { ResolvedBreaker } from './breaker-options'
import { type RetryBudget, RetryLedger } from './retry-budget'

/** What the intake needs from outside. */
export interface IntakeDeps {
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  /** Told when the breaker opens. */
  readonly onOpen?: () => void
}

/** The door of one group, for all routes that lead to it. */
export class Intake {
  readonly #breaker: Breaker | undefined
  readonly #ledger = new RetryLedger()
  readonly #deps: IntakeDeps

  constructor(breaker: ResolvedBreaker | undefined, deps: IntakeDeps) {
    this.#breaker = breaker && new Breaker(breaker)
    this.#deps = deps
  }

  /** Undefined without a breaker. */
  get breaker(): BreakerState | undefined {
    return this.#breaker?.state(this.#deps.now())
  }

  /** A request asks to be sent: 0, or the time in which the breaker lets none through. */
  admit(): number {
    const now = this.#deps.now()
    const waitMs = this.#breaker?.admit(now) ?? 0
    if (waitMs === 0) this.#ledger.request(now)
    return waitMs
  }

  /** How a request that took so long has ended, all its tries together; undefined says nothing about the upstream. */
  report(ended: 'ok' | 'failed' | undefined, tookMs: number): void {
    const breaker = this.#breaker
    if (breaker === undefined || ended === undefined) return
    const now = this.#deps.now()
    const before = breaker.state(now)
    breaker.report(ended, now - tookMs, now)
    if (before !== 'open' && breaker.state(now) === 'open') this.#deps.onOpen?.()
  }

  /** Whether a request may be sent once more; `repeated` says that it was. */
  mayRepeat(budget: RetryBudget): boolean {
    return this.#ledger.allows(budget, this.#deps.now())
  }

  repeated(): void {
    this.#ledger.repeat(this.#deps.now())
  }
}
