// What a zone remembers of keys beside responses: hit-for-miss, uses (proxy_cache_min_uses), failed refreshes. Bounded, lossy by design.
import { LRUCache } from 'lru-cache'

/** How long requests for a key go past the lock after its response could not be shared (Varnish's uncacheable_ttl). */
const HIT_FOR_MISS_MS = 120_000
/** Pause after a failed refresh: doubled with each failure, so that a dead origin is asked once a minute. */
const REFRESH_PAUSE_MS = 1000
const REFRESH_PAUSE_MAX_MS = 60_000
/** About 2 MiB of bookkeeping at most. */
const MAX_KEYS = 8192

interface HitForMiss {
  readonly until: number
  /** The refusal was about who asked: only requests with credentials or cookies go past the lock. */
  readonly personal: boolean
}

/** The marks of one zone. */
export class Marks {
  readonly #refusals = new LRUCache<string, HitForMiss>({ max: MAX_KEYS })
  readonly #uses = new LRUCache<string, number>({ max: MAX_KEYS })
  readonly #pauses = new LRUCache<string, { until: number; failures: number }>({ max: MAX_KEYS })
  readonly #variants = new LRUCache<string, Set<string>>({ max: MAX_KEYS })

  /** Requests for this key need not wait for each other for a while. */
  refuse(key: string, personal: boolean, now: number): void {
    this.#refusals.set(key, { until: now + HIT_FOR_MISS_MS, personal })
  }

  /** Whether a request for this key goes past the lock. */
  refused(key: string, personal: boolean, now: number): boolean {
    const mark = this.#refusals.get(key)
    return mark !== undefined && mark.until > now && (personal || !mark.personal)
  }

  /** The key's response is shared again. */
  accept(key: string): void {
    this.#refusals.delete(key)
  }

  /** Counts a request for an absent key and tells how many there were. */
  use(key: string): number {
    const uses = (this.#uses.get(key) ?? 0) + 1
    this.#uses.set(key, uses)
    return uses
  }

  /** How many there were. */
  uses(key: string): number {
    return this.#uses.peek(key) ?? 0
  }

  /** A refresh failed: the next one waits. */
  refreshFailed(key: string, now: number): void {
    const failures = (this.#pauses.get(key)?.failures ?? 0) + 1
    const pause = Math.min(REFRESH_PAUSE_MS * 2 ** (failures - 1), REFRESH_PAUSE_MAX_MS)
    this.#pauses.set(key, { until: now + pause, failures })
  }

  /** A refresh went well. */
  refreshed(key: string): void {
    this.#pauses.delete(key)
  }

  /** Whether a refresh may be tried now. */
  mayRefresh(key: string, now: number): boolean {
    const pause = this.#pauses.get(key)
    return pause === undefined || pause.until <= now
  }

  /** Remembers a variant of a URL; returns the one that must go so that at most `max` stay. */
  addVariant(primary: string, key: string, max: number): string | undefined {
    const variants = this.#variants.get(primary) ?? new Set()
    variants.delete(key)
    variants.add(key)
    this.#variants.set(primary, variants)
    if (variants.size <= max) return undefined
    const [oldest] = variants
    if (oldest !== undefined) variants.delete(oldest)
    return oldest
  }
}
