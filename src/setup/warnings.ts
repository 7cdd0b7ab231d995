// Surroundings of the app that make an edge unsafe or slow: said once, at start, with the option to change.
import type { FastifyInstance } from 'fastify'
import { internal } from './internal'

/** Documentation addresses (RFC 5737): a proxy at the second that speaks for the first. Nobody has reason to trust it. */
const STRANGER = {
  headers: { 'x-forwarded-for': '192.0.2.1' },
  socket: { remoteAddress: '203.0.113.77' },
  connection: { remoteAddress: '203.0.113.77' }
}

const TRUST =
  'set Fastify({ trustProxy: [addresses of the proxies in front] }), or leave it out when there are none'

/** One log line for each. */
export function warnAbout(app: FastifyInstance): void {
  for (const warning of warningsOf(app)) app.log.warn(warning)
}

function* warningsOf(app: FastifyInstance): Generator<string> {
  const initial = app.initialConfig as Readonly<Record<string, unknown>>
  const router = { ...initial, ...(initial.routerOptions as object) } as Readonly<Record<string, unknown>>
  if ((app.server as { requestTimeout?: number }).requestTimeout === 0) {
    yield 'requestTimeout is 0: a client may take for ever to send a request; set Fastify({ requestTimeout: 300000 })'
  }
  const { trustProxy } = (internal(app, 'fastify.options') ?? {}) as { trustProxy?: unknown }
  if (typeof trustProxy === 'number') {
    yield `trustProxy is a number: it trusts nobody from Fastify 5.12 on, and whoever connects before; ${TRUST}`
  } else if (trustsStrangers(app)) {
    yield `trustProxy is true: every client can say it has any address; ${TRUST}`
  }
  for (const option of ['ignoreDuplicateSlashes', 'useSemicolonDelimiter']) {
    if (router[option] === true) {
      yield `routerOptions.${option}: the router reads a path differently from cache and upstream, so a guard can be walked around; switch it off`
    }
  }
  if (router.caseSensitive === false) {
    yield 'routerOptions.caseSensitive is false: /ADMIN and /admin are one route here and two for the cache and most upstreams'
  }
}

/** Asked of Fastify's own getter, since trustProxy may be a list, a text or a function. */
function trustsStrangers(app: FastifyInstance): boolean {
  const Request = internal(app, 'fastify.Request') as { prototype: object } | undefined
  if (Request === undefined) return false
  const request = Object.assign(Object.create(Request.prototype), { raw: STRANGER }) as { ips?: string[] }
  return request.ips?.includes('192.0.2.1') ?? false
}
