// Validates options without an app, as `nginx -t`; it goes on after an error and names them all.
import { METHODS } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { CACHE_ZONE_SCHEMA, resolveCacheZone } from '../cache/options'
import { createMemoryStore } from '../cache/store/memory'
import { CacheZone } from '../cache/zone'
import { isSluiceError, type SluiceError } from '../errors'
import type { SluiceOptions } from '../options'
import { resolveUpstream, upstreamsSchema } from '../upstream/options'
import { isPlain } from './merge'
import { checkMethod, websocketOf } from './mount'
import { methodsOf, shareMethods } from './places'
import { Registry } from './registry'
import { resolveRoute, type Surroundings } from './resolve'
import type { Attempt } from './routes'
import { type Read, readRegistration } from './schema'
import { finder } from './validate'

interface Shared {
  readonly upstreams: Readonly<Record<string, Parameters<typeof resolveUpstream>[1]>>
  readonly caches: Readonly<Record<string, Parameters<typeof resolveCacheZone>[0]>>
}

/** Groups are opened but nothing is dialled; their warnings are for the start. */
const SILENT = { log: { warn() {} } } as unknown as FastifyInstance

/**
 * Throws SLUICE_OPTIONS: its message is that of the first wrong option, as at start, its `problems` has one for each: the form of
 * all options first, then groups and zones, then what the routes make of them. Several registrations of one app go in order.
 * Roots of files and error pages must be there; no directory is made, no port opened, no upstream asked.
 */
export function check(...registrations: readonly SluiceOptions[]): void {
  const registry = new Registry(SILENT)
  const errors: SluiceError[] = []
  const attempt: Attempt = (step) => {
    try {
      return step()
    } catch (error) {
      if (!isSluiceError(error)) throw error
      // An option may be read in several places.
      if (errors.every(({ message }) => message !== error.message)) errors.push(error)
      return undefined
    }
  }
  for (const given of registrations) checkOne(given, registry, attempt)
  const [first] = errors
  if (first !== undefined) throw Object.assign(first, { problems: errors.map(({ message }) => message) })
}

const findInUpstreams = finder(upstreamsSchema)
const findInZone = finder(CACHE_ZONE_SCHEMA)

/** For a group that is wrong itself: routes that name it are right. */
const PLACEHOLDER = 'http://127.0.0.1:1'

function checkOne(given: SluiceOptions, registry: Registry, attempt: Attempt): void {
  const { routes, remains } = readRegistration(given, '', attempt)
  const { upstreams, caches }: Partial<Shared> = isPlain(given) ? given : {}
  for (const [name, group] of entriesOf(upstreams)) {
    const path = `upstreams.${name}`
    const isRight = findInUpstreams({ [name]: group }, '').length === 0
    const resolved = isRight ? attempt(() => resolveUpstream(name, group, path)) : undefined
    attempt(() => registry.defineUpstream(resolved ?? resolveUpstream(name, PLACEHOLDER, path), path))
  }
  for (const [name, options] of entriesOf(caches)) {
    const isRight = findInZone(options, '').length === 0
    if (!isRight || attempt(() => defineCache(registry, name, options)) === undefined)
      if (!registry.caches.has(name)) defineCache(registry, name, {})
  }
  checkRoutes({ routes, remains }, registry, attempt)
}

/** The members of an object, whatever the user has put in its place. */
function entriesOf<T>(members: Readonly<Record<string, T>> | undefined): [string, T][] {
  return isPlain(members) ? (Object.entries(members) as [string, T][]) : []
}

function defineCache(registry: Registry, name: string, options: Shared['caches'][string]): true {
  const { memoryBytes: maxBytes, maxObjectBytes, version } = resolveCacheZone(options, `caches.${name}`)
  const store = createMemoryStore({ maxBytes, maxObjectBytes })
  registry.defineCache(name, new CacheZone(name, store, { version }))
  return true
}

function checkRoutes({ routes, remains }: Read, registry: Registry, attempt: Attempt): void {
  const around: Surroundings = { registry, bodyLimit: 0, limiter: undefined, attempt }
  const shares = shareMethods(routes, METHODS, attempt)
  for (const named of [...routes, ...remains]) {
    for (const method of methodsOf(named)) attempt(() => checkMethod(named, method))
    attempt(() => websocketOf(named, registry))
    attempt(() => resolveRoute(named, { ...around, allow: shares.get(named)?.allow ?? '' }))
  }
}
