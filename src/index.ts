// The public surface. CommonJS as Fastify's own plugins: `require` gives the plugin itself, `import` the names as well.
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import * as options from './options'
import { plugin } from './plugin'
import type * as api from './setup/api'
import { check } from './setup/check'

const wrapped: FastifyPluginAsync<options.SluiceOptions> = fp(plugin, {
  fastify: '5.x',
  name: 'fastify-sluice'
})

const sluice = Object.assign(wrapped, {
  /** The plugin, for `import sluice from`. */
  default: wrapped,
  /** The plugin by name. */
  sluice: wrapped,
  defineSluice: options.defineSluice,
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
}

export = sluice
