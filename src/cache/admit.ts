// A response from upstream: what of it is stored, and what this client gets of it (RFC 9111 §3).
import { Readable } from 'node:stream'
import type { Abort } from '../http/abort'
import { firstLine } from '../http/fields'
import type { UpstreamResponse } from '../http/message'
import type { SpoolOptions } from '../spool/spool'
import { type Arriving, type ArrivingEntry, growingEntry, wholeEntry } from './arriving'
import { clientTakes, deliver } from './deliver'
import { Fill, type FillEnd } from './fill'
import { currentAgeMs, type Freshness, freshness } from './freshness'
import type { ResolvedRouteCache } from './options'
import type { Responses, ToldVary } from './responses'
import { type Selection, select, validators } from './serve'
import { type CacheFacts, storable, storedFields } from './storable'
import type { EntryWriter, StoredHead, VaryRecord } from './store/store'
import { storedHead } from './stored-head'
import type { CacheRequest } from './turn'
import type { CacheZone, Ticket } from './zone'

/** Of a response whose route says nothing. */
const AHEAD: SpoolOptions = { memoryBytes: 1024 * 1024 }
const NO_CONTENT = Buffer.alloc(0)
/** Of a client on a zone's disk: as `buffering.spill` has by default. */
const ZONE_FILE_BYTES = 1024 ** 3

/** Without a directory of its own, a route's answers may use the zone's. */
export function onZoneDisk(ahead: SpoolOptions, { openFile }: Pick<CacheZone, 'openFile'>): SpoolOptions {
  return { ...ahead, openFile, fileBytes: ahead.fileBytes ?? ZONE_FILE_BYTES }
}

/** A response as it arrived, and for whom. */
export interface Arrival {
  readonly request: CacheRequest
  readonly facts: CacheFacts
  readonly primary: string
  readonly record: VaryRecord | ToldVary | undefined
  readonly response: UpstreamResponse
  readonly requestTime: number
  readonly responseTime: number
  readonly ticket: Ticket
  /** False: whatever the response says, it is not stored. */
  readonly mayStore: boolean
  /** Undefined: it was fetched for nobody but the store. */
  readonly client: Abort | undefined
  /** Others wait for it, or may come while it is under way. */
  readonly shared: boolean
  /** How far it may be read ahead of the client. */
  readonly ahead: SpoolOptions | undefined
  /** Told once when a response that was on its way is in the store, or will not be; never after a refusal. */
  readonly onEnd: (end: AdmitEnd) => void
}

/** What became of a response in the store. */
export type AdmitEnd = 'stored' | 'not-stored'

/** What the client gets, and whether it is on its way into the store. */
export interface Admission {
  readonly response: UpstreamResponse
  /** Why it is not stored; undefined = it is on its way. */
  readonly refusal: string | undefined
  /** For others, at once; undefined where it is not stored, or has to be validated for each of them. */
  readonly arriving: Omit<Arriving, 'word'> | undefined
}

/** Decides, opens the store, and splits the body between client and store. */
export class Admit {
  readonly #zone: CacheZone
  readonly #policy: ResolvedRouteCache
  readonly #responses: Responses

  constructor(zone: CacheZone, policy: ResolvedRouteCache, responses: Responses) {
    this.#zone = zone
    this.#policy = policy
    this.#responses = responses
  }

  /** Takes a response in. The ticket is released, sooner or later. */
  admit(arrival: Arrival): Admission {
    const opened = this.#open(arrival)
    const length = contentLength(arrival.response)
    const selection = this.#select(arrival, typeof opened === 'string' ? undefined : length)
    const finish = (end: FillEnd['kind']): void => this.#finish(arrival, opened, end)
    const split = { selection, opened: typeof opened === 'string' ? undefined : opened, length, finish }
    const { response, entry } =
      arrival.response.body instanceof Readable ? this.#stream(arrival, split) : this.#whole(arrival, split)
    const refusal = typeof opened === 'string' ? opened : undefined
    if (typeof opened === 'string' || entry === undefined) return { response, refusal, arriving: undefined }
    return { response, refusal, arriving: arrivingOf(arrival, opened, entry) }
  }

