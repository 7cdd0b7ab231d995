// PURE. Which method of a path goes to which route: together the routes of a path own all of them, so that no guard is walked around.
import { optionError } from '../errors'
import type { NamedRoute } from './routes'

/** Methods that a route is registered for, and the Allow field of its 405. */
export interface Share {
  readonly methods: readonly string[]
  readonly allow: string
}

/** Shares `supported` out among the routes that have path, hosts and constraints in common. Overlaps are an option error. */
export function shareMethods(
  routes: readonly NamedRoute[],
  supported: readonly string[]
): Map<NamedRoute, Share> {
  const shares = new Map<NamedRoute, Share>()
  for (const twins of groupsOf(routes)) {
    checkOverlap(twins)
    const listed = new Set(twins.flatMap(methodsOf))
    const open = twins.find(({ options }) => options.methods === undefined)
    const left = supported.filter((method) => !listed.has(method))
    const allow =
      open === undefined ? [...listed] : [...listed, ...left.filter((method) => method !== 'TRACE')]
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

/** The methods that the route lists, in upper case. */
export function methodsOf({ options }: NamedRoute): string[] {
  return (options.methods ?? []).map((method) => method.toUpperCase())
}

function groupsOf(routes: readonly NamedRoute[]): NamedRoute[][] {
  const groups = new Map<string, NamedRoute[]>()
  for (const route of routes) {
    const { hosts, constraints, path } = route.options
    const key = JSON.stringify([
      route.url,
      path !== undefined,
      [...(hosts ?? [])].map((host) => host.toLowerCase()).sort(),
      constraints ?? {}
    ])
    groups.set(key, [...(groups.get(key) ?? []), route])
  }
  return [...groups.values()]
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
