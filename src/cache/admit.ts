// A response from upstream: what of it is stored, and what this client gets of it (RFC 9111 §3).
import { Readable } from 'node:stream'
import type { Abort } from '../http/abort'
import { firstLine } from '../http/fields'
import type { Body, Fields, UpstreamResponse } from '../http/message'
import type { Span } from '../http/range'
import type { SpoolOptions } from '../spool/spool'
import { Fill, type FillEnd } from './fill'
import { currentAgeMs, type Freshness, freshness } from './freshness'
import type { ResolvedRouteCache } from './options'
import { urlOf } from './purge'
import type { Responses } from './responses'
import { partialFields, type Selection, select, validators, withoutContent } from './serve'
import { type CacheFacts, storable, storedFields } from './storable'
import type { EntryWriter, StoredHead, VaryRecord } from './store/store'
import { responseTags } from './tags'
import type { CacheRequest } from './turn'
import type { CacheZone, Ticket } from './zone'

/** Of a response whose route says nothing. */
const AHEAD: SpoolOptions = { memoryBytes: 1024 * 1024 }

/** A response as it arrived, and for whom. */
export interface Arrival {
  readonly request: CacheRequest
  readonly facts: CacheFacts
  readonly primary: string
  readonly record: VaryRecord | undefined
  readonly response: UpstreamResponse
  readonly requestTime: number
  readonly responseTime: number
  readonly ticket: Ticket
  /** False: whatever the response says, it is not stored. */
  readonly mayStore: boolean
  /** Undefined: nobody waits for it but the store. */
  readonly client: Abort | undefined
  /** How far it may be read ahead of the client. */
  readonly ahead: SpoolOptions | undefined
  /** Told once when a response that was on its way is in the store, or will not be; never after a refusal. */
  readonly onEnd: (end: AdmitEnd) => void
}

/** What became of a response in the store. */
export type AdmitEnd =
  | { readonly kind: 'stored' }
  | { readonly kind: 'not-stored' }
  | { readonly kind: 'failed' }

/** What the client gets, and whether it is on its way into the store. */
export interface Admission {
  readonly response: UpstreamResponse
  /** Why it is not stored; undefined = it is on its way. */
  readonly refusal: string | undefined
  /** Once stored it can answer others without being validated first. */
  readonly shareable: boolean
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
    const writer = typeof opened === 'string' ? undefined : opened.writer
    const finish = (end: FillEnd['kind']): void => this.#finish(arrival, opened, end)
    const response =
      arrival.response.body instanceof Readable
        ? this.#stream(arrival, { selection, writer, length, finish })
        : this.#whole(arrival, { selection, writer, length, finish })
    if (typeof opened === 'string') return { response, refusal: opened, shareable: false }
    const shareable = isShareable(opened.head, freshness(opened.head, this.#policy), arrival.responseTime)
    return { response, refusal: undefined, shareable }
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
      writer: guard(writer, arrival.ticket, this.#policy.maxObjectBytes),
      key: place.key,
      record: place.record,
      head
    }
  }

  #select(
    { request, response, client, responseTime }: Arrival,
    length: number | undefined
  ): Selection | 'none' {
    if (client === undefined || client.reason !== undefined) return 'none'
    return select(request, { validators: validators(response.status, response.fields), length }, responseTime)
  }

