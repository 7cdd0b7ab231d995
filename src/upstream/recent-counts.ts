// PURE. How many of the last seconds' events were of one kind, in memory that does not grow.

const SLICES = 10

/** Counts over a sliding window, forgotten a tenth at a time. */
export class RecentCounts {
  readonly #sliceMs: number
  readonly #all: number[] = new Array(SLICES).fill(0)
  readonly #marked: number[] = new Array(SLICES).fill(0)
  /** Number of the newest slice since time began. */
  #newest = Number.NEGATIVE_INFINITY

  constructor(windowMs: number) {
    this.#sliceMs = windowMs / SLICES
  }

  /** One event. */
  count(now: number): void {
    this.#add(this.#all, now)
  }

  /** One event of the kind in question; it has been counted, or is counted as well. */
  mark(now: number): void {
    this.#add(this.#marked, now)
  }

  /** The window as it stands. */
  sums(now: number): { readonly all: number; readonly marked: number } {
    this.#forget(now)
    return { all: sum(this.#all), marked: sum(this.#marked) }
  }

  /** Forgets everything. */
  clear(): void {
    this.#all.fill(0)
    this.#marked.fill(0)
  }

  #add(counts: number[], now: number): void {
    this.#forget(now)
    const slot = this.#newest % SLICES
    counts[slot] = (counts[slot] as number) + 1
  }

  #forget(now: number): void {
    const slice = Math.floor(now / this.#sliceMs)
    const passed = Math.min(SLICES, slice - this.#newest)
    for (let n = 0; n < passed; n++) {
      const slot = (slice - n + SLICES) % SLICES
      this.#all[slot] = 0
      this.#marked[slot] = 0
    }
    if (passed > 0) this.#newest = slice
  }
}

function sum(counts: readonly number[]): number {
  let total = 0
  for (const count of counts) total += count
  return total
}
