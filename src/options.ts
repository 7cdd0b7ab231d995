// The options of a registration: all features joined. Each feature's own options live in its folder's options.ts.

import type {
  FastifyContextConfig,
  FastifyRequest,
  RouteOptions as FastifyRouteOptions,
  RouteShorthandOptions
} from 'fastify'
import type { CacheOptions, CacheZoneOptions } from './cache/options'
import type { AccessRule } from './guard/access'
import type { AuthRequestOptions, ConcurrencyOptions } from './guard/options'
import type { ForwardedOptions } from './http/forwarded'
import type { BufferingOptions } from './proxy/buffering'
import type { CookieOptions, ErrorPage, HeaderOptions, TimeoutOptions } from './proxy/options'
import type { RetryOptions } from './proxy/retry-options'
import type { SecurityHeaderOptions } from './proxy/security'
import type { SplitOptions } from './proxy/split'
import type { RateLimitOptions } from './rate-limit/options'
import type { StaticOptions } from './static/options'
import type { Duration, Rate, Size } from './units'
import type { ServerOptions, UpstreamOptions } from './upstream/options'
import type { WebsocketOptions } from './websocket/options'

export type {
  AccessRule,
  AuthRequestOptions,
  BufferingOptions,
  CacheZoneOptions,
  ConcurrencyOptions,
  CookieOptions,
  Duration,
  ErrorPage,
  ForwardedOptions,
  HeaderOptions,
  Rate,
  RateLimitOptions,
  RetryOptions,
  SecurityHeaderOptions,
  ServerOptions,
  Size,
  SplitOptions,
  StaticOptions,
  TimeoutOptions,
  UpstreamOptions,
  WebsocketOptions
}

/** A server of its own, without a name in `upstreams`: `http://127.0.0.1:3000`, with a path `http://127.0.0.1:3000/v1`. */
export type UpstreamUrl = `http://${string}` | `https://${string}` | `unix:${string}`

/** A test on the request: a function, or field names of which one is there and not `0`. */
export type RequestTest = ((request: FastifyRequest) => boolean) | readonly string[]

/** A route's `cache` as an object. */
export type RouteCacheOptions<C extends string = string> = Omit<
  CacheOptions,
  'zone' | 'key' | 'bypass' | 'noStore'
> & {
  /** Name in `caches`. nginx: `proxy_cache` */
  readonly zone: NoInfer<C>
  /** Key of the stored answer in place of scheme, authority, path and query; the upstream's name stays part of it. nginx: `proxy_cache_key` */
  readonly key?: (request: FastifyRequest) => string
  /** Skips the lookup; the answer is stored all the same. nginx: `proxy_cache_bypass` */
  readonly bypass?: RequestTest
  /** Stores nothing for this request. nginx: `proxy_no_cache` */
  readonly noStore?: RequestTest
}

type Hooks = Pick<RouteShorthandOptions, 'onRequest' | 'preParsing' | 'preValidation' | 'preHandler'>

