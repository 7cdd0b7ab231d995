// `app.sluice`: what an app can ask and tell its edge while it runs.
import { optionError } from '../errors'
import type { ServerState } from '../upstream/server'
import type { Registry, ShownRoute } from './registry'

/** What to take out of the caches; exactly one of `url`, `zone`, `all` is enough. */
export interface PurgeRequest {
  /** A public URL, `https://example.com/page?x=1`: every variant of it, in every upstream. */
  readonly url?: string
  /** Only in this zone; alone: all of the zone. */
  readonly zone?: string
  /** Everything. */
  readonly all?: true
}

/** Numbers of the moment; the counters run from the start of the process. */
export interface SluiceStats {
  readonly caches: Readonly<Record<string, object>>
  readonly upstreams: Readonly<Record<string, readonly ServerState[]>>
  readonly tunnels: number
}

/** The decorator `app.sluice`. */
export interface Sluice {
  /** Removes stored responses; resolves to how many went at once and how many bans were set. */
  purge(what: PurgeRequest): Promise<{ removed: number; banned: number }>
  /** A group by name; throws on an unknown one. */
  upstream(name: string): { servers(): ServerState[] }
  /** What is in force, as `nginx -T`. */
  routes(): ShownRoute[]
  /** Counters and gauges. */
  stats(): SluiceStats
}

/** The decorator over a server's registry. */
export function createApi(registry: Registry, tunnels: () => number): Sluice {
  return {
    async purge({ url, zone, all }) {
      if (url === undefined && zone === undefined && all === undefined)
        throw optionError('purge', 'needs url, zone or all')
      const zones = zone === undefined ? [...registry.caches.values()] : [registry.zone(zone, 'purge.zone')]
      const results = await Promise.all(
        zones.map((one) => one.purge(url === undefined ? { all: true } : { url }))
      )
      return {
        removed: results.reduce((sum, { removed }) => sum + removed, 0),
        banned: results.reduce((sum, { banned }) => sum + banned, 0)
      }
    },
    upstream(name) {
      const ref = registry.upstreams.get(name)
      if (ref === undefined)
        throw optionError(
          'upstream',
          `no upstream named ${JSON.stringify(name)}; known: ${[...registry.upstreams.keys()].join(', ')}`
        )
      return { servers: () => ref.group.states() }
    },
    routes: () => registry.mounted.map(({ shown }) => shown),
    stats: () => ({
      caches: Object.fromEntries([...registry.caches].map(([name, zone]) => [name, zone.stats()])),
      upstreams: Object.fromEntries(
        [...registry.upstreams].map(([name, { group }]) => [name, group.states()])
      ),
      tunnels: tunnels()
    })
  }
}
