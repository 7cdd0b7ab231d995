// `app.sluice`: what an app can ask and tell its edge while it runs.
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteGenericInterface } from 'fastify'
import type { PurgeRequest } from '../cache/purge'
import type { Purged, ZoneStats } from '../cache/zone'
import type { OwnCacheOptions } from '../options'
import type { MemoryStats } from '../static/memory'
import type { QueueState } from '../upstream/queue'
import type { ServerState } from '../upstream/server-state'
import { BUDGET } from './buffering'
import { controlOf, type UpstreamControl } from './control'
import type { DrainOptions } from './drain'
import { explain } from './explain'
import type { Explanation } from './explanation'
import { cached } from './own'
import type { ExplainRequest } from './pretend'
import { purge } from './purge'
import type { ReadyOptions } from './ready'
import type { Registry } from './registry'
import { type ShownRoute, showRoute } from './shown'
import { createUpstreams, type UpstreamsControl } from './upstreams'

/** Numbers of the moment; counters run from the start of the process. */
export interface SluiceStats {
  readonly caches: Readonly<Record<string, ZoneStats>>
  readonly upstreams: Readonly<Record<string, readonly ServerState[]>>
  /** The groups that have a queue. */
  readonly queues: Readonly<Record<string, QueueState>>
  /** What is read ahead of slow clients, in all of the process: memory of the budget, and bodies that have gone to a file. */
  readonly buffers: { readonly bytes: number; readonly maxBytes: number; readonly spilling: number }
  /** Files in memory, of all routes with `static`. */
  readonly files: MemoryStats
  /** How late the event loop of this process was, at least, in most of the last nine seconds. */
  readonly loopDelayMs: number
}

/** A handler for any route: of an app on HTTP/2, with a type provider, a logger of its own. */
// biome-ignore lint/suspicious/noExplicitAny: nothing else may stand for the handlers of all servers
type AnyHandler = (this: any, request: any, reply: any) => any

/** `cached<{ Params: { id: string } }>(…)` says what Fastify's `get<…>` would; a handler with types of its own keeps them. */
export interface Cached {
  <Route extends RouteGenericInterface = RouteGenericInterface>(
    options: string | OwnCacheOptions,
    handler: (this: FastifyInstance, request: FastifyRequest<Route>, reply: FastifyReply<Route>) => unknown
  ): AnyHandler
  <Handler extends AnyHandler>(options: string | OwnCacheOptions, handler: Handler): Handler
}

/** The decorator `app.sluice`. */
export interface Sluice {
  /** An own handler behind a cache: it runs, after all hooks, when there is no stored answer. Options as of a route's `cache`. */
  cached: Cached
  /** Takes stored responses out: a URL at once (`removed`), anything wider by a ban that lookups meet (`banned`). */
  purge(what: PurgeRequest): Promise<Purged>
  /** A group by name; throws on an unknown one. */
  upstream(name: string): UpstreamControl
  /** Groups that come and go while the app runs. */
  readonly upstreams: UpstreamsControl
  /** Whether new requests are welcome: what a readiness route answers by. */
  ready(options?: ReadyOptions): boolean
  /** Ends the edge without losing a request, for `app.close()` after it. */
  drain(options?: DrainOptions): Promise<void>
  /** What is in force, as `nginx -T`. */
  routes(): ShownRoute[]
  /** What becomes of a request, and why. Nothing runs, nothing is counted, nobody is asked. */
  explain(request: ExplainRequest): Promise<Explanation>
  /** Counters and gauges of caches, upstreams, buffers, files and the event loop. */
  stats(): SluiceStats
}

/** The decorator over a server's registry. */
export function createApi(registry: Registry): Sluice {
  return {
    cached: (options: string | OwnCacheOptions, handler: AnyHandler) => cached(registry, options, handler),
    purge: (what) => purge(registry, what),
    upstream: (name) => controlOf(registry, name),
    upstreams: createUpstreams(registry),
    ready: (options) => registry.parts.readiness.ready(options),
    drain: async (options) => registry.parts.drain.drain(options),
    routes: () => registry.mounted.map((mounted) => showRoute(mounted, registry.parts.catchAll)),
    explain: (request) => explain(registry, request),
    stats: () => ({
      caches: Object.fromEntries([...registry.caches].map(([name, zone]) => [name, zone.stats()])),
      upstreams: Object.fromEntries(
        [...registry.upstreams].map(([name, { group }]) => [name, group.states()])
      ),
      queues: Object.fromEntries(
        [...registry.upstreams].flatMap(([name, { group }]) => (group.queue ? [[name, group.queue]] : []))
      ),
      buffers: { bytes: BUDGET.bytes, maxBytes: BUDGET.maxBytes, spilling: BUDGET.spilling },
      files: sumOf(registry.mounted.flatMap(({ route }) => route.static?.stats() ?? [])),
      loopDelayMs: registry.parts.loop.ms
    })
  }
}

const NO_FILES: MemoryStats = { hits: 0, reads: 0, evictions: 0, entries: 0, bytes: 0, maxBytes: 0 }

function sumOf(all: readonly MemoryStats[]): MemoryStats {
  return all.reduce(
    (sum, one) => ({
      hits: sum.hits + one.hits,
      reads: sum.reads + one.reads,
      evictions: sum.evictions + one.evictions,
      entries: sum.entries + one.entries,
      bytes: sum.bytes + one.bytes,
      maxBytes: sum.maxBytes + one.maxBytes
    }),
    NO_FILES
  )
}
