// Joins websocket/ to the proxy: the upgrade's request is made like any other, and its end fills the exchange's record.
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { destinationOf, upstreamRequest } from '../proxy/answer'
import { setStickyCookie } from '../proxy/balance'
import { answerError } from '../proxy/error-page'
import type { RequestExchange } from '../proxy/exchange'
import { forwardUpgrade } from '../proxy/forward'
import type { ResolvedWebsocket } from '../websocket/options'
import type { TunnelOutcome } from '../websocket/tunnel'
import { createUpgrades, type Upgrades } from '../websocket/upgrade'
import { internal } from './internal'
import type { Registry } from './registry'
import { type Asked, answering } from './router'

/** The upgrades of an app: which paths are ours follows from the mounts. */
export function openUpgrades(app: FastifyInstance, registry: Registry): Upgrades {
  return createUpgrades(app, {
    log: app.log,
    owns: (request) => ownsUpgrade(registry, asRouted(app, request))
  })
}

/**
 * A catch-all without `websocket` leaves upgrades to other listeners of the server, if there are any. So does a path that no
 * route can have: else the router answers it, and its 400 ends the connection.
 */
function ownsUpgrade(registry: Registry, request: Asked): boolean {
  const answer = answering(registry, request)
  const isAlone = registry.app.server.listenerCount('upgrade') <= 1
  if (answer.kind === 'router') return isAlone
  if (answer.kind !== 'route' || answer.mounted.route.upstream === null) return false
  const { websocket, route } = answer.mounted
  return websocket.enabled || route.mount.segments.length > 0 || isAlone
}

/** The request as the router will see it: Fastify does not have it yet, the app's `rewriteUrl` is still to come. */
export function asRouted(app: FastifyInstance, request: IncomingMessage): Asked {
  const { rewriteUrl } = (internal(app, 'fastify.options') ?? {}) as { rewriteUrl?: unknown }
  if (typeof rewriteUrl !== 'function') return request
  const { method, headers } = request
  try {
    return { method, headers, url: String(rewriteUrl.call(app, request)) }
  } catch {
    // Fastify's own call of it fails as well, where it is caught.
    return request
  }
}

/** The route's first step: an upgrade that is no handshake comes again as an ordinary request. */
export function giveBackHook(upgrades: Upgrades) {
  return (request: FastifyRequest, reply: FastifyReply, next: () => void): void => {
    if (!upgrades.giveBack(request, reply)) next()
  }
}

/** The route's last preHandler: a handshake becomes a tunnel or is refused here, anything else goes on to the handler. */
export function tunnelHook(upgrades: Upgrades, options: ResolvedWebsocket) {
  return (request: FastifyRequest, _reply: FastifyReply, next: () => void): void => {
    const exchange = request.sluice as RequestExchange
    if (exchange.settings.upstream === null || request.raw.headers.upgrade === undefined) {
      next()
      return
    }
    if (!exchange.take()) return
    openTunnel(exchange, upgrades, options).then(
      (outcome) => {
        if (outcome.kind === 'ordinary') {
          exchange.release()
          next()
        } else if (outcome.kind === 'joined') {
          leaveWithServer(exchange, outcome)
          exchange.join(outcome.ended)
        }
      },
      (error) => answerError(exchange, error)
    )
  }
}

/** A tunnel can outlast everything: when its server is taken out, its two sides are told to end. */
function leaveWithServer(
  { to, tries }: RequestExchange,
  { ended, leave }: Extract<TunnelOutcome, { kind: 'joined' }>
): void {
  const server = tries.at(-1)?.server
  if (to === undefined || server === undefined) return
  const forget = to.group.whenRemoved(server, leave)
  ended.then(forget)
}

function openTunnel(
  exchange: RequestExchange,
  upgrades: Upgrades,
  options: ResolvedWebsocket
): ReturnType<Upgrades['tunnel']> {
  const { request, reply } = exchange
  return upgrades.tunnel({
    request,
    reply,
    options,
    dial: (fields, abort) => dial(exchange, fields, abort)
  })
}

async function dial(
  ...[exchange, fields, abort]: [RequestExchange, ...Parameters<Parameters<Upgrades['tunnel']>[0]['dial']>]
) {
  const { settings, request } = exchange
  if (settings.upstream === null) throw new Error('a route without upstream has no tunnels')
  const upstream = await settings.upstream(request)
  exchange.to = upstream
  const asked = upstreamRequest(exchange, upstream, null)
  const result = await forwardUpgrade(
    { ...asked, fields: { ...asked.fields, ...fields } },
    destinationOf(exchange, upstream),
    abort
  )
  setStickyCookie(exchange, result.kind === 'switched' ? result.fields : result.response.fields)
  return result
}
