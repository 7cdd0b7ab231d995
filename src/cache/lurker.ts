// Deletes what is banned and never asked for, at a bounded rate, and forgets bans that nothing stored can meet (Varnish's ban lurker).
import type { Timers } from './lock'
import type { IsGone, Sweep } from './store/store'

/** So many responses in one go, and the time between two: 200 a second. */
const BATCH = 50
const PAUSE_MS = 250
/** Between two sweeps, and until it is looked for new bans. */
const REST_MS = 10_000
/** Whoever shares the responses knows of a ban by then, and stores nothing that it meets. */
const MARGIN_MS = 60_000

/** What it looks after. */
export interface LurkerParts {
  readonly timers: Timers
  readonly now: () => number
  /** Grows with each ban that is worth a sweep. */
  readonly purges: () => number
  readonly sweep: (isGone: IsGone) => Sweep
  readonly isGone: IsGone
  /** When the oldest fetch under way was begun; Infinity: there is none. */
  readonly oldestFetch: () => number
  /** Nothing stored was asked for before this. */
  readonly forget: (before: number) => void
}

/** The sweep under way. */
interface Round {
  readonly steps: Sweep
  /** What it knows of when it began: later bans are for the next one. */
  readonly purges: number
  oldest: number
}

/** One sweep after another, as long as there are new bans. */
export class Lurker {
  readonly #parts: LurkerParts
  #round: Round | undefined
  #swept = 0
  #timer: unknown
  #closed = false

  constructor(parts: LurkerParts) {
    this.#parts = parts
  }

  start(): void {
    this.#goOnIn(REST_MS)
  }

  /** Nobody waits for the response that it reads just then: a disk may hang. */
  close(): void {
    this.#closed = true
    this.#parts.timers.clear(this.#timer)
  }

  #goOnIn(delayMs: number): void {
    if (this.#closed) return
    this.#timer = this.#parts.timers.set(() => {
      // A store that fails is one that cannot be swept now.
      void this.#step().catch(() => this.#end())
    }, delayMs)
  }

  async #step(): Promise<void> {
    const { purges } = this.#parts
    if (this.#round === undefined && purges() === this.#swept) return this.#goOnIn(REST_MS)
    this.#round ??= this.#begin()
    const round = this.#round
    for (let count = 0; count < BATCH; count++) {
      if (this.#closed) return void round.steps.return(false)
      const { done, value } = await round.steps.next()
      if (done) return this.#finish(round, value)
      round.oldest = Math.min(round.oldest, value ?? Number.POSITIVE_INFINITY)
    }
    this.#goOnIn(PAUSE_MS)
  }

  #begin(): Round {
    const { now, purges, sweep, isGone, oldestFetch } = this.#parts
    // What is stored meanwhile was asked for by one of these, or later.
    const oldest = Math.min(now() - MARGIN_MS, oldestFetch())
    return { steps: sweep(isGone), purges: purges(), oldest }
  }

  #finish({ purges, oldest }: Round, isComplete: boolean): void {
    if (isComplete) {
      this.#swept = purges
      this.#parts.forget(oldest)
    }
    this.#end()
  }

  #end(): void {
    this.#round = undefined
    this.#goOnIn(REST_MS)
  }
}
