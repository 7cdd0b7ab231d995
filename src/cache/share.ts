// Requests for one key at one time (proxy_cache_lock): one leads, the others get its response as it comes, or what its end says of theirs.
import { discard } from '../http/discard'
import type { Arriving } from './arriving'
import type { Errands } from './errand'
import { pass } from './fetch'
import type { Flight, FlightEnd } from './lock'
import type { ResolvedRouteCache } from './options'
import type { Place, Responses } from './responses'
import { type ReuseInput, reuse } from './reuse'
import type { CacheWord } from './status'
import type { CacheAnswer, Turn } from './turn'
import { flightAgeMs, keepsOut, mayStore } from './verdict'
import type { CacheZone } from './zone'

/** An answer, or undefined: look again. */
type Outcome = CacheAnswer | undefined | Promise<CacheAnswer | undefined>

/** Why a response on its way is no answer. */
type NoAnswer =
  /** It asks for another variant. */
  | 'other'
  /** Its beginning is gone: the store will have it. */
  | 'later'
  /** It is of no use to who comes now: another has to be fetched. */
  | 'unfit'

/** One route's view of the fetches under way in its zone. */
export class Sharing {
  readonly #zone: CacheZone
  readonly #policy: ResolvedRouteCache
  readonly #responses: Responses
  readonly #errands: Errands

  constructor(
    zone: CacheZone,
    policy: ResolvedRouteCache,
    parts: { responses: Responses; errands: Errands }
  ) {
    this.#zone = zone
    this.#policy = policy
    this.#responses = parts.responses
    this.#errands = parts.errands
  }

  /** The fetch under way for a place. */
  underWay({ call }: Turn, { key }: Place): Flight | undefined {
    return this.#zone.lock.current(key, call.now(), flightAgeMs(this.#policy))
  }

  /** Leads the fetch for a place, or takes part in the one under way. */
  share(turn: Turn, place: Place, word: CacheWord): Outcome {
    const flight = this.underWay(turn, place)
    if (flight === undefined) return this.#lead(turn, place, word)
    if (this.#policy.lock === undefined) return this.alone(turn, place, word)
    if (flight.arriving === undefined) return this.#follow(turn, place, { flight, word })
    const answer = this.#join(turn, flight.arriving)
    if (answer === 'unfit') return this.#lead(turn, place, word)
    if (answer === 'later') return this.#follow(turn, place, { flight, word })
    return answer === 'other' ? undefined : answer
  }

  /** Fetches past the lock. */
  alone(turn: Turn, place: Place, word: CacheWord): Promise<CacheAnswer> {
    const { abort: client } = turn.call
    return this.#errands.run({
      turn,
      place,
      flight: undefined,
      mayStore: mayStore(turn.request),
      client,
      word
    })
  }

  /** Leads a fetch that no client waits for; ends with it, and remembers whether it went well. */
  async refresh(turn: Turn, place: Place): Promise<void> {
    const { marks, lock } = this.#zone
    const { now } = turn.call
    const flight = lock.lead(place.key, now())
    const errand = { turn, place, flight, mayStore: mayStore(turn.request), client: undefined } as const
    try {
      const { response } = await this.#errands.run({ ...errand, word: 'EXPIRED' })
      discard(response.body)
      const { kind } = await flight.ended()
      if (kind === 'stored' || (kind === 'refused' && response.status < 400)) marks.refreshed(place.key)
      else marks.refreshFailed(place.key, now())
    } catch {
      marks.refreshFailed(place.key, now())
    }
  }

  #lead(turn: Turn, place: Place, word: CacheWord): Promise<CacheAnswer> {
    const { abort: client } = turn.call
    const flight = this.#zone.lock.lead(place.key, turn.call.now())
    return this.#errands.run({ turn, place, flight, mayStore: mayStore(turn.request), client, word })
  }

  async #follow(
    turn: Turn,
    place: Place,
    { flight, word }: { flight: Flight; word: CacheWord }
  ): Promise<CacheAnswer | undefined> {
    const { abort: client } = turn.call
    const timeoutMs = this.#policy.lock?.timeoutMs ?? 0
    const end = await flight.wait(timeoutMs, client, this.#zone.timers)
    switch (end.kind) {
      case 'arriving': {
        const answer = this.#join(turn, end.arriving)
        return typeof answer === 'string' ? undefined : answer
      }
      case 'gone':
        throw end.reason
      case 'timeout': {
        const reason = 'lock-timeout'
        return this.#errands.run({ turn, place, flight: undefined, mayStore: false, client, word, reason })
      }
      default:
        return this.#ended(turn, place, end)
    }
  }

  #ended(turn: Turn, place: Place, end: FlightEnd): CacheAnswer | undefined {
    if (end.kind === 'stored') turn.collapsed = end.word
    if (end.kind === 'refused') turn.alone = turn.personal || !end.personal
    if (end.kind !== 'failed') return undefined
    const stale = this.#errands.stale(turn, place.stored, end.failure)
    if (stale !== undefined) return stale
    if (end.error !== undefined) throw end.error
    turn.alone = true
    return undefined
  }

  /** The answer from a response on its way, under the rules for one that is stored. */
  #join(turn: Turn, { key, record, entry, word }: Arriving): Outcome | NoAnswer {
    const { request, primary, call, facts, directives } = turn
    if (this.#responses.keyFor(request, primary, record) !== key) {
      turn.told = record
      return 'other'
    }
    const selected = this.#responses.select(request, entry)
    if (selected === undefined) return 'unfit'
    const { freshness } = selected.prepared
    if (keepsOut(request, freshness.source, this.#policy)) return pass(turn, 'BYPASS', 'cookie')
    const input: ReuseInput = {
      request: { ...facts, directives },
      head: entry.head,
      freshness,
      now: call.now(),
      policy: this.#policy
    }
    const decision = reuse(input)
    if (decision.kind === 'stale' && decision.reason.startsWith('request-')) {
      // Who wants it checked gets it checked: not the answer to a question that was asked before.
      turn.alone = true
      return undefined
    }
    if (decision.kind !== 'fresh') return 'unfit'
    // Of unknown length, and longer than what is kept: the store will hardly keep it either.
    if (!entry.isWhole()) return entry.length === undefined ? 'unfit' : 'later'
    turn.collapsed = word
    const answer = this.#errands.answer(turn, selected, { word })
    const { body } = answer.response
    if (body !== null && !Buffer.isBuffer(body)) call.abort.listen((reason) => body.destroy(reason))
    return answer
  }
}
