// All schemas joined: what a registration may say. One Ajv pass for each registration (nginx -t).

import { CACHE_ZONE_SCHEMA, ROUTE_CACHE_SCHEMA } from '../cache/options'
import { optionError } from '../errors'
import { accessSchema, authRequestSchema, concurrencySchema } from '../guard/options'
import { forwardedSchema } from '../http/forwarded'
import type { SluiceOptions } from '../options'
import { bufferingSchema } from '../proxy/buffering'
import { cookiesSchema, errorPagesSchema, headersSchema, timeoutsSchema } from '../proxy/options'
import { retrySchema } from '../proxy/retry-options'
import { securityHeadersSchema } from '../proxy/security'
import { splitSchema } from '../proxy/split'
import { rateLimitSchema } from '../rate-limit/options'
import { staticSchema } from '../static/options'
import { upstreamsSchema } from '../upstream/options'
import { websocketSchema } from '../websocket/options'
import { didYouMean } from './did-you-mean'
import { refusePitfalls, refuseRedis } from './pitfalls'
import { type NamedRoute, routesOf } from './routes'
import { validator } from './validate'

const hooks = { anyOf: [{ isFunction: true }, { type: 'array', items: { isFunction: true } }] }
const off = { const: false }
const texts = { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } }

/** `redirect`. */
export const redirectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['to'],
  properties: { to: { type: 'string', minLength: 1 }, status: { enum: [301, 302, 303, 307, 308] } }
}

/** Every option of a route. The README's table is checked against it. */
export const routeSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    prefix: { type: 'string' },
    path: { type: 'string' },
    hosts: texts,
    methods: texts,
    constraints: { type: 'object' },
    config: { type: 'object' },
    onRequest: hooks,
    preParsing: hooks,
    preValidation: hooks,
    preHandler: hooks,
    upstream: { anyOf: [{ type: 'string', minLength: 1 }, { isFunction: true }, splitSchema] },
    rewritePrefix: { type: 'string' },
    headers: headersSchema,
    forwarded: forwardedSchema,
    timeouts: timeoutsSchema,
    retry: retrySchema,
    buffering: bufferingSchema,
    bodyLimit: { anyOf: [{ type: 'string', format: 'size' }, off] },
    cache: ROUTE_CACHE_SCHEMA,
    websocket: websocketSchema,
    static: { anyOf: [off, staticSchema] },
    rateLimit: rateLimitSchema,
    concurrency: { anyOf: [off, concurrencySchema] },
    access: { anyOf: [off, accessSchema] },
    authRequest: { anyOf: [off, authRequestSchema] },
    securityHeaders: securityHeadersSchema,
    altSvc: { anyOf: [{ type: 'string' }, off] },
    errorPages: errorPagesSchema,
    interceptErrors: {
      type: 'array',
      items: { anyOf: [{ type: 'integer', minimum: 400, maximum: 599 }, { enum: ['4xx', '5xx'] }] }
    },
    rewriteLocation: { type: 'boolean' },
    cookies: cookiesSchema,
    redirect: redirectSchema
  }
}

/** Options of a registration that stand beside its routes. */
export const sharedSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    upstreams: upstreamsSchema,
    caches: { type: 'object', additionalProperties: CACHE_ZONE_SCHEMA },
    redis: { type: 'object' }
  }
}

const { prefix: _prefix, path: _path, ...inherited } = routeSchema.properties

/** Every option that routes may share; where a route mounts is its own. */
export const defaultsSchema = { ...routeSchema, properties: inherited }

/** Beside `routes`; Fastify's own register options are let through. */
const AROUND = ['upstreams', 'caches', 'redis', 'routes', 'defaults', 'prefix', 'logLevel', 'logSerializers']
const ROUTE = Object.keys(routeSchema.properties)

const validateRoute = validator(routeSchema)
const validateDefaults = validator(defaultsSchema)
const validateShared = validator(sharedSchema)

/** Runs a step; one that goes on after an error returns undefined for the step that failed. */
export type Attempt = <T>(step: () => T) => T | undefined

/** The routes of a registration, each merged and checked; throws SLUICE_OPTIONS with the path of the wrong option. */
export function readRegistration(
  given: SluiceOptions,
  base: string,
  attempt: Attempt = (step) => step()
): NamedRoute[] {
  const options = given as Readonly<Record<string, unknown>>
  const { upstreams = {}, caches = {}, redis, defaults } = options
  attempt(() => checkNames(options))
  attempt(() => validateShared({ upstreams, caches, ...(redis !== undefined && { redis }) }, ''))
  const inherits = attempt(() => {
    if (defaults !== undefined) validateDefaults(defaults, 'defaults')
    return true
  })
  const routes = inherits === undefined ? [] : (attempt(() => routesOf(given, base)) ?? [])
  attempt(() => refuseRedis(redis as object | undefined))
  for (const route of routes) {
    attempt(() => {
      validateRoute(route.options, route.path)
      refusePitfalls(route)
    })
  }
  return routes
}

function checkNames(options: Readonly<Record<string, unknown>>): void {
  const isList = options.routes !== undefined
  const known = isList ? AROUND : [...new Set([...AROUND, ...ROUTE])]
  const stray = Object.keys(options).find((key) => !known.includes(key))
  if (stray === undefined) return
  const problem = ROUTE.includes(stray)
    ? 'a registration is either flat or has `routes`; put it into `defaults` or into a route'
    : `unknown option${didYouMean(stray, known)}; known: ${known.join(', ')}`
  throw optionError(stray, problem)
}
