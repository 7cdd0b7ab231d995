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
import type { CacheZone, Purge } from './zone'

/** Asks the rule itself, so that there is one list of safe methods. */
export function isUnsafe(method: string): boolean {
  const anywhere = { method, scheme: 'http', authority: '', target: '/' }
  return invalidates(anywhere, { status: 200, fields: {} }).length > 0
}

/** The unsafe requests of one route. */
export class Unsafe {
  readonly #zone: CacheZone
  readonly #policy: ResolvedRouteCache
  readonly #admit: Admit

  constructor(zone: CacheZone, policy: ResolvedRouteCache, responses: Responses) {
    this.#zone = zone
    this.#policy = policy
    this.#admit = new Admit(zone, policy, responses)
  }

  /** Passes the request on; what it changed is stored no longer. */
  async respond(turn: Turn): Promise<CacheAnswer> {
    const requestTime = turn.call.now()
    const answer = await pass(turn, 'BYPASS', 'method')
    const { request, primary } = turn
    const targets = invalidates(request, answer.response)
    if (targets.length > 0) this.#invalidate(turn, answer, targets)
    if (!this.#isPage(request, answer.response)) return answer
    await this.#zone.remove(primary)
    return this.#store(turn, answer, requestTime)
  }

  /** Purges what was changed, here at once. The caller waits neither for a disk nor for other processes. */
  #invalidate({ request, primary, call }: Turn, { response }: CacheAnswer, targets: readonly string[]): void {
    if (request.customKey !== undefined) void this.#zone.remove(primary)
    const upstreams = [request.upstream]
    const purges: Purge[] = targets.map((target) => ({
      of: { url: urlOf({ ...request, target }) },
      soft: false,
      upstreams,
      change: true
    }))
    const groups = invalidatedGroups(response.fields)
    // What belongs to a group of the same origin goes with it (RFC 9875).
    if (groups.length > 0)
      purges.push({ of: { groups, origin: urlOf({ ...request, target: '' }) }, soft: false, upstreams })
    Promise.all(purges.map((purge) => this.#zone.purge(purge, call.now()))).catch((error) => {
      const { name: zone } = this.#zone
      call.log?.warn({ err: error, zone }, 'what an unsafe request changed is invalid in this process only')
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
    // Its content counts as credentials: the origin has to say that the page is for all.
    const request = { ...turn.request, method: 'GET', fields, hasBody: false, private: true }
    const now = call.now()
    const admission = this.#admit.admit({
      request,
      facts: request,
      primary,
      record: undefined,
      response,
      // Newer than the change that it comes of; its age counts from the request all the same.
      requestTime: this.#zone.requestTime(now),
      responseTime: requestTime,
      ticket: this.#zone.admit(primary, now),
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
