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
        if (this.closing) relay.leave(options.closeGraceMs)
      },
      leave: () => {
        this.#opening.delete(abort)
        this.#release(options)
      }
    }
  }

  /** Ends all, those being opened at once; resolves when none is left. */
  async close(longestGraceMs: number): Promise<void> {
    this.closing = true
    for (const abort of this.#opening) abort.abort(sluiceError('SLUICE_CLOSING'))
    const ends = [...this.#open].map(([relay, options]) => {
      relay.leave(Math.min(options.closeGraceMs, longestGraceMs))
      return relay.ended
    })
    await Promise.all(ends)
  }

  #release(options: ResolvedWebsocket): void {
    const count = (this.#counts.get(options) ?? 1) - 1
    if (count === 0) this.#counts.delete(options)
    else this.#counts.set(options, count)
  }
}
