// How many refreshes run beside requests, and whose turn it is (proxy_cache_background_update). PURE.

/** Beyond it stale is served without one: many keys that expire together must not flood their origin. */
const MAX_RUNNING = 64
/** A key that was turned away and is not asked for again loses its place in the line. */
const PATIENCE_MS = 10_000
/** About 1 MiB of bookkeeping at most. */
const MAX_WAITING = 8192

/** The refreshes of one zone: as many as may run at one time, then a line of keys, served as they are asked for again. */
export class Refreshes {
  #running = 0
  /** Keys that were turned away, in order, and until when they keep their places. */
  readonly #waiting = new Map<string, number>()

  get running(): number {
    return this.#running
  }

  /** Takes a place for a key, to be given back by `end`; false = it stands in line, and its next request may ask again. */
  begin(key: string, now: number): boolean {
    if (!this.#isInTurn(key, MAX_RUNNING - this.#running, now)) {
      if (this.#waiting.has(key) || this.#waiting.size < MAX_WAITING)
        this.#waiting.set(key, now + PATIENCE_MS)
      return false
    }
    this.#waiting.delete(key)
    this.#running++
    return true
  }

  end(): void {
    this.#running--
  }

  /** Whether the key is among the first so many of the line; one that is not in it comes after all that are. */
  #isInTurn(key: string, free: number, now: number): boolean {
    let before = 0
    for (const [other, until] of this.#waiting) {
      if (before >= free || other === key) break
      if (until > now) before++
      else this.#waiting.delete(other)
    }
    return before < free
  }
}
