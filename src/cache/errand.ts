// One fetch for the cache: conditional when something is stored, then 304, stale instead of an error, or a new response (RFC 9111 §4.3).
import { Readable } from 'node:stream'
import { sluiceError } from '../errors'
import type { Abort } from '../http/abort'
import { discard } from '../http/discard'
import type { UpstreamResponse } from '../http/message'
import { Admit, type AdmitEnd, isShareable } from './admit'
import type { Arriving } from './arriving'
import { failureOf, lifeLine, pass, storeRequest } from './fetch'
import { ttlSeconds } from './freshness'
import type { Flight } from './lock'
import type { ResolvedRouteCache } from './options'
import { failureWord, fetchedOutcome, storedOutcome, type Told } from './outcome'
import { type Place, type Responses, type Selected, type Stored, selects, type ToldVary } from './responses'
import { type OriginFailure, staleOnError } from './reuse'
import { serve } from './serve'
import type { CacheWord } from './status'
import { storable } from './storable'
import type { StoredEntry, StoredHead } from './store/store'
import type { CacheAnswer, CacheRequest, Turn } from './turn'
import { conditionalFields, confirms, freshen } from './validation'
import type { CacheZone, Ticket } from './zone'

/** Refusals that say something about who asked, not about the response. */
const PERSONAL: ReadonlySet<string> = new Set(['cookie', 'authorization', 'request-no-store'])

/** A fetch and what it is for. */
export interface Errand {
  readonly turn: Turn
  readonly place: Place
  /** Those who wait for it; undefined = it goes alone. */
  readonly flight: Flight | undefined
  readonly mayStore: boolean
  /** The client that reads the answer; undefined = a refresh beside a request. */
  readonly client: Abort | undefined
  readonly word: CacheWord
  readonly reason?: string
}

interface Arrived {
  readonly response: UpstreamResponse
  readonly requestTime: number
  readonly responseTime: number
  readonly ticket: Ticket
}

/** Runs fetches for one route. */
export class Errands {
  readonly #zone: CacheZone
  readonly #policy: ResolvedRouteCache
  readonly #responses: Responses
  readonly #admit: Admit

  constructor(zone: CacheZone, policy: ResolvedRouteCache, responses: Responses) {
    this.#zone = zone
    this.#policy = policy
    this.#responses = responses
    this.#admit = new Admit(zone, policy, responses)
  }

  /** Fetches; the flight ends whatever happens. */
  async run(errand: Errand): Promise<CacheAnswer> {
    const { turn, client, flight } = errand
    const ticket = this.#zone.admit(turn.primary, turn.call.now(), flight)
    try {
      const answer = await this.#run(errand, ticket)
      if (client?.reason === undefined) return answer
      discard(answer.response.body)
      throw client.reason
    } catch (error) {
      this.#zone.release(ticket)
      // Nobody waits for a fetch that threw without saying how it ended.
      const gone = client === undefined || client.reason !== undefined
      flight?.end(gone ? { kind: 'abandoned' } : { kind: 'refused', personal: turn.personal })
      throw error
    }
  }

  /** The answer to a hit. */
  hit(request: CacheRequest, stored: Selected, now: number): CacheAnswer {
    const { entry, prepared } = stored
    this.#responses.tick(stored, now)
    const { representation, fields, hit } = prepared
    return { response: serve(request, { entry, representation, fields }, now), outcome: hit }
  }

  /** The answer from a stored response, or from one on its way into the store. */
  answer(turn: Turn, stored: Selected, told: Told): CacheAnswer {
    const { request, call } = turn
    const now = call.now()
    const hit = this.hit(request, stored, now)
    if (told.word === 'HIT') return hit
    const { entry, prepared } = stored
    const ttl = ttlSeconds(entry.head, prepared.freshness, now)
    const outcome = storedOutcome(turn, told, { ttlSeconds: ttl, ageSeconds: prepared.second })
    return { response: hit.response, outcome }
  }

  /** Stale in place of a failure, when that is allowed. */
  stale(turn: Turn, stored: Stored | undefined, failure: OriginFailure): CacheAnswer | undefined {
    return stored !== undefined && this.#hides(turn, stored, failure)
      ? this.answer(turn, stored, { word: 'STALE', reason: failureWord(failure) })
      : undefined
  }

