// The public surface. CommonJS as Fastify's own plugins: `require` gives the plugin itself, `import` the names as well.
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type * as errors from './errors'
import * as options from './options'
import { plugin } from './plugin'
import type * as record from './proxy/exchange'
import type * as api from './setup/api'
import { check } from './setup/check'

declare module 'fastify' {
  interface FastifyInstance {
    /** The edge: purge, upstreams, routes, stats. */
    sluice: api.Sluice
  }
  interface FastifyRequest {
    /** What is known of the request's way through the edge; null on the app's own routes. */
    sluice: record.Exchange | null
  }
}

const wrapped: FastifyPluginAsync<options.SluiceOptions> = fp(plugin, {
  fastify: '^5.11.3',
  name: 'fastify-sluice'
})

const sluice = Object.assign(wrapped, {
  /** The plugin, for `import sluice from`. */
  default: wrapped,
  /** The plugin by name. */
  sluice: wrapped,
  /** Checks names, units and options at compile time; returns its argument. */
  defineSluice: options.defineSluice,
  /** Validates options without an app, as `nginx -t`; throws SLUICE_OPTIONS. */
  check
})

declare namespace sluice {
  export type SluiceOptions<U extends string = string, C extends string = string> = options.SluiceOptions<
    U,
    C
  >
  export type RouteOptions<U extends string = string, C extends string = string> = options.RouteOptions<U, C>
  export type Sluice = api.Sluice
  export type SluiceStats = api.SluiceStats
  export type Exchange = record.Exchange
  export type SluiceError = errors.SluiceError
  export type SluiceErrorCode = errors.SluiceErrorCode
}

// Node finds the names that `import` may take by reading such lines; the values come from `export =` below.
module.exports.sluice = wrapped
module.exports.defineSluice = options.defineSluice
module.exports.check = check

export = sluice
