// A route as the request path sees it: every option resolved, every part at hand. Built once, by setup/.

import type { FastifyRequest } from 'fastify'
import type { BanOf } from '../cache/bans'
import type { RouteCache } from '../cache/cache'
import type { ResolvedRouteCache } from '../cache/options'
import type { Purged } from '../cache/zone'
import type { Access } from '../guard/access'
import type { Auth } from '../guard/auth'
import type { Concurrency } from '../guard/concurrency'
import type { ResolvedForwarded } from '../http/forwarded'
import type { Mount } from '../http/target'
import type { RateLimits } from '../rate-limit/hook'
import type { Static } from '../static/handler'
import type { Protocol } from '../upstream/protocol'
import type { Upstream } from '../upstream/upstream'
import type { Buffering } from './buffering'
import type { ErrorPages } from './error-page'
import type { ResolvedHeaders, ResolvedTimeouts } from './options'
import type { CookieRewrite } from './response'
import type { ResolvedRetry } from './retry-options'
import type { ResolvedSecurityHeaders } from './security'
import type { SendTimeout } from './send-timeout'

/** A group as routes refer to it. */
export interface UpstreamRef {
  readonly name: string
  readonly group: Upstream
  /** Whether its servers are reached over TLS: decides on Host. */
  readonly secure: boolean
  /** Decides whether it can be asked to upgrade. */
  readonly protocol: Protocol
  /** `host:port` of its servers, for redirects that name them. */
  readonly authorities: ReadonlySet<string>
  /** The option that defines it (`upstreams.app`), and those that name its servers by URL; undefined for a URL on a route. */
  readonly optionPath: string | undefined
  readonly serverPaths: ReadonlyMap<string, string>
  /** Names of the cookies that the edge sets for any group of the app: no server sees them. */
  readonly edgeCookies: ReadonlySet<string>
}

/** Where a request of the route goes; a function of the user's may take its time. */
export type ChooseUpstream = (request: FastifyRequest) => UpstreamRef | Promise<UpstreamRef>

/** The limits of the route, in the order in which they are asked. */
export interface Guards {
  readonly access: Access | null
  readonly rateLimits: RateLimits | null
  readonly concurrency: Concurrency | null
  readonly auth: { readonly ask: Auth; readonly upstream: UpstreamRef } | null
  /** A limit counts by the client's address. */
  readonly byAddress: boolean
}

/** Who may send PURGE, and what it does. */
export interface RoutePurge {
  readonly access: Access
  run(of: BanOf): Promise<Purged>
}

export interface Route {
  /** Prefix or path, as logged and as in `Exchange.route`. */
  readonly name: string
  /** What stands before its options' names in messages: `routes[2].`, or nothing for a flat registration. */
  readonly optionPrefix: string
  readonly mount: Mount
  /** Every mount of the app: another reading of a path must not lead to one of these. */
  readonly mounts: readonly Mount[]
  /** null = every method but TRACE, which would echo credentials. */
  readonly methods: ReadonlySet<string> | null
  /** The Allow field of a 405. */
  readonly allow: string
  readonly headers: ResolvedHeaders
  readonly forwarded: ResolvedForwarded
  readonly timeouts: ResolvedTimeouts
  /** null = a client may take its time. */
  readonly sendTimeout: SendTimeout | null
  readonly retry: ResolvedRetry
  /** Content-Length up to which a body comes whole; 0 = none. */
  readonly collect: number
  /** How far anything else is read ahead of the client. */
  readonly buffering: Buffering
  /** Bytes, 0 = no limit. */
  readonly bodyLimit: number
  readonly security: ResolvedSecurityHeaders | null
  /** The field's text; null = none. */
  readonly altSvc: string | null
  readonly errorPages: ErrorPages | null
  /** Segments of the prefix and what stands for them; null = the raw path as it is. */
  readonly rewrite: { readonly segments: number; readonly to: string } | null
  readonly rewriteLocation: boolean
  readonly cookies: CookieRewrite | null
  readonly redirect: { readonly to: string; readonly status: number } | null
  readonly guards: Guards
  /** Fields that only the auth server may set. */
  readonly authNames: ReadonlySet<string>
  readonly static: Static | null
  readonly cache: { readonly route: RouteCache; readonly policy: ResolvedRouteCache } | null
  /** null = PURGE is a method like others that the route does not take. */
  readonly purge: RoutePurge | null
  readonly upstream: ChooseUpstream | null
  /** Our name in Via. */
  readonly viaId: string
}
