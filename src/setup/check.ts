// Validates options without an app, as `nginx -t`.
import { METHODS } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { resolveCacheZone } from '../cache/options'
import { createMemoryStore } from '../cache/store/memory'
import { CacheZone } from '../cache/zone'
import type { SluiceOptions } from '../options'
import { resolveUpstreams } from '../upstream/options'
import { checkMethod, websocketOf } from './mount'
import { methodsOf, shareMethods } from './places'
import { Registry } from './registry'
import { type Files, resolveRoute, type Surroundings } from './resolve'
import { readRegistration } from './schema'

interface Shared {
  readonly upstreams: Parameters<typeof resolveUpstreams>[0]
  readonly caches: Readonly<Record<string, Parameters<typeof resolveCacheZone>[0]>>
}

/** Groups are opened but nothing is dialled; their warnings are for the start. */
const SILENT = { log: { warn() {} } } as unknown as FastifyInstance

const NO_FILES: Files = { openStatic: () => null, readErrorPages: () => null }

/**
 * Throws SLUICE_OPTIONS with the path of the first wrong option. Several registrations of one app go in order. No file,
 * directory or port is touched: what they are is for the machine that runs the app.
 */
export function check(...registrations: readonly SluiceOptions[]): void {
  const registry = new Registry(SILENT)
  for (const given of registrations) checkOne(given, registry)
}

function checkOne(given: SluiceOptions, registry: Registry): void {
  const { upstreams = {}, caches = {} } = given as Partial<Shared>
  const routes = readRegistration(given, '')
  for (const resolved of resolveUpstreams(upstreams, 'upstreams').values()) {
    registry.defineUpstream(resolved, `upstreams.${resolved.name}`)
  }
  for (const [name, options] of Object.entries(caches)) {
    const { memoryBytes: maxBytes, maxObjectBytes, version } = resolveCacheZone(options, `caches.${name}`)
    registry.defineCache(
      name,
      new CacheZone(name, createMemoryStore({ maxBytes, maxObjectBytes }), { version })
    )
  }
  const around: Surroundings = { files: NO_FILES, registry, bodyLimit: 0, limiter: undefined }
  const shares = shareMethods(routes, METHODS)
  for (const named of routes) {
    for (const method of methodsOf(named)) checkMethod(named, method)
    websocketOf(named)
    resolveRoute(named, { ...around, allow: shares.get(named)?.allow ?? '' })
  }
}
