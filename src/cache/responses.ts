// Finds the stored response for a request: primary key, variant, bans (RFC 9111 §4.1), and prepares each one once for all its hits.
import type { Fields } from '../http/message'
import type { Judgement } from './bans'
import { ageSeconds, expiredAt, type Freshness, freshness, ttlSeconds } from './freshness'
import { selectingValues, variantKey, varyNames } from './key'
import type { ResolvedRouteCache } from './options'
import { placeOf } from './purge'
import { type Representation, represent, type Servable } from './serve'
import { cacheStatus } from './status'
import type { Found, StoredEntry, StoredHead, VaryRecord } from './store/store'
import type { CacheOutcome, CacheRequest } from './turn'
import type { CacheZone, Ticket } from './zone'

/** More names than this in Vary and the response is not stored. */
const MAX_VARY_NAMES = 16

/** A stored head, made ready for its hits. */
export interface Prepared {
  freshness: Freshness
  readonly representation: Representation
  /** The bans it has been compared with. */
  bans: number
  /** The fields with `Age` and the outcome of a hit: made once a second, frozen, shared by all hits of that second. */
  second: number
  fields: Fields
  hit: CacheOutcome
}

/** A stored response that was selected for a request. */
export interface Stored {
  readonly entry: StoredEntry
  readonly prepared: Prepared
}

/** Content with its head, of the store or on its way there. */
export interface Selected {
  readonly entry: Servable & { readonly head: StoredHead }
  readonly prepared: Prepared
}

/** A record that the store does not have yet: the response that will bring it, and its other variants, are on their way. */
export interface ToldVary extends VaryRecord {
  /** Of that response. Once revoked, its time is none to go by. */
  readonly ticket: Ticket
}

/** Where the response for a request is, or would be. */
export interface Place {
  readonly key: string
  readonly record: VaryRecord | ToldVary | undefined
  readonly stored: Stored | undefined
}

/** Where a new response goes. */
export type NewPlace =
  | {
      readonly key: string
      readonly record: readonly string[] | undefined
      readonly selecting?: Record<string, string | null>
    }
  | undefined

const NO_HIT: CacheOutcome = { word: 'HIT', cacheStatus: '' }

/** The stored responses of a zone as one route reads them. */
export class Responses {
  readonly #zone: CacheZone
  readonly #policy: ResolvedRouteCache
  readonly #prepared = new WeakMap<StoredHead, Prepared>()

  constructor(zone: CacheZone, policy: ResolvedRouteCache) {
    this.#zone = zone
    this.#policy = policy
  }

  /** The key of a URL, all its variants together. */
  primaryKey(
    request: Pick<CacheRequest, 'scheme' | 'authority' | 'target' | 'upstream' | 'customKey'>
  ): string {
    const { scheme, authority, target, upstream, customKey } = request
    const facts = { scheme, authority, target, upstream }
    return this.#zone.primaryKey(customKey === undefined ? facts : { ...facts, custom: customKey })
  }