  async #run(errand: Errand, ticket: Ticket): Promise<CacheAnswer> {
    const { turn, place, client } = errand
    const spared = this.#spared(errand, ticket)
    if (spared !== undefined) return spared
    const validation = place.stored && conditionalFields(place.stored.entry.head)
    const requestTime = this.#zone.requestTime(turn.call.now())
    let response: UpstreamResponse
    try {
      response = await turn.call.fetch(storeRequest(turn.upstream, validation), lifeLine(turn.call, errand))
    } catch (error) {
      client?.listen(undefined)
      return this.#failed(errand, ticket, error)
    }
    const arrived: Arrived = { response, requestTime, responseTime: turn.call.now(), ticket }
    if (response.status === 304 && validation === undefined) {
      client?.listen(undefined)
      const detail = '304 to a request without conditions'
      return this.#failed(errand, ticket, sluiceError('SLUICE_BAD_RESPONSE', { phase: 'header', detail }))
    }
    const { stored } = place
    if (stored === undefined) return this.#accept(errand, arrived)
    if (response.status === 304) return this.#validated(errand, stored, arrived)
    return this.#insteadOf(errand, stored, arrived) ?? this.#accept(errand, arrived)
  }

  /** Stale without asking, while the origin is known to be down: nobody waits for a failure, and it is left alone. */
  #spared({ turn, place, flight }: Errand, ticket: Ticket): CacheAnswer | undefined {
    if (place.stored === undefined || turn.call.isDown?.() !== true) return undefined
    const failure: OriginFailure = { kind: 'network' }
    const stale = this.stale(turn, place.stored, failure)
    if (stale === undefined) return undefined
    flight?.end({ kind: 'failed', failure })
    this.#zone.release(ticket)
    return { ...stale, outcome: { ...stale.outcome, reason: 'origin-down' } }
  }

  #failed({ turn, place, client, flight }: Errand, ticket: Ticket, error: unknown): CacheAnswer {
    const failure = client?.reason === undefined ? failureOf(error) : undefined
    if (failure === undefined) throw error
    // An error answer says something about who asked, when who asked said who they are.
    const personal = failure.kind === 'status' && turn.personal
    flight?.end(personal ? { kind: 'refused', personal } : { kind: 'failed', failure, error })
    const stale = this.stale(turn, place.stored, failure)
    if (stale === undefined) throw error
    this.#zone.release(ticket)
    return stale
  }

  /** A stale response instead of an error status, when that is allowed; a refresh never replaces it with a 5xx. */
  #insteadOf({ turn, client, flight }: Errand, stored: Stored, arrived: Arrived): CacheAnswer | undefined {
    const { status, body } = arrived.response
    if (status < 400) return undefined
    const failure: OriginFailure = { kind: 'status', status }
    const spared = client === undefined && status >= 500
    if (!spared && !this.#hides(turn, stored, failure)) return undefined
    client?.listen(undefined)
    discard(body)
    this.#zone.release(arrived.ticket)
    flight?.end({ kind: 'failed', failure })
    return this.answer(turn, stored, { word: 'STALE', reason: failureWord(failure), fwdStatus: status })
  }

  #hides({ facts, directives, call }: Turn, { entry, prepared }: Stored, failure: OriginFailure): boolean {
    const { freshness } = prepared
    const request = { ...facts, directives }
    return staleOnError(
      { request, head: entry.head, freshness, now: call.now(), policy: this.#policy },
      failure
    )
  }

  #validated(errand: Errand, stored: Stored, arrived: Arrived): CacheAnswer | Promise<CacheAnswer> {
    const { turn, place, client, flight } = errand
    const { response, ticket, responseTime } = arrived
    const { head } = stored.entry
    client?.listen(undefined)
    discard(response.body)
    if (!confirms(head, response)) {
      // It answers for other content than ours (§4.3.4): ask again without conditions.
      return this.#run({ ...errand, place: { ...place, stored: undefined } }, ticket)
    }
    const fresh = freshen(head, response, { ...arrived, targeted: this.#policy.targeted })
    const verdict = storable(turn.facts, fresh, this.#policy, responseTime)
    const entry = withHead(stored.entry, verdict.store ? withValidFor(fresh, verdict.validForMs) : fresh)
    const renewed: Stored = { entry, prepared: this.#responses.prepare(entry) }
    const refusal = verdict.store
      ? selects(place.record, fresh.fields)
        ? undefined
        : 'vary'
      : verdict.reason
    if (refusal === undefined && errand.mayStore && !ticket.revoked) this.#keep(errand, renewed, ticket)
    else {
      this.#zone.release(ticket)
      const personal = refusal !== undefined && PERSONAL.has(refusal)
      if (refusal !== undefined && !personal) void this.#zone.remove(turn.primary)
      flight?.end({ kind: 'refused', personal })
    }
    return this.answer(turn, renewed, { word: 'REVALIDATED', fwdStatus: 304 })
  }

  #keep({ turn, place: { key, record }, flight }: Errand, { entry, prepared }: Stored, ticket: Ticket): void {
    const { store, marks } = this.#zone
    const shared = isShareable(entry.head, prepared.freshness, turn.call.now())
    if (!shared) marks.refuse(key, false, turn.call.now())
    else flight?.publish(renewedArriving(key, entry, record && { ...record, ticket }))
    const end = (): void => {
      this.#zone.release(ticket)
      flight?.end(shared ? { kind: 'stored', word: 'REVALIDATED' } : REFUSED)
    }
    store.freshen(key, entry.head).then(end, end)
  }

  #accept(errand: Errand, arrived: Arrived): CacheAnswer | Promise<CacheAnswer> {
    const { turn, place, client, flight, mayStore, word } = errand
    const { marks } = this.#zone
    const { request, facts, primary, call } = turn
    const { response, refusal, arriving } = this.#admit.admit({
      request,
      facts,
      primary,
      record: place.record,
      ...arrived,
      mayStore,
      client,
      shared: flight !== undefined,
      ahead: call.ahead,
      onEnd: (end) => this.#ended(errand, end)
    })
    const personal = refusal !== undefined && PERSONAL.has(refusal)
    if (arriving === undefined) {
      if (mayStore) marks.refuse(place.key, personal, call.now())
      flight?.end({ kind: 'refused', personal })
    } else {
      marks.accept(place.key)
      flight?.publish({ ...arriving, word })
    }
    if (refusal !== undefined && !personal && mayStore) this.#superseded(errand, arrived.response.status)
    if (refusal !== undefined && isRangeOf(request, response)) {
      // The whole was asked for to be kept. As it is not, the bytes before the client's range need not be waited for.
      discard(response.body)
      return pass(turn, word, refusal)
    }
    return { response, outcome: fetchedOutcome(errand, arrived.response.status, refusal) }
  }

  /** Not stored after all: who still waits may lead, and the others get that as it comes. */
  #ended({ flight, word }: Errand, end: AdmitEnd): void {
    flight?.end(end === 'stored' ? { kind: 'stored', word } : { kind: 'abandoned' })
  }

  /** A response that cannot be stored has taken the place of the stored one; an error may pass. */
  #superseded({ place, turn }: Errand, status: number): void {
    if (place.stored === undefined) return
    if (status < 400 || status === 404 || status === 410) void this.#zone.remove(turn.primary)
  }
}

const REFUSED = { kind: 'refused', personal: false } as const

/** The client wants a range and a long whole has come. */
function isRangeOf({ method, fields }: CacheRequest, { status, body }: UpstreamResponse): boolean {
  return method === 'GET' && fields.range !== undefined && status === 200 && body instanceof Readable
}

function withValidFor(head: StoredHead, validFor: number | undefined): StoredHead {
  const { validFor: _before, ...rest } = head
  return validFor === undefined ? rest : { ...rest, validFor }
}

function renewedArriving(key: string, entry: StoredEntry, record: ToldVary | undefined): Arriving {
  return { key, record, entry: { ...entry, isWhole: () => true }, word: 'REVALIDATED' }
}

function withHead(entry: StoredEntry, head: StoredHead): StoredEntry {
  const { key, length, buffer } = entry
  return { key, head, length, buffer, read: (start, end) => entry.read(start, end) }
}