  #whole({ request, response, client }: Arrival, parts: Split): UpstreamResponse {
    const { selection, writer, finish } = parts
    const content = Buffer.isBuffer(response.body) ? response.body : null
    client?.listen(undefined)
    if (writer === undefined) finish('not-stored')
    else {
      if (content !== null) writer.write(content)
      writer.commit().then(
        (entry) => finish(entry === undefined ? 'not-stored' : 'stored'),
        () => finish('not-stored')
      )
    }
    return answer({ request, response, selection, length: content?.length ?? 0, body: content })
  }

  #stream({ request, response, client, ahead = AHEAD }: Arrival, parts: Split): UpstreamResponse {
    const { selection, writer, length, finish } = parts
    const source = response.body as Readable
    const takes = clientTakes(request, selection)
    // Nobody to share it with and nothing to cut: the client reads the source itself.
    if (writer === undefined && takes === 'whole') {
      finish('not-stored')
      return response
    }
    const fill: Fill = new Fill({
      source,
      writer,
      length,
      client: takes,
      timers: this.#zone.timers,
      ahead: ahead.openFile === undefined ? { ...ahead, openFile: this.#zone.openFile } : ahead,
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
    const result = answer({ request, response, selection, length, body })
    return result
  }

  #finish(arrival: Arrival, opened: Opened | string, end: FillEnd['kind']): void {
    const { ticket, onEnd } = arrival
    this.#zone.release(ticket)
    if (typeof opened === 'string') return
    if (end !== 'stored' || ticket.revoked) {
      // A purge says nothing about the response: the next one may well be shared.
      onEnd({ kind: end === 'failed' || ticket.revoked ? 'failed' : 'not-stored' })
      return
    }
    if (opened.record !== undefined) this.#putVary(arrival, opened, opened.record)
    onEnd({ kind: 'stored' })
  }

  #putVary({ primary, record }: Arrival, { key, head }: Opened, names: readonly string[]): void {
    const { store, marks } = this.#zone
    const current = store.peek(primary)
    const known = current !== undefined && 'vary' in current ? current : record
    // The record's time is a limit for its variants: it stays as long as the names do.
    if (known?.vary.join() !== names.join())
      store.putVary(primary, { vary: names, storedAt: head.requestTime })
    const oldest = marks.addVariant(primary, key, this.#policy.vary.max)
    if (oldest !== undefined) void store.remove(oldest)
  }
}

interface Opened {
  readonly writer: EntryWriter
  readonly key: string
  readonly record: readonly string[] | undefined
  readonly head: StoredHead
}

interface Split {
  readonly selection: Selection | 'none'
  readonly writer: EntryWriter | undefined
  readonly length: number | undefined
  readonly finish: (end: FillEnd['kind']) => void
}

interface AnswerParts {
  readonly request: CacheRequest
  readonly response: UpstreamResponse
  readonly selection: Selection | 'none'
  readonly length: number | undefined
  readonly body: Body
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

function clientTakes({ method }: CacheRequest, selection: Selection | 'none'): 'none' | 'whole' | Span {
  if (selection === 'none' || method === 'HEAD') return 'none'
  if (selection.kind === 'whole') return 'whole'
  if (selection.kind !== 'spans') return 'none'
  // Several parts of a body that streams by would have to be kept: the client gets all of it.
  return singleSpan(selection) ?? 'whole'
}

function singleSpan(selection: Selection): Span | undefined {
  return selection.kind === 'spans' && selection.spans.length === 1 ? selection.spans[0] : undefined
}

function answer({ request, response, selection, length, body }: AnswerParts): UpstreamResponse {
  const { status, fields } = response
  if (selection === 'none') return { status, fields, body: null }
  const span = singleSpan(selection)
  if (span !== undefined && length !== undefined && request.method !== 'HEAD') {
    const part = Buffer.isBuffer(body) ? body.subarray(span.start, span.end + 1) : body
    return { status: 206, fields: partialFields(fields, span, length), body: part }
  }
  if (selection.kind === 'whole' || selection.kind === 'spans') {
    return { status, fields, body: request.method === 'HEAD' ? null : body }
  }
  return withoutContent(selection.kind, fields, length)
}

function storedHead(
  { request, response, requestTime, responseTime }: Arrival,
  fields: Fields,
  {
    validFor,
    selecting
  }: { validFor: number | undefined; selecting: Record<string, string | null> | undefined }
): StoredHead {
  const tags = responseTags(fields)
  return {
    status: response.status,
    fields,
    requestTime,
    responseTime,
    ...(validFor !== undefined && { validFor }),
    ...(selecting !== undefined && { selecting }),
    ...(tags.length > 0 && { tags }),
    ...(request.customKey !== undefined && { url: urlOf(request) })
  }
}

/** A writer that keeps nothing once its ticket is revoked or its content too large for the route. */
function guard(writer: EntryWriter, ticket: Ticket, maxBytes: number): EntryWriter {
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
      if (!ticket.revoked && written <= maxBytes) return writer.commit()
      writer.discard()
      return Promise.resolve(undefined)
    }
  }
}
