// How late this process's event loop is: the lateness of one timer a second, as readiness and statistics see it.
// perf_hooks.monitorEventLoopDelay would wake the loop a hundred times as often, for a figure that one long pause can carry away.

/** Time from outside; `now` is of a monotonic clock. */
export interface LoopClock {
  now(): number
  setTimeout(run: () => void, ms: number): { unref(): unknown }
  clearTimeout(timer: unknown): void
}

const LOOK_MS = 1000
/** The delay is the median of so many looks: a pause, however long, is one of them. */
const MEDIAN_OF = 9
/** A loop that was late has to keep time for so many looks before it counts as well. */
const REMEMBERED = 10

/** The loop's delay of the last seconds. */
export class LoopDelay {
  readonly #clock: LoopClock
  readonly #looks: number[] = new Array(MEDIAN_OF).fill(0)
  readonly #delays: number[] = [0]
  #timer: unknown

  constructor(clock: LoopClock) {
    this.#clock = clock
  }

  /** Begins to look; the timer keeps no process alive. */
  start(): void {
    if (this.#timer === undefined) this.#look()
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  /** In most of the last nine seconds it was at least so late. */
  get ms(): number {
    return this.#delays.at(-1) ?? 0
  }

  /** Whether that is, or was up to ten seconds ago, more than the limit. */
  exceeds(limitMs: number): boolean {
    return Math.max(...this.#delays) > limitMs
  }

  #look(): void {
    const due = this.#clock.now() + LOOK_MS
    const timer = this.#clock.setTimeout(() => {
      keep(this.#looks, Math.max(0, this.#clock.now() - due), MEDIAN_OF)
      keep(this.#delays, median(this.#looks), REMEMBERED)
      this.#look()
    }, LOOK_MS)
    timer.unref()
    this.#timer = timer
  }
}

function keep(list: number[], value: number, size: number): void {
  list.push(value)
  if (list.length > size) list.shift()
}

function median(list: readonly number[]): number {
  return [...list].sort((a, b) => a - b)[list.length >> 1] ?? 0
}
