// PURE. What one body may hold in memory: a floor of its own, beyond it what the budget of all grants, up to its own limit.
import type { Budget } from './budget'

/** Held without asking anybody: whatever others hold, a body moves. One read of a socket brings about this much. */
const FLOOR_BYTES = 65_536
/** The budget is asked for, and given back, so much at once. */
const STEP_BYTES = 65_536

/** Every byte granted goes back: as the body shrinks, at the latest by `close`. */
export class Allowance {
  readonly limit: number
  readonly #floor: number
  readonly #budget: Budget | undefined
  #granted = 0
  #leaveLine: (() => void) | undefined

  /** Without a budget only its own limit counts. */
  constructor(limit: number, budget: Budget | undefined) {
    this.limit = limit
    this.#floor = budget === undefined ? limit : Math.min(limit, FLOOR_BYTES)
    this.#budget = budget
  }

  /** Whether there is room beyond so many bytes; the budget is asked when there is not. */
  hasRoomBeyond(bytes: number): boolean {
    while (bytes >= this.#floor + this.#granted) {
      const step = this.#step()
      if (step === 0 || this.#budget?.take(step) !== true) return false
      this.#granted += step
    }
    return true
  }

  /** Tells when the budget has granted a step; never once the limit is reached. */
  awaitStep(granted: () => void): void {
    const step = this.#step()
    if (step === 0 || this.#leaveLine !== undefined) return
    this.#leaveLine = this.#budget?.wait(step, () => {
      this.#leaveLine = undefined
      this.#granted += step
      granted()
    })
  }

  stopAwaiting(): void {
    const leave = this.#leaveLine
    this.#leaveLine = undefined
    leave?.()
  }

  /** Gives back what so many bytes do not need. */
  shrinkTo(bytes: number): void {
    if (this.#granted === 0) return
    const needed = Math.ceil(Math.max(0, bytes - this.#floor) / STEP_BYTES) * STEP_BYTES
    const excess = this.#granted - needed
    if (excess <= 0) return
    this.#granted = needed
    this.#budget?.give(excess)
  }

  close(): void {
    this.stopAwaiting()
    this.shrinkTo(0)
  }

  #step(): number {
    return Math.min(STEP_BYTES, Math.max(0, this.limit - this.#floor - this.#granted))
  }
}
