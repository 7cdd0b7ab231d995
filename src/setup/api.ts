// `app.sluice`: what an app can ask and tell its edge while it runs.
import type { CacheZone, ZoneStats } from '../cache/zone'
import { optionError } from '../errors'
import type { ServerState } from '../upstream/server'
import { BUDGET } from './buffering'
import type { Registry, ShownRoute } from './registry'

/** What to take out of the caches. */
export interface PurgeRequest {
  /** One public URL, `https://example.com/page?x=1`, from every upstream. */
  readonly url?: string
  /** Everything whose URL, or path when it starts with `/`, starts so. */
  readonly prefix?: string
  /** Everything of a host. */
  readonly host?: string
  /** Everything. */
  readonly all?: true
  /** Only in this zone. @default every zone */
  readonly zone?: string
}

/** Numbers of the moment; counters run from the start of the process. */
export interface SluiceStats {
  readonly caches: Readonly<Record<string, ZoneStats>>
  readonly upstreams: Readonly<Record<string, readonly ServerState[]>>
  /** What is read ahead of slow clients, in all of the process: memory of the budget, and bodies that have gone to a file. */
  readonly buffers: { readonly bytes: number; readonly maxBytes: number; readonly spilling: number }
}

/** The decorator `app.sluice`. */
export interface Sluice {
  /** Takes stored responses out: a URL at once (`removed`), anything wider by a ban that lookups meet (`banned`). */
  purge(what: PurgeRequest): Promise<{ removed: number; banned: number }>
  /** A group by name; throws on an unknown one. */
  upstream(name: string): { servers(): ServerState[] }
  /** What is in force, as `nginx -T`. */
  routes(): ShownRoute[]
  /** Counters and gauges of caches, upstreams and buffers. */
  stats(): SluiceStats
}

/** The decorator over a server's registry. */
export function createApi(registry: Registry): Sluice {
  return {
    async purge(what) {
      const zones =
        what.zone === undefined ? [...registry.caches.values()] : [registry.zone(what.zone, 'purge.zone')]
      const results = await Promise.all(zones.map((zone) => purgeZone(registry, zone, what)))
      return {
        removed: results.reduce((sum, { removed }) => sum + removed, 0),
        banned: results.reduce((sum, { banned }) => sum + banned, 0)
      }
    },
    upstream: (name) => {
      const group = registry.upstream(name, 'upstream').group
      return { servers: () => group.states() }
    },
    routes: () => registry.mounted.map(({ shown }) => shown),
    stats: () => ({
      caches: Object.fromEntries([...registry.caches].map(([name, zone]) => [name, zone.stats()])),
      upstreams: Object.fromEntries(
        [...registry.upstreams].map(([name, { group }]) => [name, group.states()])
      ),
      buffers: { bytes: BUDGET.bytes, maxBytes: BUDGET.maxBytes, spilling: BUDGET.spilling }
    })
  }
}

function purgeZone(
  registry: Registry,
  zone: CacheZone,
  { url, prefix, host, all, zone: named }: PurgeRequest
): Promise<{ removed: number; banned: number }> {
  const now = Date.now()
  if (url !== undefined) return zone.purge({ url, upstreams: [...registry.upstreams.keys()] }, now)
  if (prefix !== undefined) return zone.purge({ prefix }, now)
  if (host !== undefined) return zone.purge({ host }, now)
  if (all === undefined && named === undefined)
    throw optionError('purge', 'needs one of url, prefix, host, all, zone')
  return zone.purge({ all: true }, now)
}
