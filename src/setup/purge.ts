// Purges of the server's zones: by `app.sluice.purge`, and by the method PURGE of a route.
import { type PurgeRequest, readPurge } from '../cache/purge'
import type { CacheZone, Purge, Purged } from '../cache/zone'
import { OWN_HANDLERS } from '../proxy/own-route'
import type { Registry } from './registry'

/** Purges one zone or all of them. */
export async function purge(registry: Registry, what: PurgeRequest): Promise<Purged> {
  const { zone, ...wish } = readPurge(what)
  const zones = zone === undefined ? [...registry.caches.values()] : [registry.zone(zone, 'purge.zone')]
  return purgeZones(registry, zones, wish)
}

/** Resolves when it is done, for all who ask from then on. */
export async function purgeZones(
  registry: Registry,
  zones: readonly CacheZone[],
  wish: Omit<Purge, 'upstreams'>
): Promise<Purged> {
  const purge = { ...wish, upstreams: [OWN_HANDLERS, ...registry.names()] }
  const results = await Promise.all(zones.map((zone) => zone.purge(purge, Date.now())))
  return {
    removed: results.reduce((sum, { removed }) => sum + removed, 0),
    banned: results.reduce((sum, { banned }) => sum + banned, 0)
  }
}
