// How purges reach the other processes that keep the same responses, and those that come after this one.
import type { Ban, Bans } from './bans'

/** A way between processes. */
export interface Spread {
  /** Tells the others; resolves when a process that starts now would know it too. Rejects when they cannot be told. */
  publish(ban: Ban): Promise<void>
  /** Adds what the others publish; resolves when all that was published before has been added. */
  subscribe(bans: Bans): Promise<void>
  close(): Promise<void>
}
