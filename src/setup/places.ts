// PURE. Which method of a path goes to which route: together the routes of a path own all of them, so that no guard is walked around.

import { PURGE } from '../cache/purge'
import { optionError } from '../errors'
import { bareHost } from './hosts'
import { type Attempt, atOnce, type NamedRoute, optionAt } from './routes'

/** Methods that a route is registered for, and the Allow field of its 405. */
export interface Share {
  readonly methods: readonly string[]
  readonly allow: string
}

/** Shares `supported` out among the routes that have path, hosts and constraints in common. Overlaps are an option error. */
export function shareMethods(
  routes: readonly NamedRoute[],
  supported: readonly string[],
  attempt: Attempt = atOnce
): Map<NamedRoute, Share> {
  checkHosts(routes, attempt)
  const shares = new Map<NamedRoute, Share>()
  for (const twins of groupsOf(routes)) {
    attempt(() => checkOverlap(twins))
    const listed = new Set(twins.flatMap(methodsOf))
    const open = twins.find(({ options }) => options.methods === undefined)
    const left = supported.filter((method) => !listed.has(method))
    const allow =
      open === undefined ? [...listed] : [...listed, ...left.filter((method) => isAllowed(open, method))]
    const owner = open ?? twins[0]
    for (const twin of twins) {
      shares.set(twin, {
        methods: twin === owner ? [...methodsOf(twin), ...left] : methodsOf(twin),
        allow: allow.join(', ')
      })
    }
  }
  return shares
}

function isAllowed(open: NamedRoute, method: string): boolean {
  return method === PURGE ? takesPurge(open) : method !== 'TRACE'
}

/** The methods that the route lists, in upper case, and PURGE where it is the cache's; none: it is open to all. */
export function methodsOf(named: NamedRoute): string[] {
  const { methods } = named.options
  if (methods === undefined) return []
  const listed = methods.map((method) => method.toUpperCase())
  return takesPurge(named) && !listed.includes(PURGE) ? [...listed, PURGE] : listed
}

/** Whether PURGE is for the route's cache. */
export function takesPurge({ options: { cache } }: NamedRoute): boolean {
  return typeof cache === 'object' && Boolean(cache.purge)
}

/** What the router is given: a prefix is two patterns, and leaves its own bare path to a route that names exactly it. */
export function patternsOf(named: NamedRoute, routes: readonly NamedRoute[]): string[] {
  const { url, options } = named
  if (options.path !== undefined) return [url]
  if (url === '/') return ['/*']
  const place = placeOf(named)
  const taken = routes.some((other) => (other.options.path === undefined ? false : placeOf(other) === place))
  return taken ? [`${url}/*`] : [url, `${url}/*`]
}

/** Where a route stands, its methods and the kind of its path aside. */
function placeOf({ url, options: { hosts, constraints } }: NamedRoute): string {
  return JSON.stringify([url, (hosts ?? []).map(bareHost).sort(), constraints ?? {}])
}

function groupsOf(routes: readonly NamedRoute[]): NamedRoute[][] {
  const groups = new Map<string, NamedRoute[]>()
  for (const route of routes) {
    const key = `${route.options.path === undefined ? 'prefix' : 'path'} ${placeOf(route)}`
    groups.set(key, [...(groups.get(key) ?? []), route])
  }
  return [...groups.values()]
}

/** Two routes of one path have all their hosts in common or none: otherwise a method that one refuses could be the other's. */
function checkHosts(routes: readonly NamedRoute[], attempt: Attempt): void {
  const owners = new Map<string, NamedRoute>()
  for (const route of routes) {
    const { options, url } = route
    for (const host of options.hosts ?? []) {
      const key = JSON.stringify([url, options.path === undefined, options.constraints ?? {}, bareHost(host)])
      const owner = owners.get(key)
      owners.set(key, route)
      if (owner === undefined || placeOf(owner) === placeOf(route)) continue
      attempt(() => {
        const problem = `is a host of ${owner.path || 'another route'} too; give both the same list`
        throw optionError(optionAt(route, 'hosts'), `${JSON.stringify(bareHost(host))} ${problem}`)
      })
    }
  }
}

function checkOverlap(twins: readonly NamedRoute[]): void {
  const owners = new Map<string, NamedRoute>()
  for (const twin of twins) {
    for (const method of twin.options.methods === undefined ? ['every other method'] : methodsOf(twin)) {
      const owner = owners.get(method)
      if (owner !== undefined) {
        throw optionError(
          twin.path || 'options',
          `${twin.url} is already ${owner.path} for ${method}, with the same hosts and constraints`
        )
      }
      owners.set(method, twin)
    }
  }
}