  #open(arrival: Arrival): Opened | string {
    const { request, facts, response, mayStore, responseTime } = arrival
    if (!mayStore) return 'not-now'
    if (response.unstorable !== undefined) return response.unstorable
    const verdict = storable(facts, response, this.#policy, responseTime)
    if (!verdict.store) return verdict.reason
    const length = contentLength(response)
    if ((length ?? 0) > this.#policy.maxObjectBytes) return 'too-large'
    const place = this.#responses.placeFor(request, arrival.primary, {
      fields: response.fields,
      record: arrival.record
    })
    if (place === undefined) return 'vary'
    const fields = storedFields(response.fields, responseTime, this.#policy.targeted)
    const head = storedHead(arrival, fields, { validFor: verdict.validForMs, selecting: place.selecting })
    const writer = this.#zone.store.open(place.key, head, length)
    if (writer === undefined) return 'store'
    return {
      writer: guard(writer, this.#policy.maxObjectBytes, () => !this.#isOvertaken(arrival, place.key, head)),
      key: place.key,
      record: place.record,
      head,
      shareable: isShareable(head, freshness(head, this.#policy), responseTime)
    }
  }

  /** Purged, banned or replaced by a newer one while it was on its way. */
  #isOvertaken({ ticket, request }: Arrival, key: string, head: StoredHead): boolean {
    const { bans, store } = this.#zone
    const found = store.peek(key)
    const isOlder = found !== undefined && 'head' in found && found.head.requestTime > head.requestTime
    if (isOlder || bans.judge(request, head).gone) this.#zone.revoke(ticket)
    return ticket.revoked
  }

  #select(
    { request, response, client, responseTime }: Arrival,
    length: number | undefined
  ): Selection | 'none' {
    if (client === undefined || client.reason !== undefined) return 'none'
    const { maxRanges } = this.#policy
    const target = { validators: validators(response.status, response.fields), length, maxRanges }
    return select(request, target, responseTime)
  }

  #whole({ request, response, client }: Arrival, parts: Split): Taken {
    const { selection, opened, finish } = parts
    const content = Buffer.isBuffer(response.body) ? response.body : null
    client?.listen(undefined)
    if (opened === undefined) finish('not-stored')
    else {
      const { writer } = opened
      if (content !== null) writer.write(content)
      writer.commit().then(
        (entry) => finish(entry === undefined ? 'not-stored' : 'stored'),
        () => finish('not-stored')
      )
    }
    const length = content?.length ?? 0
    return {
      response: deliver({ request, response, selection, length, body: content }),
      entry: opened?.shareable ? wholeEntry(opened.head, content ?? NO_CONTENT) : undefined
    }
  }

