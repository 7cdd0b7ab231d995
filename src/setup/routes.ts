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
  /** Nothing when it is wrong and the attempt goes on. */
  readonly url: string
}

/** Runs a step; one that goes on after an error returns undefined for the step that failed. */
export type Attempt = <T>(step: () => T) => T | undefined

/** As at start: the first error ends it. */
export const atOnce: Attempt = (step) => step()

/** The path of an option of the route for messages: a flat registration's stands at the top. */
export function optionAt({ path }: Pick<NamedRoute, 'path'>, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

const SHARED = new Set(['upstreams', 'caches', 'redis', 'routes', 'defaults', 'logLevel', 'logSerializers'])

/** The routes of one registration; `base` is the prefix of the plugin that registers. `defaults` without `routes` is an error. */
export function routesOf(given: SluiceOptions, base: string, attempt: Attempt = atOnce): NamedRoute[] {
  const options = given as Readonly<Record<string, unknown>>
  if (options.routes === undefined) return flatRoutes(options, base, attempt)
  const { routes, defaults = {}, prefix = '' } = options
  if (!Array.isArray(routes)) throw optionError('routes', 'must be a list of routes')
  if (prefix !== '') attempt(() => checkPath(prefix, 'prefix'))
  return routes.flatMap((route: unknown, index) => {
    const path = `routes[${index}]`
    if (!isPlain(route)) {
      attempt(() => {
        throw optionError(path, 'must be an object')
      })
      return []
    }
    const merged = mergeOptions(defaults as Record<string, unknown>, route) as RouteOptions
    const url = attempt(() => urlOf(merged, path, joined(base, String(prefix)))) ?? ''
    return [{ options: merged, path, url, own: route }]
  })
}

function flatRoutes(
  options: Readonly<Record<string, unknown>>,
  base: string,
  attempt: Attempt
): NamedRoute[] {
  if (options.defaults !== undefined) throw optionError('defaults', 'goes with `routes`')
  const own = Object.fromEntries(Object.entries(options).filter(([key]) => !SHARED.has(key)))
  const names = Object.keys(own)
  if (names.length === 0) return []
  if (names.length === 1 && names[0] === 'prefix' && options.upstreams !== undefined) return []
  const merged = mergeOptions({}, own) as RouteOptions
  return [{ options: merged, path: '', url: attempt(() => urlOf(merged, '', base)) ?? '', own }]
}

function urlOf({ prefix, path: exact }: RouteOptions, path: string, outer: string): string {
  if (prefix !== undefined && exact !== undefined)
    throw optionError(path || 'options', 'has both `prefix` and `path`: a route mounts at one of them')
  if (prefix === undefined && exact === undefined)
    throw optionError(path || 'options', 'needs one of `prefix` and `path`')
  const own = checkPath(prefix ?? exact, optionAt({ path }, prefix === undefined ? 'path' : 'prefix'))
  const url = joined(outer, own)
  // A prefix has no slash at its end: `/api/` and `/api` are one. An exact path keeps it.
  return exact === undefined ? url.replace(/\/+$/, '') || '/' : url
}

function checkPath(own: unknown, path: string): string {
  if (typeof own === 'string' && /^\/[^?#*\s\\]*$/.test(own)) return own
  const problem = 'is no path: it starts with "/" and has no "*", query or fragment'
  throw optionError(path, `${JSON.stringify(own)} ${problem}`)
}

function joined(outer: string, own: string): string {
  return outer.replace(/\/+$/, '') + own
}
