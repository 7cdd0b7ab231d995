// The cache of one route: lookup → decide → serve | fetch → store, in nginx's seven words (RFC 9111 §4, proxy_cache). `fetch` is passed in.
import { sluiceError } from '../errors'
import type { UpstreamRequest } from '../http/message'
import { parseCacheControl } from './directives'
import { Errands } from './errand'
import { type CacheExplanation, explainCache } from './explain'
import { pass } from './fetch'
import type { ResolvedRouteCache } from './options'
import { failedOutcome } from './outcome'
import { type Place, Responses, type Stored } from './responses'
import { onMiss, type ReuseInput, reuse, type StaleReason, type StaleUse } from './reuse'
import { isConditional } from './serve'
import { Sharing } from './share'
import { type CacheAnswer, type CacheCall, type CacheRequest, openTurn, type Turn } from './turn'
import { isUnsafe, Unsafe } from './unsafe'
import { keepsOut, keepsToItself, passedOver, staleWord } from './verdict'
import type { CacheZone } from './zone'

/** How often a request may wait for others before it goes alone: for the URL, for its variant, and once for bad luck. */
const MAX_ROUNDS = 3

/** An answer, or undefined: look again. */
type Step = Promise<CacheAnswer | undefined> | CacheAnswer | undefined

/** One route's view of a zone; a zone may have many. */
export class RouteCache {
  readonly #zone: CacheZone
  readonly #policy: ResolvedRouteCache
  readonly #responses: Responses
  readonly #errands: Errands
  readonly #sharing: Sharing
  readonly #unsafe: Unsafe
  #cookieHintGiven = false

  constructor(zone: CacheZone, policy: ResolvedRouteCache) {
    this.#zone = zone
    this.#policy = policy
    if (policy.key !== undefined) zone.noteOwnKeys()
    this.#responses = new Responses(zone, policy)
    this.#errands = new Errands(zone, policy, this.#responses)
    this.#sharing = new Sharing(zone, policy, { responses: this.#responses, errands: this.#errands })
    this.#unsafe = new Unsafe(zone, policy, this.#responses)
  }

  /** Whether requests with this method concern the cache: it answers them, or they invalidate (RFC 9111 §4.4). */
  handles(method: string): boolean {
    return this.#policy.methods.has(method) || isUnsafe(method)
  }

