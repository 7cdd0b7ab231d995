// A cache zone (proxy_cache_path): one store, its lock, what is under way in it, and how it is purged. Many routes share one.
import { sluiceError } from '../errors'
import type { SpoolFile } from '../spool/temporary-file'
import { type BanOf, Bans } from './bans'
import type { Fill } from './fill'
import { type KeyFacts, primaryKey } from './key'
import { Lock, NODE_TIMERS, type Timers } from './lock'
import { Marks } from './marks'
import { Refreshes } from './refreshes'
import type { CacheWord } from './status'
import type { CacheStore, StoreStats } from './store/store'

const OBJECT_BYTES = 1024 * 1024

/** What a purge takes. `upstreams` are the names under which the URL may be stored. */
export type Purge = { readonly url: string; readonly upstreams: readonly string[] } | BanOf

/** What a zone counts. */
export interface ZoneStats extends StoreStats {
  readonly words: Readonly<Record<CacheWord, number>>
  readonly hits: number
  readonly misses: number
  readonly fetching: number
  readonly fills: number
  readonly waiting: number
  readonly refreshing: number
}

/** A fetch that may end in the store. Revoked when its key is invalidated or purged while it is under way. */
export interface Ticket {
  readonly primary: string
  revoked: boolean
}

/** What a zone is made of besides its store. */
export interface ZoneParts {
  readonly version?: string
  readonly timers?: Timers
  /** Where bodies wait for clients that are slower than their origin. */
  readonly openFile?: () => Promise<SpoolFile>
  /** Most that it keeps in memory of one response. Default: 1 MiB. */
  readonly objectBytes?: number
}

/** One zone; lives as long as the app. */
export class CacheZone {
  readonly name: string
  readonly version: string
  readonly store: CacheStore
  readonly timers: Timers
  readonly openFile: (() => Promise<SpoolFile>) | undefined
  readonly objectBytes: number
  readonly lock = new Lock()
  readonly marks = new Marks()
  readonly bans = new Bans()
  readonly #words: Record<CacheWord, number> = {
    MISS: 0,
    HIT: 0,
    EXPIRED: 0,
    STALE: 0,
    UPDATING: 0,
    REVALIDATED: 0,
    BYPASS: 0
  }
  readonly #tickets = new Set<Ticket>()
  readonly #fills = new Set<Fill>()
  readonly #refreshes = new Refreshes()
  readonly #jobs = new Set<Promise<void>>()
  /** Removals that the store has not finished: what it still finds under these keys is gone already. */
  readonly #removals = new Map<string, Promise<boolean>>()
  #closed = false

  constructor(name: string, store: CacheStore, parts: ZoneParts = {}) {
    this.name = name
    this.store = store
    this.version = parts.version ?? ''
    this.timers = parts.timers ?? NODE_TIMERS
    this.openFile = parts.openFile
    this.objectBytes = parts.objectBytes ?? OBJECT_BYTES
  }

  /** The key of a URL in this zone, all its variants together. */
  primaryKey(facts: Omit<KeyFacts, 'version'>): string {
    return primaryKey(this.version === '' ? facts : { ...facts, version: this.version })
  }

  /** Counts one answer. */
  count(word: CacheWord): void {
    this.#words[word]++
  }

  /** Opens a fetch for a key; `release` it when nothing of it can reach the store any more. */
  admit(primary: string): Ticket {
    const ticket: Ticket = { primary, revoked: this.#closed }
    this.#tickets.add(ticket)
    return ticket
  }

  /** The fetch is over. */
  release(ticket: Ticket): void {
    this.#tickets.delete(ticket)
  }

  /** Fetches of which something can still reach the store. */
  get underWay(): number {
    return this.#tickets.size
  }

  /** Keeps count of a fill until it has ended. */
  addFill(fill: Fill): void {
    this.#fills.add(fill)
  }

  /** The fill has ended. */
  removeFill(fill: Fill): void {
    this.#fills.delete(fill)
  }

  /** Starts a refresh beside a request, unless its key fails, or others come first. `job` never rejects. */
  refresh(key: string, now: number, job: () => Promise<void>): void {
    if (this.#closed || !this.marks.mayRefresh(key, now) || !this.#refreshes.begin(key, now)) return
    const tracked = job().finally(() => {
      this.#refreshes.end()
      this.#jobs.delete(tracked)
    })
    this.#jobs.add(tracked)
  }

  /** Whether a removal of this key is under way. */
  isRemoving(primary: string): boolean {
    return this.#removals.size > 0 && this.#removals.has(primary)
  }

  /** Removes a URL with all its variants, and keeps what is on its way for it out of the store. True when there was something. */
  remove(primary: string): Promise<boolean> {
    for (const ticket of this.#tickets) if (ticket.primary === primary) ticket.revoked = true
    const removal: Promise<boolean> = this.store
      .remove(primary)
      .catch(() => false)
      .finally(() => {
        if (this.#removals.get(primary) === removal) this.#removals.delete(primary)
      })
    this.#removals.set(primary, removal)
    return removal
  }

  /** Purges: a URL at once, anything wider as a ban that entries meet when they are looked up. */
  async purge(what: Purge, now: number): Promise<{ removed: number; banned: number }> {
    if ('url' in what) return { removed: await this.#purgeUrl(what.url, what.upstreams), banned: 0 }
    this.bans.add(what, now)
    return { removed: 0, banned: 1 }
  }

  /** Counters and gauges. */
  stats(): ZoneStats {
    const { HIT, STALE, UPDATING, REVALIDATED, MISS, EXPIRED, BYPASS } = this.#words
    const { flights, waiting } = this.lock.stats()
    return {
      ...this.store.stats(),
      words: { ...this.#words },
      hits: HIT + STALE + UPDATING + REVALIDATED,
      misses: MISS + EXPIRED + BYPASS,
      fetching: flights,
      fills: this.#fills.size,
      waiting,
      refreshing: this.#refreshes.running
    }
  }

  /** Ends fills that are not complete, waits for the rest, for refreshes and removals, then closes the store. */
  async close(): Promise<void> {
    this.#closed = true
    const error = sluiceError('SLUICE_CLOSING')
    const fills = [...this.#fills].map((fill) => fill.close(error))
    await Promise.all([...fills, ...this.#jobs, ...this.#removals.values()])
    await this.store.close()
  }

  async #purgeUrl(url: string, upstreams: readonly string[]): Promise<number> {
    const parts = /^(https?):\/\/([^/?#]+)([^#]*)/i.exec(url)
    if (parts === null) return 0
    const [, scheme = '', authority = '', rest = ''] = parts
    const target = rest.startsWith('/') ? rest : `/${rest}`
    const place = { scheme: scheme.toLowerCase(), authority, target }
    const keys = upstreams.map((upstream) => this.primaryKey({ ...place, upstream }))
    const removed = await Promise.all(keys.map((key) => this.remove(key)))
    return removed.filter(Boolean).length
  }
}
