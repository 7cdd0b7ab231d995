// One fetch per key (proxy_cache_lock): the leader fetches, followers wait for its response, or for how it ends.
import type { Abort } from '../http/abort'
import type { Arriving } from './arriving'
import type { OriginFailure } from './reuse'
import type { CacheWord } from './status'

/** How a leader's fetch ended, as its followers see it. */
export type FlightEnd =
  /** Stored or freshened: look again; `word` is what the leader was told. */
  | { readonly kind: 'stored'; readonly word: CacheWord }
  /** Not for others: everyone fetches, at once. `personal`: only because of who asked, so that the next may still lead. */
  | { readonly kind: 'refused'; readonly personal: boolean }
  /** The origin failed: it has failed for all who waited. Without `error` it answered with a status that is hidden by a stale response. */
  | { readonly kind: 'failed'; readonly failure: OriginFailure; readonly error?: unknown }
  /** The leader's client left, or the content broke off: another may lead. */
  | { readonly kind: 'abandoned' }

/** What a follower's wait ends with. */
export type WaitEnd =
  | FlightEnd
  /** Its response is on its way and may be shared. */
  | { readonly kind: 'arriving'; readonly arriving: Arriving }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'gone'; readonly reason: Error }

/** The timers in use; tests pass their own. */
export interface Timers {
  set(listener: () => void, delayMs: number): unknown
  clear(timer: unknown): void
}

/** Node's timers; they never keep the process alive. */
export const NODE_TIMERS: Timers = {
  set: (listener, delayMs) => setTimeout(listener, delayMs).unref(),
  clear: (timer) => clearTimeout(timer as NodeJS.Timeout)
}

/** One fetch under way for a key. */
export class Flight {
  readonly startedAt: number
  #followers = new Set<(end: WaitEnd) => void>()
  #arriving: Arriving | undefined
  #end: FlightEnd | undefined
  #onEnd: () => void
  #onDeserted: (() => void) | undefined
  #onEnded: ((end: FlightEnd) => void) | undefined

  constructor(startedAt: number, onEnd: () => void) {
    this.startedAt = startedAt
    this.#onEnd = onEnd
  }

  /** How many wait for it. */
  get followers(): number {
    return this.#followers.size
  }

  /** The response on its way, once there is one that may be shared. */
  get arriving(): Arriving | undefined {
    return this.#arriving
  }

  /** Called when the last one that waits has left before anything came. */
  onDeserted(listener: () => void): void {
    this.#onDeserted = listener
  }

  /** Shares the response as it comes, with all who wait and all who come before the end. */
  publish(arriving: Arriving): void {
    if (this.#end !== undefined || this.#arriving !== undefined) return
    this.#arriving = arriving
    this.#wake({ kind: 'arriving', arriving })
  }

  /** Lets all followers go on. Only the first end counts. */
  end(end: FlightEnd): void {
    if (this.#end !== undefined) return
    this.#end = end
    this.#onEnd()
    this.#onEnded?.(end)
    this.#wake(end)
  }

  /** Purged while under way: nobody joins from here on, who waits goes on, and who reads its response keeps it. */
  abandon(): void {
    const onDeserted = this.#onDeserted
    this.end({ kind: 'abandoned' })
    onDeserted?.()
  }

  /** The end, for who leads it: no follower. */
  ended(): Promise<FlightEnd> {
    if (this.#end !== undefined) return Promise.resolve(this.#end)
    return new Promise((resolve) => {
      this.#onEnded = resolve
    })
  }

  #wake(end: WaitEnd): void {
    this.#onDeserted = undefined
    const followers = this.#followers
    this.#followers = new Set()
    for (const follower of followers) follower(end)
  }

  /** Waits for a response to share, the end, the timeout, or the follower's own client leaving; after a response only for the rest. */
  wait(timeoutMs: number, abort: Abort, timers: Timers): Promise<WaitEnd> {
    if (this.#end !== undefined) return Promise.resolve(this.#end)
    return new Promise((resolve) => {
      const settle = (end: WaitEnd): void => {
        timers.clear(timer)
        this.#followers.delete(settle)
        abort.listen(undefined)
        resolve(end)
        if (end.kind === 'gone' && this.#followers.size === 0) this.#onDeserted?.()
      }
      const timer = timers.set(() => settle({ kind: 'timeout' }), timeoutMs)
      this.#followers.add(settle)
      abort.listen((reason) => settle({ kind: 'gone', reason }))
    })
  }
}

/** The flights of a zone, by the key of the stored response. */
export class Lock {
  readonly #flights = new Map<string, Flight>()

  /** The fetch under way for a key, unless it has brought nothing for `ageMs` (proxy_cache_lock_age). */
  current(key: string, now: number, ageMs: number): Flight | undefined {
    const flight = this.#flights.get(key)
    if (flight === undefined) return undefined
    return flight.arriving === undefined && now - flight.startedAt >= ageMs ? undefined : flight
  }

  /** Makes the caller the leader for a key; an older leader's followers stay with it. */
  lead(key: string, now: number): Flight {
    const flight = new Flight(now, () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    })
    this.#flights.set(key, flight)
    return flight
  }

  /** Flights and followers at this moment. */
  stats(): { flights: number; waiting: number } {
    let waiting = 0
    for (const flight of this.#flights.values()) waiting += flight.followers
    return { flights: this.#flights.size, waiting }
  }
}