/** What one route does, merged with the defaults. `U` and `C` are the known names of upstreams and caches: those defined, not those that a route happens to name. */
export interface RouteOptions<U extends string = string, C extends string = string> extends Hooks {
  /** Mounts at the prefix and all below it, by whole segments, for every method. nginx: `location /api/` */
  readonly prefix?: string
  /** Mounts at exactly this path, before any prefix. nginx: `location = /path` */
  readonly path?: string
  /** Host names, `*.example.com` for every name below it; ignores port and case. @default every host (nginx: `server_name`) */
  readonly hosts?: readonly string[]
  /** Methods that are forwarded, others get 405. @default every method of the app but TRACE (nginx: `limit_except`) */
  readonly methods?: readonly string[]
  /** Fastify's route constraints. */
  readonly constraints?: FastifyRouteOptions['constraints']
  /** Fastify's route config, read by other plugins. */
  readonly config?: FastifyContextConfig
  /** Where requests go: a name in `upstreams`, a URL, a function that returns a name, or a split. nginx: `proxy_pass`, `split_clients` */
  readonly upstream?:
    | NoInfer<U>
    | UpstreamUrl
    | ((request: FastifyRequest) => NoInfer<U> | Promise<NoInfer<U>>)
    | SplitOptions<NoInfer<U> | UpstreamUrl>
  /** Replaces the matched prefix; `'/'` strips it. @default the raw path goes through byte for byte (nginx: `proxy_pass` with a URI) */
  readonly rewritePrefix?: string
  /** Fields of the forwarded messages. nginx: `proxy_set_header`, `add_header`, `proxy_hide_header` */
  readonly headers?: HeaderOptions
  /** X-Forwarded-*, X-Real-IP, Via, X-Request-Id, Forwarded. @default all on but `rfc7239` */
  readonly forwarded?: boolean | ForwardedOptions
  /** Timers of an exchange. @default connect 5s, send 60s, read 60s, body 60s, total off */
  readonly timeouts?: TimeoutOptions
  /** When a failed try goes to the next server; with `false` it does not, but a kept connection that broke before the answer is replaced once. @default { on: ['error'], tries: 2 } (nginx: `proxy_next_upstream`) */
  readonly retry?: false | RetryOptions
  /** How far an answer is read ahead of its client; `false` hands on every chunk at once. @default 'auto': small bodies whole, larger ones up to 1 MiB ahead (nginx: `proxy_buffering`) */
  readonly buffering?: 'auto' | false | BufferingOptions
  /** Largest request body, 413 beyond it; `false` = none. @default Fastify's bodyLimit (nginx: `client_max_body_size`) */
  readonly bodyLimit?: Size | false
  /** Serves from a shared cache. @default false (nginx: `proxy_cache`) */
  readonly cache?: false | NoInfer<C> | RouteCacheOptions<C>
  /** Relays WebSocket connections. @default false: 426 */
  readonly websocket?: boolean | WebsocketOptions
  /** Serves files. nginx: `root`, `try_files`, `expires` */
  readonly static?: false | StaticOptions
  /** Requests per client. @default false (nginx: `limit_req`) */
  readonly rateLimit?: false | RateLimitOptions | readonly RateLimitOptions[]
  /** Requests at one time per client. @default false (nginx: `limit_conn`) */
  readonly concurrency?: false | ConcurrencyOptions
  /** Who may ask, first match wins. @default everyone (nginx: `allow`, `deny`) */
  readonly access?: false | readonly AccessRule[]
  /** Asks another service first. @default false (nginx: `auth_request`) */
  readonly authRequest?:
    | false
    | (Omit<AuthRequestOptions, 'upstream'> & { readonly upstream: NoInfer<U> | UpstreamUrl })
  /** HSTS on TLS, nosniff, frame options, referrer policy, where the answer has none. @default false */
  readonly securityHeaders?: boolean | SecurityHeaderOptions
  /** Alt-Svc on answers over TLS: `'h3=":443"; ma=86400'` for a terminator in front that speaks HTTP/3. @default false (nginx: `add_header Alt-Svc … always`) */
  readonly altSvc?: false | string
  /** Pages for errors of the edge, by status or `'5xx'`. nginx: `error_page` */
  readonly errorPages?: Readonly<Record<number, ErrorPage> & Partial<Record<`${4 | 5}xx`, ErrorPage>>>
  /** Statuses of the upstream that `errorPages` replaces as well. nginx: `proxy_intercept_errors` */
  readonly interceptErrors?: readonly (number | `${4 | 5}xx`)[]
  /** Brings the upstream's redirects back to the public side. @default true (nginx: `proxy_redirect`) */
  readonly rewriteLocation?: boolean
  /** Rewrites Set-Cookie. nginx: `proxy_cookie_domain`, `proxy_cookie_path`, `proxy_cookie_flags` */
  readonly cookies?: CookieOptions
  /** Redirects and does nothing else; `$host` (without port), `$path` and `$query` stand for the request's. nginx: `return 308 …` */
  readonly redirect?: { readonly to: string; readonly status?: 301 | 302 | 303 | 307 | 308 }
}

/** Options of `app.sluice.cached`: those of a route's `cache`, without what only a network has. */
export type OwnCacheOptions<C extends string = string> = Omit<
  RouteCacheOptions<C>,
  'background' | 'useStale' | 'purge'
