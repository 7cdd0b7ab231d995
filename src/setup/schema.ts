// All schemas joined: what a registration may say. One Ajv pass for each registration (nginx -t).

import { CACHE_ZONE_SCHEMA, ROUTE_CACHE_SCHEMA } from '../cache/options'
import { optionError, type SluiceError } from '../errors'
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
import { isPlain } from './merge'
import { counterpartOf } from './nginx-words'
import { pitfallsOf, strayHosts, strayRedis } from './pitfalls'
import { type Attempt, atOnce, type NamedRoute, routesOf } from './routes'
import { type Finding, finder } from './validate'

const hooks = { anyOf: [{ isFunction: true }, { type: 'array', items: { isFunction: true } }] }
const off = { const: false }
const texts = { type: 'array', minItems: 1, items: { type: 'string', minLength: 1 } }

/** Of an object, by its properties: all that a reader of it needs to know. */
export interface ObjectSchema {
  readonly type: 'object'
  readonly additionalProperties: false
  readonly properties: Readonly<Record<string, object>>
}

/** `redirect`. */
export const redirectSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['to'],
  properties: { to: { type: 'string', minLength: 1 }, status: { enum: [301, 302, 303, 307, 308] } }
}

/** Every option of a route. The README's table is checked against it. */
export const routeSchema: ObjectSchema = {
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
export const sharedSchema: ObjectSchema = {
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
export const defaultsSchema: ObjectSchema = { ...routeSchema, properties: inherited }

/** Beside `routes`; Fastify's own register options are let through. */
const AROUND = ['upstreams', 'caches', 'redis', 'routes', 'defaults', 'prefix', 'logLevel', 'logSerializers']
const ROUTE = Object.keys(routeSchema.properties)

const findInRoute = finder(routeSchema)
const findInDefaults = finder(defaultsSchema)
const findInShared = finder(sharedSchema)

/** What a registration comes to. */
export interface Read {
  /** Each merged and checked. */
  readonly routes: readonly NamedRoute[]
  /** Where the attempt goes on: of routes with a wrong form or place, the options that are right. */
  readonly remains: readonly NamedRoute[]
}

/** The routes of a registration; throws SLUICE_OPTIONS with the path of the wrong option. */
export function readRegistration(given: SluiceOptions, base: string, attempt: Attempt = atOnce): Read {
  if (!isPlain(given)) {
    attempt(() => {
      throw optionError('options', 'must be an object')
    })
    return { routes: [], remains: [] }
  }
  const report: Report = (errors) => {
    for (const error of errors)
      attempt(() => {
        throw error
      })
  }
  const right = rightShared(given as Readonly<Record<string, unknown>>, report)
  const all = attempt(() => routesOf(right, base, attempt)) ?? []
  const routes: NamedRoute[] = []
  const remains: NamedRoute[] = []
  for (const route of all) {
    const found = findInRoute(route.options, route.path)
    report(found.map(({ error }) => error))
    const rest = { ...route, options: without(route.options, found), own: without(route.own, found) }
    report(strayHosts(rest))
    if (found.length > 0 || route.url === '') remains.push(rest)
    else {
      report(pitfallsOf(route))
      routes.push(route)
    }
  }
  return { routes, remains }
}

type Report = (errors: Iterable<SluiceError>) => void

/** What stands around the routes, looked at; without what is wrong about it, so that no route is told of it again. */
function rightShared(options: Readonly<Record<string, unknown>>, report: Report): SluiceOptions {
  const { upstreams = {}, caches = {}, redis, defaults } = options
  const stray = strayNames(options)
  const shared = findInShared({ upstreams, caches, ...(redis !== undefined && { redis }) }, '')
  const inDefaults = defaults === undefined ? [] : findInDefaults(defaults, 'defaults')
  report([...stray, ...shared, ...inDefaults].map(({ error }) => error))
  report(strayRedis(redis))
  return {
    ...without(options, stray),
    ...(defaults !== undefined && { defaults: isPlain(defaults) ? without(defaults, inDefaults) : {} })
  } as SluiceOptions
}

/** The options that nothing was found in; those of an object that is wrong as a whole are none. */
function without<T extends object>(options: T, found: readonly Pick<Finding, 'option'>[]): T {
  const wrong = found.map(({ option }) => option)
  const right = wrong.includes(undefined)
    ? []
    : Object.entries(options).filter(([name]) => !wrong.includes(name))
  return Object.fromEntries(right) as T
}

/** Names that a registration does not have. */
function strayNames(options: Readonly<Record<string, unknown>>): Finding[] {
  const isList = options.routes !== undefined
  const known = isList ? AROUND : [...new Set([...AROUND, ...ROUTE])]
  return Object.keys(options)
    .filter((key) => !known.includes(key))
    .map((option) => {
      const problem = ROUTE.includes(option)
        ? 'a registration is either flat or has `routes`; put it into `defaults` or into a route'
        : `unknown option${counterpartOf(option) || didYouMean(option, known)}; known: ${known.join(', ')}`
      return { option, error: optionError(option, problem) }
    })
}
