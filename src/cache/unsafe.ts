// Requests that may change something: passed on, and what they made invalid goes (RFC 9111 §4.4). A POST's answer may be stored for GET (RFC 9110 §9.3.3).
import { fieldLines } from '../http/fields'
import { sameOriginTarget } from '../http/origin'
import { Admit } from './admit'
import { effectiveDirectives } from './directives'
import { pass } from './fetch'
import { invalidates } from './invalidation'
import type { ResolvedRouteCache } from './options'
import { urlOf } from './purge'
import type { Responses } from './responses'
import { cacheStatus } from './status'
import { invalidatedGroups } from './tags'
import type { CacheAnswer, CacheRequest, Turn } from './turn'
import { clearConditional } from './validation'
import type { CacheZone } from './zone'

/** Asks the rule itself, so that there is one list of safe methods. */
export function isUnsafe(method: string): boolean {
  const anywhere = { method, scheme: 'http', authority: '', target: '/' }
  return invalidates(anywhere, { status: 200, fields: {} }).length > 0
}

/** The unsafe requests of one route. */
export class Unsafe {
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

  /** Passes the request on; what it changed is stored no longer. */
  async respond(turn: Turn): Promise<CacheAnswer> {
    const requestTime = turn.call.now()
    const answer = await pass(turn, 'BYPASS', 'method')
    const { request, primary } = turn
    const targets = invalidates(request, answer.response)
    // The caller does not wait for a disk: while a removal is under way the zone finds nothing under the key.
    const removed = targets.length > 0 ? this.#zone.remove(primary) : undefined
    const { customKey: _own, ...place } = request
    for (const target of targets) void this.#zone.remove(this.#responses.primaryKey({ ...place, target }))
    if (targets.length > 0) this.#invalidateGroups(turn, answer)
    if (!this.#isPage(request, answer.response)) return answer
    await removed
    return this.#store(turn, answer, requestTime)
  }

  /** What belongs to a group of the same origin goes with it (RFC 9875). */
  #invalidateGroups({ request, call }: Turn, { response }: CacheAnswer): void {
    const groups = invalidatedGroups(response.fields)
    if (groups.length === 0) return
    const origin = urlOf({ ...request, target: '' })
    const purge = { of: { groups, origin }, soft: false, upstreams: [] }
    this.#zone.purge(purge, call.now()).catch((error) => {
      call.log?.warn(
        { err: error, zone: this.#zone.name },
        'Cache-Group-Invalidation reached this process only'
      )
    })
  }

  /** Whether the answer to a POST is what a GET of the same URL would get, and its origin says for how long. */
  #isPage(
    { method, customKey, noStore, ...request }: CacheRequest,
    { status, fields }: CacheAnswer['response']
  ): boolean {
    if (method !== 'POST' || status !== 200 || customKey !== undefined || noStore === true) return false
    const [location, second] = fieldLines(fields, 'content-location')
    if (location === undefined || second !== undefined) return false
    if (sameOriginTarget(request, location) !== request.target) return false
    const { lifetimeMs = 0 } = effectiveDirectives(fields, 0, this.#policy.targeted)
    return lifetimeMs > 0
  }

  #store(turn: Turn, { response }: CacheAnswer, requestTime: number): CacheAnswer {
    const { primary, call } = turn
    const fields = clearConditional(turn.request.fields)
    // Its content counts as credentials (decision 21): the origin has to say that the page is for all.
    const request = { ...turn.request, method: 'GET', fields, hasBody: false, private: true }
    const admission = this.#admit.admit({
      request,
      facts: request,
      primary,
      record: undefined,
      response,
      requestTime,
      responseTime: call.now(),
      ticket: this.#zone.admit(primary, requestTime),
      mayStore: true,
      client: call.abort,
      shared: false,
      ahead: call.ahead,
      onEnd: () => {}
    })
    const word = 'BYPASS'
    const facts = { word, fwd: 'method', fwdStatus: response.status, detail: 'method' } as const
    const stored = admission.refusal === undefined
    return {
      response: admission.response,
      outcome: { word, reason: 'method', cacheStatus: cacheStatus({ ...facts, stored }) }
    }
  }
}
