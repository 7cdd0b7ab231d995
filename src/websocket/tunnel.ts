// One handshake from the route to the joined sockets: checked, dialled upstream first, and answered 101 only when the server did.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Duplex, Readable } from 'node:stream'
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import { type SluiceErrorCode, sluiceError } from '../errors'
import { Abort } from '../http/abort'
import { discard } from '../http/discard'
import type { Fields, UpstreamResponse } from '../http/message'
import type { UpgradeResult } from '../upstream/transport'
import { handshakeFields, judge, type Refusal, switchHead, switchProblem } from './handshake'
import type { ResolvedWebsocket } from './options'
import { originAllowed } from './origin'
import { Relay, type TunnelEnd } from './relay'
import type { Tunnels } from './tunnels'

/** A connection that Node took off HTTP for a request. */
export interface Upgrade {
  readonly socket: Duplex
  /** What came after the request's head. */
  readonly head: Buffer
  /** The response on this socket is looked after: closed at its end, drained under back-pressure. */
  guard: (() => void) | undefined
  /** Ends the watch for a client that leaves, while the handshake is under way. */
  unwatch: (() => void) | undefined
}

/** What a tunnel needs of the server side. */
export interface Registry {
  readonly log: FastifyBaseLogger
  upgradeOf(request: IncomingMessage): Upgrade | undefined
  guard(upgrade: Upgrade, response: ServerResponse): void
  /** Answers a request that is no WebSocket handshake as an ordinary one. */
  giveBack(request: IncomingMessage, upgrade: Upgrade): void
  readonly tunnels: Tunnels
}

/** What a route gives for one request. */
export interface TunnelCall {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  readonly options: ResolvedWebsocket
  /** Asks a server for the upgrade; `fields` are to be laid over the request's own. Rejects with a SluiceError. */
  dial(fields: Fields, abort: Abort): Promise<UpgradeResult>
}

/** What has become of the request. Our own refusals (400, 403, 405, 426, 502, 503) are not here: they reject as SluiceErrors. */
export type TunnelOutcome =
  /** Not a WebSocket handshake: go on as with any request. */
  | { readonly kind: 'ordinary' }
  /** The upstream said no, and its answer has been sent. */
  | { readonly kind: 'refused'; readonly status: number }
  /** The sockets are joined; the reply is hijacked. */
  | {
      readonly kind: 'joined'
      readonly ended: Promise<TunnelEnd>
      /** Tells both sides to end (Close 1001) and cuts them after the route's `closeGrace`. */
      leave(): void
    }
  /** The client has left, or the request was put back on its connection; the reply is hijacked. */
  | { readonly kind: 'gone' }

/** Where a tunnel is being opened. */
interface Opening {
  readonly call: TunnelCall
  readonly upgrade: Upgrade
  readonly registry: Registry
}

const REFUSAL_CODES = {
  400: 'SLUICE_BAD_REQUEST',
  405: 'SLUICE_METHOD_NOT_ALLOWED',
  426: 'SLUICE_UPGRADE_REQUIRED'
} as const satisfies Record<Refusal['refuse'], SluiceErrorCode>

/** Options whose `false` has been reported; one line per route is enough. */
const reported = new WeakSet<ResolvedWebsocket>()

/** Runs one request through: judge, check, count, dial, join. */
export async function openTunnel(call: TunnelCall, registry: Registry): Promise<TunnelOutcome> {
  const raw = call.request.raw
  const verdict = judge(raw)
  const upgrade = registry.upgradeOf(raw)
  if (verdict === 'ordinary') {
    return returnToHttp(call, registry) ? { kind: 'gone' } : { kind: 'ordinary' }
  }
  if (upgrade !== undefined) registry.guard(upgrade, call.reply.raw)
  if (upgrade !== undefined && !upgrade.socket.writable) return clientGone({ call, upgrade, registry })
  check(call, verdict, registry)
  if (upgrade === undefined) throw refusal(call.reply, 426, 'the connection cannot be upgraded')
  return countAndDial({ call, upgrade, registry })
}

function check(
  { request, reply, options }: TunnelCall,
  verdict: 'tunnel' | Refusal,
  registry: Registry
): void {
  if (!options.enabled) {
    const detail = `${options.optionPath} is false: set it to true to relay WebSocket`
    if (!reported.has(options)) registry.log.warn(`WebSocket handshake refused with 426: ${detail}`)
    reported.add(options)
    // RFC 9110 §15.5.22 wants the protocol that would do; here that is plain HTTP.
    reply.header('upgrade', 'HTTP/1.1').header('connection', 'close, Upgrade')
    throw sluiceError('SLUICE_UPGRADE_REQUIRED', { detail })
  }
  if (verdict !== 'tunnel') throw refusal(reply, verdict.refuse, verdict.reason)
  const { origin } = request.headers
  if (!originAllowed(origin, options.allowedOrigins, request.host)) {
    reply.header('connection', 'close')
    throw sluiceError('SLUICE_FORBIDDEN', { detail: `${options.optionPath}.allowedOrigins has no ${origin}` })
  }
}

