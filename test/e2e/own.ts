// An app with routes of its own beside the plugin: cached ones, with a count of how often each handler ran, and a clock to move.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Sluice } from '../../src/setup/api'
import type { EdgeSetup } from '../support/edge'

/** One zone for every test. */
export const ZONE = { caches: { pages: {} } }

type CacheOptions = Exclude<Parameters<Sluice['cached']>[0], string>
type Handler = (request: FastifyRequest, reply: FastifyReply, run: number) => unknown

/** What a cached route of a test is made of. */
export interface OwnRoute {
  readonly handler: Handler
  /** Default: fresh for a minute. */
  readonly cache?: Omit<CacheOptions, 'zone'>
  /** Options of Fastify's route. */
  readonly route?: object
}

/** Adds a GET route behind the zone; gives the number of runs so far. */
export function addCached(app: FastifyInstance, url: string, own: OwnRoute | Handler): () => number {
  const { handler, cache = { valid: '60s' }, route = {} } = typeof own === 'function' ? { handler: own } : own
  let runs = 0
  app.route({
    method: 'GET',
    url,
    ...route,
    handler: app.sluice.cached({ zone: 'pages', ...cache }, (request, reply) => {
      runs += 1
      return handler(request, reply, runs) as undefined
    })
  })
  return () => runs
}

/** The set-up of an edge with these cached routes, and their counts. */
export function cachedRoutes(
  routes: Readonly<Record<string, OwnRoute | Handler>>,
  setup: EdgeSetup = {}
): EdgeSetup & { readonly runs: (url: string) => number } {
  const counts = new Map<string, () => number>()
  return {
    ...setup,
    after: async (app) => {
      for (const [url, own] of Object.entries(routes)) counts.set(url, addCached(app, url, own))
      await setup.after?.(app)
    },
    runs: (url) => counts.get(url)?.() ?? 0
  }
}
