// PURE. Times of requests and purges in one order: a clock of milliseconds cannot tell what comes before and after within one.

/** Exact beside a time of today, and a thousand of them are less than the next millisecond. */
const TICK = 2 ** -10

/** The times that one zone gives; they run with the clock, and are ahead of it by ticks where it stands still or goes back. */
export class Moments {
  #asked = Number.NEGATIVE_INFINITY
  #purged = Number.NEGATIVE_INFINITY

  /** When a request is sent: after every purge here until then. */
  ask(now: number): number {
    const time = Math.max(now, this.#purged + TICK)
    this.#asked = Math.max(this.#asked, time)
    return time
  }

  /** When something is purged: no earlier than every request here until then. */
  purge(now: number): number {
    this.#purged = Math.max(now, this.#asked, this.#purged)
    return this.#purged
  }
}

/** What another process calls this time may be any part of its millisecond here: the last one is no earlier than what was meant. */
export function elsewhere(at: number): number {
  return Math.floor(at) + 1 - TICK
}