  /** A fresh response in memory, at once and without a promise; undefined = `respond` has to find out. */
  lookup(request: CacheRequest, now: number): CacheAnswer | undefined {
    if (passedOver(request, this.#policy) !== undefined) return undefined
    const stored = this.#responses.peek(request, this.#responses.primaryKey(request))
    if (stored === undefined || keepsOut(request, stored.prepared.freshness.source, this.#policy))
      return undefined
    const { entry, prepared } = stored
    const { method, fields, hasBody, private: isPrivate } = request
    const directives = parseCacheControl(fields['cache-control'])
    const input = {
      request: { method, fields, hasBody, private: isPrivate, directives },
      head: entry.head,
      freshness: prepared.freshness,
      now,
      policy: this.#policy
    }
    if (reuse(input).kind !== 'fresh') return undefined
    this.#zone.count('HIT')
    return this.#errands.hit(request, stored, now)
  }

  /** What would become of the request, without doing any of it. */
  explain(request: CacheRequest, now: number): Promise<CacheExplanation> {
    return explainCache(request, now, {
      zone: this.#zone,
      policy: this.#policy,
      responses: this.#responses
    })
  }

  /** The answer to a request, from the cache or from upstream. Rejects with a SluiceError. */
  async respond(request: CacheRequest, upstream: UpstreamRequest, call: CacheCall): Promise<CacheAnswer> {
    const primary = this.#responses.primaryKey(request)
    const turn = openTurn({ request, upstream, call, primary }, this.#policy)
    try {
      const answer = await this.#respond(turn)
      const { word, reason } = answer.outcome
      this.#zone.count(word)
      if (reason === 'cookie') this.#hintCookies(call)
      return answer
    } catch (error) {
      this.#zone.count(turn.looked)
      call.onFailed?.(failedOutcome(turn))
      throw error
    }
  }

  async #respond(turn: Turn): Promise<CacheAnswer> {
    const { request } = turn
    const reason = passedOver(request, this.#policy)
    if (reason !== undefined) turn.looked = 'BYPASS'
    if (reason === 'method') return this.#unsafe.respond(turn)
    if (reason === 'body') return pass(turn, 'BYPASS', reason)
    if (reason === 'bypass') return this.#bypass(turn)
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const place = await this.#responses.find(request, turn.primary, turn.told)
      const answer = await this.#step(turn, place)
      if (answer !== undefined) return answer
    }
    return this.#sharing.alone(turn, await this.#responses.find(request, turn.primary, turn.told), 'MISS')
  }

  /** One look at what is stored; undefined = it waited for another fetch, look again. */
  #step(turn: Turn, place: Place): Step {
    const { stored } = place
    turn.looked = stored === undefined ? 'MISS' : 'EXPIRED'
    if (stored === undefined) return this.#absent(turn, place)
    const { source } = stored.prepared.freshness
    if (keepsOut(turn.request, source, this.#policy)) {
      turn.looked = 'BYPASS'
      return pass(turn, 'BYPASS', 'cookie')
    }
    const decision = reuse(this.#reuseInput(turn, stored))
    switch (decision.kind) {
      case 'fresh':
        return this.#errands.answer(turn, stored, { word: turn.collapsed ?? 'HIT' })
      case 'stale':
        return this.#stale(turn, place, { stored, ...decision })
      case 'only-if-cached':
        throw sluiceError('SLUICE_ONLY_IF_CACHED')
      default:
        return this.#absent(turn, place)
    }
  }

  #absent(turn: Turn, place: Place): Step {
    const { request, call, facts, directives } = turn
    turn.wish = undefined
    const verdict = onMiss({ request: { ...facts, directives }, policy: this.#policy })
    if (verdict.kind === 'only-if-cached') throw sluiceError('SLUICE_ONLY_IF_CACHED')
    const own = keepsToItself(request, directives, this.#policy)
    if (own !== undefined) return pass(turn, 'MISS', own)
    if (!this.#usedEnough(turn, place)) return pass(turn, 'MISS', 'min-uses')
    const now = call.now()
    if (turn.alone || this.#zone.marks.refused(place.key, turn.personal, now)) {
      return wantsPart(turn) ? pass(turn, 'MISS', 'hit-for-miss') : this.#sharing.alone(turn, place, 'MISS')
    }
    return this.#sharing.share(turn, place, 'MISS')
  }

  #stale(
    turn: Turn,
    place: Place,
    { stored, servable, reason }: { stored: Stored; servable: StaleUse; reason: StaleReason }
  ): Step {
    const { background } = this.#policy
    const word = staleWord(servable, {
      underWay: this.#sharing.underWay(turn, place) !== undefined,
      background
    })
    if (word === 'STALE') this.#refresh(turn, place)
    if (word !== 'EXPIRED') return this.#errands.answer(turn, stored, { word, reason: servable })
    turn.wish = reason === 'expired' ? undefined : reason
    // Who wants it checked gets it checked: not the answer to a question that was asked before.
    const own =
      reason.startsWith('request-') ||
      keepsToItself(turn.request, turn.directives, this.#policy) !== undefined
    const past = own || turn.alone || this.#zone.marks.refused(place.key, turn.personal, turn.call.now())
    return past ? this.#sharing.alone(turn, place, 'EXPIRED') : this.#sharing.share(turn, place, 'EXPIRED')
  }

  /** Refreshes beside the request: one per key, none for a while after a failure, so many at one time. */
  #refresh(turn: Turn, place: Place): void {
    const { call } = turn
    this.#zone.refresh(place.key, call.now(), () => this.#sharing.refresh(turn, place))
  }

  /** Asks upstream whatever is stored; the answer is stored all the same (proxy_cache_bypass). */
  async #bypass(turn: Turn): Promise<CacheAnswer> {
    if (turn.request.noStore === true) return pass(turn, 'BYPASS', 'bypass')
    const { key, record } = await this.#responses.find(turn.request, turn.primary)
    const place: Place = { key, record, stored: undefined }
    const { abort: client } = turn.call
    const errand = {
      turn,
      place,
      flight: undefined,
      mayStore: true,
      client,
      word: 'BYPASS',
      reason: 'bypass'
    } as const
    return this.#errands.run(errand)
  }

  #reuseInput({ facts, directives, call }: Turn, { entry, prepared }: Stored): ReuseInput {
    const { freshness } = prepared
    return {
      request: { ...facts, directives },
      head: entry.head,
      freshness,
      now: call.now(),
      policy: this.#policy
    }
  }

  #usedEnough(turn: Turn, { key }: Place): boolean {
    const { minUses } = this.#policy
    if (minUses <= 1 || turn.counted) return true
    turn.counted = true
    return this.#zone.marks.use(key) >= minUses
  }

  #hintCookies({ log }: CacheCall): void {
    if (this.#cookieHintGiven) return
    this.#cookieHintGiven = true
    const text = 'a request with a Cookie is neither stored nor served where `valid` alone makes it fresh; '
    log?.info(
      { zone: this.#zone.name },
      `${text}set cookies: 'ignore' if the content is the same for everyone`
    )
  }
}

/** A request whose own conditions, range or method are best answered by the origin while nothing can be shared. */
function wantsPart({ request: { method, fields } }: Turn): boolean {
  return method !== 'GET' || fields.range !== undefined || isConditional(fields)
}