function refusal(reply: FastifyReply, status: Refusal['refuse'], reason: string): Error {
  reply.header('connection', 'close')
  if (status === 405) reply.header('allow', 'GET')
  if (status === 426) {
    reply.header('connection', 'close, Upgrade').header('upgrade', 'websocket')
    reply.header('sec-websocket-version', '13')
  }
  return sluiceError(REFUSAL_CODES[status], { detail: reason })
}

async function countAndDial(opening: Opening): Promise<TunnelOutcome> {
  const { call, registry } = opening
  const { options, reply } = call
  const abort = new Abort()
  const ticket = registry.tunnels.closing ? undefined : registry.tunnels.enter(options, abort)
  if (ticket === undefined) {
    reply.header('connection', 'close').header('retry-after', '1')
    if (registry.tunnels.closing) throw sluiceError('SLUICE_CLOSING')
    throw sluiceError('SLUICE_CONCURRENCY', { detail: `${options.optionPath}.maxConnections is reached` })
  }
  let relay: Relay | undefined
  try {
    const result = await dial(opening, abort)
    if (result === undefined) return clientGone(opening)
    if (result.kind === 'refused') return await relayRefusal(reply, result.response)
    const joined = join(opening, result)
    relay = joined
    return { kind: 'joined', ended: joined.ended, leave: () => joined.leave(options.closeGraceMs) }
  } finally {
    if (relay === undefined) ticket.leave()
    else ticket.opened(relay)
  }
}

/** undefined when the client left meanwhile. */
async function dial({ call, upgrade }: Opening, abort: Abort): Promise<UpgradeResult | undefined> {
  const { socket } = upgrade
  const onClose = () => abort.abort(sluiceError('SLUICE_CLIENT_CLOSED'))
  socket.once('close', onClose)
  try {
    const result = await call.dial(handshakeFields(call.request.raw.headers), abort)
    if (socket.writable) return result
    discard(result.kind === 'switched' ? result.socket : result.response.body)
    return undefined
  } catch (error) {
    if (!socket.destroyed) throw error
    return undefined
  } finally {
    socket.off('close', onClose)
  }
}

function join({ call, upgrade }: Opening, switched: UpgradeResult & { kind: 'switched' }): Relay {
  const { request, reply, options } = call
  const problem = switchProblem(switched.fields, String(request.headers['sec-websocket-key']))
  if (problem !== undefined) {
    switched.socket.destroy()
    reply.header('connection', 'close')
    throw sluiceError('SLUICE_BAD_RESPONSE', { phase: 'header', detail: problem })
  }
  const head = switchHead(switched.fields, reply.getHeaders())
  reply.hijack()
  reply.raw.statusCode = 101
  upgrade.guard?.()
  upgrade.unwatch?.()
  upgrade.socket.write(head)
  request.raw.socket.setTimeout(0)
  return new Relay({
    client: { socket: upgrade.socket, head: upgrade.head },
    upstream: { socket: switched.socket, head: switched.head },
    idleTimeoutMs: options.idleTimeoutMs
  })
}

/** Sends the upstream's answer as an ordinary one; resolves when it is out. */
async function relayRefusal(reply: FastifyReply, response: UpstreamResponse): Promise<TunnelOutcome> {
  const { status, fields, body } = response
  reply.code(status)
  for (const name in fields) {
    // A field that the app has set stands; cookies are kept side by side.
    if (name === 'set-cookie' || !reply.hasHeader(name)) reply.header(name, fields[name])
  }
  reply.header('connection', 'close')
  if (body === null) reply.send()
  // Fastify would give a Buffer without Content-Type a type of its own.
  else reply.send(body instanceof Readable ? body : Readable.from([body]))
  await closed(reply.raw)
  // Cut short, the reply does not count as sent, and Fastify would go on to the handler.
  if (!reply.sent) reply.hijack()
  return { kind: 'refused', status }
}

function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.writableFinished || response.destroyed) return resolve()
    response.once('finish', resolve)
    response.once('close', resolve)
  })
}

function clientGone({ call, upgrade, registry }: Opening): TunnelOutcome {
  if (!upgrade.socket.destroyed) {
    registry.log.warn(
      `another 'upgrade' listener has ended the connection of ${call.request.url}: let it ignore the paths of Sluice (ws: noServer, socket.io: destroyUpgrade: false)`
    )
    upgrade.socket.destroy()
  }
  call.reply.hijack()
  return { kind: 'gone' }
}

/**
 * Puts a request that came as an upgrade but is no handshake back on its connection; false for all others. Such a request
 * gets this far only beside @fastify/websocket, which routes every upgrade.
 */
export function returnToHttp(call: Pick<TunnelCall, 'request' | 'reply'>, registry: Registry): boolean {
  const { reply, request } = call
  const upgrade = registry.upgradeOf(request.raw)
  if (upgrade === undefined || judge(request.raw) !== 'ordinary') return false
  reply.hijack()
  reply.raw.detachSocket(request.raw.socket)
  reply.raw.emit('close')
  registry.giveBack(request.raw, upgrade)
  return true
}
