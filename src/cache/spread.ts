// How purges reach the other processes that keep the same responses, and those that come after this one.
import type { Ban } from './bans'

/** What is banned in this process. */
export interface BanList {
  /** The same ban may be told any number of times. */
  add(ban: Ban): void
  /** All that is in force. */
  list(): Iterable<Ban>
}

/** A way between processes. */
export interface Spread {
  /** Tells the others; resolves when a process that starts now would know it too. Rejects when they cannot be told. */
  publish(ban: Ban): Promise<void>
  /** Adds what the others publish; resolves when all that was published before has been added. */
  subscribe(bans: BanList): Promise<void>
  close(): Promise<void>
}

/**
 * By both: `lasting` decides whether the others know it, `prompt` tells those that are there at once. Who does not hear it that
 * way learns it the other.
 */
export function spreadPromptly(lasting: Spread, prompt: Spread): Spread {
  return {
    async publish(ban) {
      await Promise.all([lasting.publish(ban), prompt.publish(ban).catch(() => undefined)])
    },
    async subscribe(bans) {
      await prompt.subscribe(bans)
      await lasting.subscribe(bans)
    },
    async close() {
      await Promise.all([lasting.close(), prompt.close()])
    }
  }
}
