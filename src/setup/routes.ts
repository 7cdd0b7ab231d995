// PURE. From what the user wrote, flat or with `routes` and `defaults`, to a list of routes, each with its options merged.
import { optionError } from '../errors'
import type { RouteOptions, SluiceOptions } from '../options'
import { isPlain, mergeOptions } from './merge'

/** A route before it is resolved: `path` is the option's path for messages, `url` the full prefix or path. */
export interface NamedRoute {
  readonly options: RouteOptions
  readonly path: string
  readonly url: string
}

const SHARED = new Set(['upstreams', 'caches', 'redis', 'routes', 'defaults', 'logLevel', 'logSerializers'])

/** The routes of one registration. Flat and `routes` together is an error, and so is `defaults` without `routes`. */
export function routesOf(given: SluiceOptions): NamedRoute[] {
  const options = given as Readonly<Record<string, unknown>>
  const own = Object.fromEntries(Object.entries(options).filter(([key]) => !SHARED.has(key)))
  if (options.routes === undefined) return flatRoutes(options, own)
  const stray = Object.keys(own).find((key) => key !== 'prefix')
  if (stray !== undefined)
    throw optionError(
      stray,
      'a registration is either flat or has `routes`; put it into `defaults` or into a route'
    )
  const list = options.routes
  if (!Array.isArray(list)) throw optionError('routes', 'must be an array')
  const defaults = isPlain(options.defaults) ? options.defaults : {}
  const outer = typeof options.prefix === 'string' ? options.prefix : ''
  return list.map((route: unknown, index) => {
    const path = `routes[${index}]`
    if (!isPlain(route)) throw optionError(path, 'must be an object')
    return named(mergeOptions(defaults, route) as RouteOptions, path, outer)
  })
}

function flatRoutes(options: Readonly<Record<string, unknown>>, own: object): NamedRoute[] {
  if (options.defaults !== undefined) throw optionError('defaults', 'goes with `routes`')
  const names = Object.keys(own)
  if (names.length === 0) return []
  if (names.length === 1 && names[0] === 'prefix' && options.upstreams !== undefined) return []
  return [named(mergeOptions({}, own as Record<string, unknown>) as RouteOptions, '', '')]
}

function named(options: RouteOptions, path: string, outer: string): NamedRoute {
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`)
  const { prefix, path: exact } = options
  if ((prefix === undefined) === (exact === undefined))
    throw optionError(path || 'options', 'needs one of `prefix` and `path`')
  const own = prefix ?? exact
  const name = prefix === undefined ? 'path' : 'prefix'
  if (typeof own !== 'string' || !/^\/[^?#*\s\\]*$/.test(own)) {
    throw optionError(
      at(name),
      `${JSON.stringify(own)} is no path: it starts with "/" and has no "*", query or fragment`
    )
  }
  return { options, path, url: joined(outer, own, exact !== undefined) }
}

/** A prefix has no slash at its end: `/api/` and `/api` are one. An exact path keeps it. */
function joined(outer: string, own: string, exact: boolean): string {
  const url = outer.replace(/\/+$/, '') + own
  return exact ? url : url.replace(/\/+$/, '') || '/'
}
