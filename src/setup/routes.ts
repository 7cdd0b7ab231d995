// PURE. From what the user wrote, flat or with `routes` and `defaults`, to a list of routes, each with its options merged.
import { optionError } from '../errors'
import type { RouteOptions, SluiceOptions } from '../options'
import { isPlain, mergeOptions } from './merge'

/** A route before it is resolved: `path` is the option's path for messages, `url` the full prefix or path. */
export interface NamedRoute {
  readonly options: RouteOptions
  /** What the route says itself, without the defaults. */
  readonly own: RouteOptions
  readonly path: string
  readonly url: string
}

/** The path of an option of the route for messages: a flat registration's stands at the top. */
export function optionAt({ path }: Pick<NamedRoute, 'path'>, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

const SHARED = new Set(['upstreams', 'caches', 'redis', 'routes', 'defaults', 'logLevel', 'logSerializers'])

/** The routes of one registration; `base` is the prefix of the plugin that registers. `defaults` without `routes` is an error. */
export function routesOf(given: SluiceOptions, base: string): NamedRoute[] {
  const options = given as Readonly<Record<string, unknown>>
  if (options.routes === undefined) return flatRoutes(options, base)
  const { routes, defaults = {}, prefix = '' } = options
  if (!Array.isArray(routes)) throw optionError('routes', 'must be a list of routes')
  if (prefix !== '') checkPath(prefix, 'prefix')
  return routes.map((route: unknown, index) => {
    const path = `routes[${index}]`
    if (!isPlain(route)) throw optionError(path, 'must be an object')
    const merged = mergeOptions(defaults as Record<string, unknown>, route) as RouteOptions
    return { ...named(merged, path, joined(base, String(prefix))), own: route }
  })
}

function flatRoutes(options: Readonly<Record<string, unknown>>, base: string): NamedRoute[] {
  if (options.defaults !== undefined) throw optionError('defaults', 'goes with `routes`')
  const own = Object.fromEntries(Object.entries(options).filter(([key]) => !SHARED.has(key)))
  const names = Object.keys(own)
  if (names.length === 0) return []
  if (names.length === 1 && names[0] === 'prefix' && options.upstreams !== undefined) return []
  return [{ ...named(mergeOptions({}, own) as RouteOptions, '', base), own }]
}

function named(options: RouteOptions, path: string, outer: string): Omit<NamedRoute, 'own'> {
  const { prefix, path: exact } = options
  if ((prefix === undefined) === (exact === undefined))
    throw optionError(path || 'options', 'needs one of `prefix` and `path`')
  const own = checkPath(prefix ?? exact, optionAt({ path }, prefix === undefined ? 'path' : 'prefix'))
  const url = joined(outer, own)
  // A prefix has no slash at its end: `/api/` and `/api` are one. An exact path keeps it.
  return { options, path, url: exact === undefined ? url.replace(/\/+$/, '') || '/' : url }
}

function checkPath(own: unknown, path: string): string {
  if (typeof own === 'string' && /^\/[^?#*\s\\]*$/.test(own)) return own
  const problem = 'is no path: it starts with "/" and has no "*", query or fragment'
  throw optionError(path, `${JSON.stringify(own)} ${problem}`)
}

function joined(outer: string, own: string): string {
  return outer.replace(/\/+$/, '') + own
}