> & {
  /** When to serve a stale answer: `updating`, or the status that a handler which throws comes to. @default [] (nginx: `proxy_cache_use_stale`) */
  readonly useStale?: readonly Exclude<
    NonNullable<CacheOptions['useStale']>[number],
    'error' | 'timeout' | 'invalid_header'
  >[]
}

/** Options of `reply.sluice`: those of a route, without what mounts and guards it. */
export type ForwardOptions<C extends string = string> = Pick<
  RouteOptions<string, C>,
  | 'rewritePrefix'
  | 'headers'
  | 'forwarded'
  | 'timeouts'
  | 'retry'
  | 'buffering'
  | 'bodyLimit'
  | 'cache'
  | 'securityHeaders'
  | 'altSvc'
  | 'errorPages'
  | 'interceptErrors'
  | 'rewriteLocation'
  | 'cookies'
>

/** What several routes share. */
interface Shared<U extends string, C extends string> {
  /** Groups of servers by name. nginx: `upstream` */
  readonly upstreams?: Readonly<Record<U, string | UpstreamOptions>>
  /** Cache zones by name. nginx: `proxy_cache_path` */
  readonly caches?: Readonly<Record<C, CacheZoneOptions>>
  /** A Redis client that the user made (ioredis, iovalkey): rate limits count in it across processes. */
  readonly redis?: object
}

/** Where a route mounts: one of the two. */
type Place =
  | { readonly prefix: string; readonly path?: never }
  | { readonly path: string; readonly prefix?: never }

/** `null` takes an option out that `defaults` has. */
type Removable<T> = { readonly [K in keyof T]: T[K] | null }

/** A member of `routes`, or the whole of a flat registration. */
export type RouteDefinition<U extends string = string, C extends string = string> = Place &
  Removable<Omit<RouteOptions<U, C>, 'prefix' | 'path'>>

/** What routes may share. */
export type RouteDefaults<U extends string = string, C extends string = string> = Omit<
  RouteOptions<U, C>,
  'prefix' | 'path'
>

/** Options of one route, where a registration has `routes`. */
type NoRoute = { readonly [K in Exclude<keyof RouteOptions, 'prefix'>]?: never }

interface RouteList<U extends string, C extends string> extends NoRoute {
  readonly routes?: readonly RouteDefinition<U, C>[]
  /** For every route; a route's own options win. Objects merge by key, anything else replaces, `false` switches off, `null` removes. */
  readonly defaults?: RouteDefaults<U, C>
  /** Stands before each route's prefix. */
  readonly prefix?: string
}

type Flat<U extends string, C extends string> = RouteDefinition<U, C> & {
  readonly routes?: never
  readonly defaults?: never
}

/** What defines the names `U` and `C`, and may use `EU` and `EC` besides. */
type Registration<U extends string, C extends string, EU extends string, EC extends string> = Shared<U, C> &
  (RouteList<U | EU, C | EC> | Flat<U | EU, C | EC>)

/** A registration with `routes`, or flat: one route. */
export type SluiceOptions<U extends string = string, C extends string = string> = Registration<
  U,
  C,
  never,
  never
>

/** An earlier registration, for its names. */
interface Earlier {
  readonly upstreams?: Readonly<Record<string, string | UpstreamOptions>>
  readonly caches?: Readonly<Record<string, CacheZoneOptions>>
}

type UpstreamsOf<E> = E extends { readonly upstreams?: infer R } ? keyof NonNullable<R> & string : never
type CachesOf<E> = E extends { readonly caches?: infer R } ? keyof NonNullable<R> & string : never

/**
 * Checks names of upstreams and caches, units and options at compile time; returns its argument. Names that other registrations
 * define are known from those: `defineSluice(options, earlier)`.
 */
export function defineSluice<
  const U extends string = never,
  const C extends string = never,
  const E extends readonly Earlier[] = []
>(
  options: Registration<U, C, UpstreamsOf<E[number]>, CachesOf<E[number]>>,
  ..._earlier: E
): Registration<U, C, UpstreamsOf<E[number]>, CachesOf<E[number]>> {
  return options
}
