// The part of an explanation that is about the method PURGE: whether it is taken from who asks, and what it would take out (proxy_cache_purge).
import type { FastifyRequest } from 'fastify'
import type { BanOf } from '../cache/bans'
import { PURGE } from '../cache/purge'
import { sluiceError } from '../errors'
import type { AccessRule } from '../guard/access'
import { clientAddress } from '../http/address'
import type { Target } from '../http/target'
import { purgedBy, refusePurge } from '../proxy/purge'
import type { Explanation } from './explanation'
import type { Mounted } from './registry'

/** What a PURGE would do. */
export interface PurgeExplanation {
  readonly verdict: 'allow' | 'deny'
  /** The rule of `cache.purge.access` that matched; who is in none is denied. */
  readonly rule: AccessRule | null
  /** Why it is denied, in the words of the log. */
  readonly reason: string | undefined
  /** The route's cache. */
  readonly zone: string
  /** A URL, from every upstream, or tags. */
  readonly of: BanOf
}

/** Undefined: it is no PURGE, or one that the route forwards like any other method. */
export function explainPurge(
  request: FastifyRequest,
  target: Target,
  { named, route }: Mounted
): Pick<Explanation, 'purge' | 'refused'> | undefined {
  const { purge, methods, cache } = route
  if (request.method !== PURGE || (purge === null && methods !== null)) return undefined
  const { cache: options } = named.options
  if (purge === null || cache === null || typeof options !== 'object' || !options.purge) {
    const { statusCode: status, code } = sluiceError('SLUICE_METHOD_NOT_ALLOWED')
    return { refused: { status, code, reason: 'the route does not take PURGE (cache.purge)' } }
  }
  const refused = refusePurge(request, purge.access)
  const { rule } = purge.access.match(clientAddress(request.ip, request.raw.socket.remoteAddress))
  return {
    purge: {
      verdict: refused === undefined ? 'allow' : 'deny',
      rule: options.purge.access[rule ?? -1] ?? null,
      reason: refused?.detail,
      zone: cache.policy.zone,
      of: purgedBy({ request, target })
    }
  }
}
