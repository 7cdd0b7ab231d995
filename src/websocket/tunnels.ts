// The tunnels of one app: counted per route, told to end together. nginx: limit_conn, worker_shutdown_timeout.
import { sluiceError } from '../errors'
import type { Abort } from '../http/abort'
import type { ResolvedWebsocket } from './options'
import type { Relay } from './relay'

/** One counted tunnel. */
export interface Ticket {
  opened(relay: Relay): void
  leave(): void
}

/** The open tunnels and those being opened, by route. */
export class Tunnels {
  /** No new tunnel is to be opened. */
  closing = false
  /** Tunnels are told to end as soon as they stand, and have so long at most. */
  #leaveMs: number | undefined
  readonly #counts = new Map<ResolvedWebsocket, number>()
  readonly #opening = new Set<Abort>()
  readonly #open = new Map<Relay, ResolvedWebsocket>()

  /** Counts one in that is being opened; undefined when the route is full. */
  enter(options: ResolvedWebsocket, abort: Abort): Ticket | undefined {
    const count = this.#counts.get(options) ?? 0
    if (count >= options.maxConnections) return undefined
    this.#counts.set(options, count + 1)
    this.#opening.add(abort)
    return {
      opened: (relay) => {
        this.#opening.delete(abort)
        this.#open.set(relay, options)
        relay.ended.then(() => {
          this.#open.delete(relay)
          this.#release(options)
        })
        if (this.#leaveMs !== undefined) relay.leave(Math.min(options.closeGraceMs, this.#leaveMs))
      },
      leave: () => {
        this.#opening.delete(abort)
        this.#release(options)
      }
    }
  }

  /** How many stand. */
  get open(): number {
    return this.#open.size
  }

  /** Tells all to end, those being opened as soon as they stand: their clients hear a Close, not a refusal. */
  leave(longestGraceMs: number): void {
    this.#leaveMs = longestGraceMs
    for (const [relay, options] of this.#open) relay.leave(Math.min(options.closeGraceMs, longestGraceMs))
  }

  /** Ends all now. */
  cut(): void {
    for (const relay of this.#open.keys()) relay.destroy('shutdown')
  }

  /** Ends all, those being opened at once; resolves when none is left. */
  async close(): Promise<void> {
    this.closing = true
    for (const abort of this.#opening) abort.abort(sluiceError('SLUICE_CLOSING'))
    this.leave(Number.POSITIVE_INFINITY)
    await Promise.all([...this.#open.keys()].map(({ ended }) => ended))
  }

  #release(options: ResolvedWebsocket): void {
    const count = (this.#counts.get(options) ?? 1) - 1
    if (count === 0) this.#counts.delete(options)
    else this.#counts.set(options, count)
  }
}
