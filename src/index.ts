// The public surface. CommonJS as Fastify's own plugins: `require` gives the plugin itself, `import` the names as well.
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type * as purge from './cache/purge'
import type * as errors from './errors'
import * as options from './options'
import { plugin } from './plugin'
import type * as record from './proxy/exchange'
import type * as api from './setup/api'
import * as certificates from './setup/certificates'
import { check } from './setup/check'
import type * as control from './setup/control'
import type * as drain from './setup/drain'
import type * as explanation from './setup/explanation'
import type * as pretend from './setup/pretend'
import type * as ready from './setup/ready'
import * as redirect from './setup/redirect-to-https'
import type * as shown from './setup/shown'
import type * as upstreams from './setup/upstreams'
import type * as tls from './tls/options'

declare module 'fastify' {
  interface FastifyInstance {
    /** The edge: purge, upstreams, routes, stats. */
    sluice: api.Sluice
  }
  interface FastifyReply {
    /** Forwards the request from an own handler, by options as of a route; `upstream` is a defined name or a URL. */
    sluice(upstream: string, options?: options.ForwardOptions): this
  }
  interface FastifyRequest {
    /** What is known of the request's way through the edge; null on routes that do not use it. */
    sluice: record.Exchange | null
  }
}

/** As in package.json's peerDependencies. */
const FASTIFY = '^5.11.3'

const wrapped: FastifyPluginAsync<options.SluiceOptions> = fp(plugin, {
  fastify: FASTIFY,
  name: 'fastify-sluice'
})

const watchCertificates = fp(certificates.watchCertificates, {
  fastify: FASTIFY,
  name: 'fastify-sluice-certificates'
})

const redirectToHttps = fp(redirect.redirectToHttps, { fastify: FASTIFY, name: 'fastify-sluice-redirect' })

const sluice = Object.assign(wrapped, {
  /** The plugin, for `import sluice from`. */
  default: wrapped,
  /** The plugin by name. */
  sluice: wrapped,
  /** Checks names, units and options at compile time; returns its argument. */
  defineSluice: options.defineSluice,
  /** Validates options without an app, as `nginx -t`; throws SLUICE_OPTIONS. */
  check,
  /** Keeps the certificate files of the app's TLS listener in force while they are renewed. */
  watchCertificates,
  /** Plain HTTP leads to HTTPS: for an app of its own on port 80. */
  redirectToHttps
})

declare namespace sluice {
  export type SluiceOptions<U extends string = string, C extends string = string> = options.SluiceOptions<
    U,
    C
  >
  export type RouteOptions<U extends string = string, C extends string = string> = options.RouteDefinition<
    U,
    C
  >
  export type RouteDefaults<U extends string = string, C extends string = string> = options.RouteDefaults<
    U,
    C
  >
  export type CacheOptions<C extends string = string> = options.RouteCacheOptions<C>
  export type OwnCacheOptions<C extends string = string> = options.OwnCacheOptions<C>
  export type ForwardOptions<C extends string = string> = options.ForwardOptions<C>
  export type CacheZoneOptions = options.CacheZoneOptions
  export type UpstreamOptions = options.UpstreamOptions
  export type ServerOptions = options.ServerOptions
  export type SplitOptions<U extends string = string> = options.SplitOptions<U>
  export type UpstreamUrl = options.UpstreamUrl
  export type HeaderOptions = options.HeaderOptions
  export type ForwardedOptions = options.ForwardedOptions
  export type TimeoutOptions = options.TimeoutOptions
  export type RetryOptions = options.RetryOptions
  export type BufferingOptions = options.BufferingOptions
  export type CookieOptions = options.CookieOptions
  export type ErrorPage = options.ErrorPage
  export type StaticOptions = options.StaticOptions
  export type RateLimitOptions = options.RateLimitOptions
  export type ConcurrencyOptions = options.ConcurrencyOptions
  export type AccessRule = options.AccessRule
  export type AuthRequestOptions = options.AuthRequestOptions
  export type WebsocketOptions = options.WebsocketOptions
  export type SecurityHeaderOptions = options.SecurityHeaderOptions
  export type Duration = options.Duration
  export type Size = options.Size
  export type Rate = options.Rate
  export type PurgeRequest = purge.PurgeRequest
  export type CacheWord = NonNullable<record.Exchange['cache']>
  export type Sluice = api.Sluice
  export type SluiceStats = api.SluiceStats
  export type UpstreamControl = control.UpstreamControl
  export type UpstreamsControl = upstreams.UpstreamsControl
  export type DrainOptions = drain.DrainOptions
  export type ReadyOptions = ready.ReadyOptions
  export type Explanation = explanation.Explanation
  export type ExplainRequest = pretend.ExplainRequest
  export type ShownRoute = shown.ShownRoute
  export type Exchange = record.Exchange
  export type SluiceError = errors.SluiceError
  export type SluiceErrorCode = errors.SluiceErrorCode
  export type RedirectToHttpsOptions = redirect.RedirectToHttpsOptions
  export type WatchCertificatesOptions = tls.WatchCertificatesOptions
}

// Node finds the names that `import` may take by reading such lines; the values come from `export =` below.
module.exports.sluice = wrapped
module.exports.defineSluice = options.defineSluice
module.exports.check = check
module.exports.watchCertificates = watchCertificates
module.exports.redirectToHttps = redirectToHttps

export = sluice
