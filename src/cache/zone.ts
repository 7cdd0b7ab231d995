// A cache zone (proxy_cache_path): one store, its lock, what is under way in it, and how it is purged. Many routes share one.
import { sluiceError } from '../errors'
import type { SpoolFile } from '../spool/temporary-file'
import { type Ban, type BanOf, Bans } from './bans'
import type { Fill } from './fill'
import { type KeyFacts, keyPlace, primaryKey } from './key'
import { type Flight, Lock, NODE_TIMERS, type Timers } from './lock'
import { Lurker } from './lurker'
import { Marks } from './marks'
import { elsewhere, Moments } from './moments'
import { placeOf } from './purge'
import { Refreshes } from './refreshes'
import type { Spread } from './spread'
import type { CacheWord } from './status'
import type { CacheStore, StoreStats } from './store/store'

const OBJECT_BYTES = 1024 * 1024

/** A purge. `upstreams` are the names under which a URL may be stored. */
export interface Purge {
  readonly of: BanOf
  readonly soft: boolean
  readonly upstreams: readonly string[]
  /** By an unsafe request, of its own URL (RFC 9111 §4.4). */
  readonly change?: true
}

/** What became of it. */
export interface Purged {
  /** URLs that were stored and are no longer. */
  readonly removed: number
  /** Bans that stored responses meet as they are looked up. */
  readonly banned: number
}

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
  readonly openedAt: number
  /** Those who wait for it. */
  readonly flight: Flight | undefined
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
  /** How purges reach other processes. */
  readonly spread?: Spread
  /** The clock of the lurker; without it what is banned goes when it is looked up, or the oldest. */
  readonly now?: () => number
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
  readonly #spread: Spread | undefined
  readonly #lurker: Lurker | undefined
  readonly #moments = new Moments()
  /** A route has a key of its own: one response may be stored for many URLs. */
  #ownKeys = false
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
    this.#spread = parts.spread
    this.#lurker = parts.now && this.#lurkerWith(parts.now)
  }

  /** Before the first request: what was purged while no process of this one's was there stays purged. */
  async start(): Promise<void> {
    await this.#spread?.subscribe({
      add: (ban) => this.#ban({ ...ban, at: elsewhere(ban.at) }),
      list: () => this.bans.list()
    })
    this.#lurker?.start()
  }

  /** The key of a URL in this zone, all its variants together. */
  primaryKey(facts: Omit<KeyFacts, 'version'>): string {
    return primaryKey(this.version === '' ? facts : { ...facts, version: this.version })
  }

  /** Counts one answer. */
  count(word: CacheWord): void {
    this.#words[word]++
  }

  /** Told by a route whose keys say nothing about the URL. */
  noteOwnKeys(): void {
    this.#ownKeys = true
  }

  /** When a request is sent whose response may be stored: later than every purge until then. */
  requestTime(now: number): number {
    return this.#moments.ask(now)
  }

  /** Opens a fetch for a key, and for those who wait for it; `release` it when nothing of it can reach the store any more. */
  admit(primary: string, now: number, flight?: Flight): Ticket {
    const ticket: Ticket = { primary, openedAt: this.requestTime(now), flight, revoked: this.#closed }
    this.#tickets.add(ticket)
    return ticket
  }

  /** Keeps a fetch out of the store, and from everyone who is not reading it yet. */
  revoke(ticket: Ticket): void {
    ticket.revoked = true
    ticket.flight?.abandon()
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
    for (const ticket of this.#tickets) if (ticket.primary === primary) this.revoke(ticket)
    const removal: Promise<boolean> = this.store
      .remove(primary)
      .catch(() => false)
      .finally(() => {
        if (this.#removals.get(primary) === removal) this.#removals.delete(primary)
      })
    this.#removals.set(primary, removal)
    return removal
  }

  /** Purges up to this moment: a URL at once, anything wider, or soft, as a ban that entries meet when they are looked up. */
  async purge({ of, soft, upstreams, change }: Purge, now: number): Promise<Purged> {
    const place = 'url' in of && !soft ? placeOf(of.url) : undefined
    const keys =
      place === undefined ? [] : upstreams.map((upstream) => this.primaryKey({ ...place, upstream }))
    const removals = keys.map((key) => this.remove(key))
    const ban: Ban = { of, at: this.#moments.purge(now), soft, ...(change && { change }) }
    this.#ban(ban)
    const [removed] = await Promise.all([Promise.all(removals), this.#tell(ban)])
    if (place === undefined) return { removed: 0, banned: 1 }
    return { removed: removed.filter(Boolean).length, banned: this.#ownKeys ? 1 : 0 }
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
    this.#lurker?.close()
    await this.#spread?.close()
    await this.store.close()
  }

  /** Who asked has to know when others go on with what was to be purged. */
  async #tell(ban: Ban): Promise<void> {
    try {
      await this.#spread?.publish(ban)
    } catch (error) {
      const detail = `purge: done in this process only, others could not be told: ${(error as Error).message}`
      throw sluiceError('SLUICE_INTERNAL', { detail })
    }
  }

  #lurkerWith(now: () => number): Lurker {
    const { bans, store, timers } = this
    return new Lurker({
      timers,
      now,
      purges: () => bans.purges,
      sweep: (isGone) => store.sweep(isGone),
      isGone: (key, head) =>
        bans.judge(head.url === undefined ? keyPlace(key) : placeOf(head.url), head).gone,
      oldestFetch: () => {
        let oldest = Number.POSITIVE_INFINITY
        for (const { openedAt } of this.#tickets) oldest = Math.min(oldest, openedAt)
        return oldest
      },
      forget: (before) => bans.forget(before)
    })
  }

  /** Of this process or another one. What is under way may show only later that it is banned: by its tags, or its own URL. */
  #ban(ban: Ban): void {
    if (!this.bans.add(ban) || ban.soft) return
    for (const ticket of this.#tickets) {
      const asked = { requestTime: ticket.openedAt }
      if (this.bans.judge(keyPlace(ticket.primary), asked).gone) this.revoke(ticket)
    }
  }
}
