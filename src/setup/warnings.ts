// Surroundings of the app that make an edge unsafe or slow: said once, at start, with the option to change.
import cluster from 'node:cluster'
import type { FastifyInstance } from 'fastify'
import type { NamedRoute } from './routes'

/** A request from nowhere in particular: who of this chain would be believed? RFC 5737 addresses, never in use. */
const PROBE = { headers: { 'x-forwarded-for': '192.0.2.1' }, socket: { remoteAddress: '192.0.2.2' } }

/** One log line for each. */
export function warnAbout(
  app: FastifyInstance,
  routes: readonly NamedRoute[],
  ips: (request: object) => readonly string[]
): void {
  const { initialConfig, log, server } = app
  const initial = initialConfig as Readonly<Record<string, unknown>>
  if ((server as { requestTimeout?: number }).requestTimeout === 0) {
    log.warn(
      'requestTimeout is 0: a client may take for ever to send its request; set Fastify({ requestTimeout: 60000 }) or more'
    )
  }
  if (ips(PROBE).includes('192.0.2.1')) {
    log.warn(
      'trustProxy believes any client about its address: set Fastify({ trustProxy: [addresses of your proxies] })'
    )
  }
  const router = (initial.routerOptions ?? initial) as Readonly<Record<string, unknown>>
  for (const option of ['ignoreDuplicateSlashes', 'useSemicolonDelimiter'] as const) {
    if (router[option] ?? initial[option])
      log.warn(
        `routerOptions.${option} makes the router read a path differently from the upstream: a guard can be walked around; switch it off`
      )
  }
  if ((router.caseSensitive ?? initial.caseSensitive) === false) {
    log.warn(
      'routerOptions.caseSensitive is false: /ADMIN and /admin are one route here and two for the cache and most upstreams'
    )
  }
  if (
    cluster.isWorker &&
    routes.some(({ options }) => options.rateLimit && options.rateLimit !== undefined)
  ) {
    log.warn(
      'rateLimit counts in each worker alone: give `redis`, or divide the rate by the number of workers'
    )
  }
}
