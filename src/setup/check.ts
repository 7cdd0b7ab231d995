// Validates options without an app, as `nginx -t`.
import { resolveCacheZone } from '../cache/options'
import type { SluiceOptions } from '../options'
import { resolveUpstreams } from '../upstream/options'
import { routesOf } from './routes'
import { validateRoute, validateShared } from './schema'

interface Shared {
  readonly upstreams: Parameters<typeof resolveUpstreams>[0]
  readonly caches: Readonly<Record<string, Parameters<typeof resolveCacheZone>[0]>>
  readonly redis: object
}

/** Throws SLUICE_OPTIONS with the path of the first wrong option; files, directories and ports are not touched. */
export function check(given: SluiceOptions): void {
  const { upstreams = {}, caches = {}, redis } = given as Partial<Shared>
  const routes = routesOf(given)
  validateShared({ upstreams, caches, ...(redis && { redis }) }, '')
  for (const { options, path } of routes) validateRoute(options, path)
  resolveUpstreams(upstreams, 'upstreams')
  for (const [name, zone] of Object.entries(caches)) resolveCacheZone(zone, `caches.${name}`)
}
