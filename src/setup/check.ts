// Validates options without an app, as `nginx -t`; it goes on after an error and names them all.
import { METHODS } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { resolveCacheZone } from '../cache/options'
import { createMemoryStore } from '../cache/store/memory'
import { CacheZone } from '../cache/zone'
import { isSluiceError, type SluiceError } from '../errors'
import type { SluiceOptions } from '../options'
import { resolveUpstream } from '../upstream/options'
import { checkMethod, websocketOf } from './mount'
import { methodsOf, shareMethods } from './places'
import { Registry } from './registry'
import { resolveRoute, type Surroundings } from './resolve'
import type { NamedRoute } from './routes'
import { type Attempt, readRegistration } from './schema'

interface Shared {
  readonly upstreams: Readonly<Record<string, Parameters<typeof resolveUpstream>[1]>>
  readonly caches: Readonly<Record<string, Parameters<typeof resolveCacheZone>[0]>>
}

/** Groups are opened but nothing is dialled; their warnings are for the start. */
const SILENT = { log: { warn() {} } } as unknown as FastifyInstance

/**
 * Throws SLUICE_OPTIONS: its message is that of the first wrong option, as at start, its `problems` has one for each. The form
 * of all options is looked at first, then groups and zones, then what the routes make of them; each only when the one before it is
 * right. Several registrations of one app go in order. Roots of files and error pages must be there; no directory is
 * made, no port opened, no upstream asked.
 */
export function check(...registrations: readonly SluiceOptions[]): void {
  const registry = new Registry(SILENT)
  const errors: SluiceError[] = []
  const attempt: Attempt = (step) => {
    try {
      return step()
    } catch (error) {
      if (!isSluiceError(error)) throw error
      errors.push(error)
      return undefined
    }
  }
  for (const given of registrations)
    checkOne(given, { registry, attempt, isRight: () => errors.length === 0 })
  const [first] = errors
  if (first !== undefined) throw Object.assign(first, { problems: errors.map(({ message }) => message) })
}

interface Checking {
  readonly registry: Registry
  readonly attempt: Attempt
  readonly isRight: () => boolean
}

function checkOne(given: SluiceOptions, { registry, attempt, isRight }: Checking): void {
  const routes = readRegistration(given, '', attempt)
  if (!isRight()) return
  const { upstreams = {}, caches = {} } = given as Partial<Shared>
  for (const [name, group] of Object.entries(upstreams)) {
    attempt(() =>
      registry.defineUpstream(resolveUpstream(name, group, `upstreams.${name}`), `upstreams.${name}`)
    )
  }
  for (const [name, options] of Object.entries(caches)) attempt(() => defineCache(registry, name, options))
  if (isRight()) checkRoutes(routes, registry, attempt)
}

function defineCache(registry: Registry, name: string, options: Shared['caches'][string]): void {
  const { memoryBytes: maxBytes, maxObjectBytes, version } = resolveCacheZone(options, `caches.${name}`)
  const store = createMemoryStore({ maxBytes, maxObjectBytes })
  registry.defineCache(name, new CacheZone(name, store, { version }))
}

function checkRoutes(routes: readonly NamedRoute[], registry: Registry, attempt: Attempt): void {
  const around: Surroundings = { registry, bodyLimit: 0, limiter: undefined }
  const shares = attempt(() => shareMethods(routes, METHODS))
  for (const named of routes) {
    attempt(() => {
      for (const method of methodsOf(named)) checkMethod(named, method)
      websocketOf(named, registry)
      resolveRoute(named, { ...around, allow: shares?.get(named)?.allow ?? '' })
    })
  }
}