  /** What is in memory, at once. */
  peek(request: CacheRequest, primary: string): Stored | undefined {
    if (this.#zone.isRemoving(primary)) return undefined
    const { store } = this.#zone
    const found = store.peek(primary)
    if (found === undefined || !isRecord(found)) return this.#accept(request, found, undefined)
    const variant = store.peek(this.#variantKey(request, primary, found))
    return this.#accept(request, variant, found)
  }

  /** As `peek`, the disk included, and the key to store under when there is none. `told` counts where the store knows less. */
  find(request: CacheRequest, primary: string, told?: ToldVary): Promise<Place> {
    const { store } = this.#zone
    return this.#locate(request, primary, { read: (key) => store.peek(key) ?? store.find(key), told })
  }

  /** As `find`, without a trace. */
  look(request: CacheRequest, primary: string): Promise<Place> {
    return this.#locate(request, primary, { read: (key) => this.#zone.store.look(key), told: undefined })
  }

  /** The key of a request among the responses that vary like this. */
  keyFor(request: CacheRequest, primary: string, record: VaryRecord | undefined): string {
    return record === undefined ? primary : this.#variantKey(request, primary, record)
  }

  /** Makes a response on its way ready for one more client; undefined = it is banned. */
  select(request: CacheRequest, entry: Selected['entry']): Selected | undefined {
    const prepared = this.prepare(entry)
    return this.#isBanned(request, entry.head, prepared) ? undefined : { entry, prepared }
  }

  async #locate(
    request: CacheRequest,
    primary: string,
    { read, told }: { read: (key: string) => Found | Promise<Found>; told: ToldVary | undefined }
  ): Promise<Place> {
    if (this.#zone.isRemoving(primary)) return { key: primary, record: undefined, stored: undefined }
    const found = await read(primary)
    const known = found !== undefined && isRecord(found) ? found : undefined
    const record = told === undefined || tellsApart(known, told.vary) ? known : told
    if (record === undefined) {
      return { key: primary, record, stored: this.#accept(request, found, undefined) }
    }
    const key = this.#variantKey(request, primary, record)
    return { key, record, stored: this.#accept(request, await read(key), record) }
  }

  /** Where a response with these fields is stored; undefined = it varies on too much. */
  placeFor(
    request: CacheRequest,
    primary: string,
    response: { fields: Fields; record: VaryRecord | undefined }
  ): NewPlace {
    const names = varyNames(response.fields)
    if (names === '*') return undefined
    if (names === null || names.length === 0) return { key: primary, record: undefined }
    const known = response.record?.vary ?? []
    // Names once seen stay part of the choice: a URL whose Vary alternates keeps its variants.
    const all = names.every((name) => known.includes(name))
      ? known
      : [...new Set([...known, ...names])].sort()
    if (all.length > MAX_VARY_NAMES) return undefined
    const { normalize } = this.#policy.vary
    return {
      key: variantKey(primary, all, request.fields, normalize),
      record: all,
      selecting: selectingValues(all, request.fields, normalize)
    }
  }

  /** Makes an entry ready for its hits; once per stored head. */
  prepare(entry: Selected['entry']): Prepared {
    const before = this.#prepared.get(entry.head)
    if (before !== undefined) return before
    const prepared: Prepared = {
      freshness: freshness(entry.head, this.#policy),
      representation: represent(entry.head, entry.length, this.#policy),
      bans: -1,
      second: -1,
      fields: {},
      hit: NO_HIT
    }
    this.#prepared.set(entry.head, prepared)
    return prepared
  }

  /** Brings `fields` and `hit` up to date. */
  tick({ entry, prepared }: Selected, now: number): void {
    const second = ageSeconds(entry.head, prepared.freshness, now)
    if (second === prepared.second) return
    prepared.second = second
    prepared.fields = Object.freeze({ ...prepared.representation.fields, age: String(second) })
    const ttl = ttlSeconds(entry.head, prepared.freshness, now)
    prepared.hit = Object.freeze({
      word: 'HIT',
      cacheStatus: cacheStatus({ word: 'HIT', ttlSeconds: ttl }),
      ageSeconds: second
    })
  }

  #variantKey(request: CacheRequest, primary: string, record: VaryRecord): string {
    return variantKey(primary, record.vary, request.fields, this.#policy.vary.normalize)
  }

  #accept(
    request: CacheRequest,
    found: StoredEntry | VaryRecord | undefined,
    record: VaryRecord | undefined
  ): Stored | undefined {
    if (found === undefined || isRecord(found)) return undefined
    // A variant older than its record was purged with the record before.
    if (record !== undefined && found.head.requestTime < record.storedAt) return undefined
    const prepared = this.prepare(found)
    return this.#isBanned(request, found.head, prepared) ? undefined : { entry: found, prepared }
  }

  /** Whether a purge has taken it; a soft one makes it stale. */
  #isBanned(request: CacheRequest, head: StoredHead, prepared: Prepared): boolean {
    const { bans } = this.#zone
    // One response for many URLs is purged by the one that it was fetched for, and by the one that asks for it.
    if (request.customKey !== undefined && isGone(bans.judge(request, head), head, prepared)) return true
    if (prepared.bans === bans.sequence) return false
    const place = head.url === undefined ? request : placeOf(head.url)
    if (isGone(bans.judge(place, head, prepared.bans), head, prepared)) return true
    prepared.bans = bans.sequence
    return false
  }
}

function isGone({ gone, staleAt }: Judgement, head: StoredHead, prepared: Prepared): boolean {
  if (staleAt === undefined || gone) return gone
  // Ticks tell what came first; the clock that ages responses does not know them.
  prepared.freshness = expiredAt(head, prepared.freshness, Math.floor(staleAt))
  prepared.second = -1
  return false
}

/** Whether the key chosen by this record tells apart all that these fields vary on: a 304 may bring a Vary of its own. */
export function selects(record: VaryRecord | undefined, fields: Fields): boolean {
  const names = varyNames(fields)
  return names === null || (names !== '*' && tellsApart(record, names))
}

function tellsApart(record: VaryRecord | undefined, names: readonly string[]): boolean {
  return names.every((name) => record?.vary.includes(name) === true)
}

function isRecord(found: StoredEntry | VaryRecord): found is VaryRecord {
  return 'vary' in found
}