  #stream({ request, response, client, ahead = AHEAD, shared }: Arrival, parts: Split): Taken {
    const { selection, opened, length, finish } = parts
    const source = response.body as Readable
    const takes = clientTakes(request, selection)
    // Nobody to share it with and nothing to cut: the client reads the source itself.
    if (opened === undefined && takes === 'whole') {
      finish('not-stored')
      return { response, entry: undefined }
    }
    const fill: Fill = new Fill({
      source,
      writer: opened?.writer,
      length,
      client: takes,
      shared: shared && opened?.shareable === true,
      timers: this.#zone.timers,
      ahead: this.#ahead(ahead, shared),
      onEnd: (end) => {
        this.#zone.removeFill(fill)
        finish(end.kind)
      },
      onComplete: () => {
        if (response.trailers !== undefined && takes === 'whole') result.trailers = response.trailers
      }
    })
    this.#zone.addFill(fill)
    const { body } = fill
    client?.listen(body === null ? undefined : (reason) => body.destroy(reason))
    const result = deliver({ request, response, selection, length, body })
    return {
      response: result,
      entry: opened?.shareable ? growingEntry(opened.head, length, fill) : undefined
    }
  }

  /** What others read too is kept as far as the zone keeps a response in memory: the slowest holds up nobody before that. */
  #ahead(ahead: SpoolOptions, shared: boolean): SpoolOptions {
    if (ahead.openFile !== undefined) return ahead
    const { openFile, objectBytes } = this.#zone
    if (openFile !== undefined || !shared) return onZoneDisk(ahead, this.#zone)
    return { ...ahead, memoryBytes: Math.max(ahead.memoryBytes, objectBytes) }
  }

  #finish(arrival: Arrival, opened: Opened | string, end: FillEnd['kind']): void {
    const { ticket, onEnd } = arrival
    this.#zone.release(ticket)
    if (typeof opened === 'string') return
    if (end !== 'stored' || ticket.revoked) {
      onEnd('not-stored')
      return
    }
    if (opened.record !== undefined) this.#putVary(arrival, opened, opened.record)
    onEnd('stored')
  }

  #putVary({ primary, record }: Arrival, { key, head }: Opened, names: readonly string[]): void {
    const { store, marks } = this.#zone
    const current = store.peek(primary)
    const told = record !== undefined && 'ticket' in record ? record : undefined
    const known =
      current !== undefined && 'vary' in current ? current : told === undefined ? record : undefined
    // The record's time is a limit for its variants: it stays as long as the names do.
    if (known?.vary.join() !== names.join()) {
      const since = told?.ticket.revoked === false && told.vary.join() === names.join() ? told : undefined
      store.putVary(primary, { vary: names, storedAt: since?.storedAt ?? head.requestTime })
    }
    const oldest = marks.addVariant(primary, key, this.#policy.vary.max)
    if (oldest !== undefined) void store.remove(oldest)
  }
}

interface Opened {
  readonly writer: EntryWriter
  readonly key: string
  readonly record: readonly string[] | undefined
  readonly head: StoredHead
  /** Once stored it can answer others without being validated first. */
  readonly shareable: boolean
}

/** What the client gets, and what others may have of it. */
interface Taken {
  readonly response: UpstreamResponse
  readonly entry: ArrivingEntry | undefined
}

interface Split {
  readonly selection: Selection | 'none'
  readonly opened: Opened | undefined
  readonly length: number | undefined
  readonly finish: (end: FillEnd['kind']) => void
}

function arrivingOf(
  { ticket, requestTime, record }: Arrival,
  opened: Opened,
  entry: ArrivingEntry
): Omit<Arriving, 'word'> {
  const { key, record: vary } = opened
  const storedAt = record?.vary.join() === vary?.join() ? record?.storedAt : undefined
  return { key, record: vary && { vary, storedAt: storedAt ?? requestTime, ticket }, entry }
}

/** Whether a stored response answers others at once: fresh, and not to be validated each time. */
export function isShareable(head: StoredHead, fresh: Freshness, now: number): boolean {
  return !fresh.alwaysValidate && currentAgeMs(head, fresh, now) < fresh.lifetimeMs
}

/** The content as announced; undefined when it ends with the connection or the last chunk. */
function contentLength({ fields, body }: UpstreamResponse): number | undefined {
  if (Buffer.isBuffer(body)) return body.length
  const line = firstLine(fields, 'content-length')
  if (line === undefined) return body === null ? 0 : undefined
  const length = Number(line)
  return Number.isSafeInteger(length) && length >= 0 ? length : undefined
}

/** A writer that keeps nothing that is too large for the route, or no longer wanted when it is complete. */
function guard(writer: EntryWriter, maxBytes: number, isWanted: () => boolean): EntryWriter {
  let written = 0
  return {
    write: (chunk) => {
      written += chunk.length
      if (written <= maxBytes) return writer.write(chunk)
      writer.discard()
      return true
    },
    onDrain: (listener) => writer.onDrain(listener),
    discard: () => writer.discard(),
    commit: () => {
      if (written <= maxBytes && isWanted()) return writer.commit()
      writer.discard()
      return Promise.resolve(undefined)
    }
  }
}
