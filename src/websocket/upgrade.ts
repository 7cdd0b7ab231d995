// The server side of upgrades: which request becomes a tunnel, which is answered as an ordinary one, and the end of all at close.
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { judge } from './handshake'
import { Handshakes } from './handshakes'
import { putBack } from './put-back'
import {
  openTunnel,
  type Registry,
  returnToHttp,
  type TunnelCall,
  type TunnelOutcome,
  type Upgrade
} from './tunnel'
import { Tunnels } from './tunnels'

/** What this part needs to know of the rest. */
export interface UpgradeDeps {
  /** Whether the request's path and host belong to one of our routes. */
  owns(request: IncomingMessage): boolean
  readonly log: FastifyBaseLogger
}

/** The upgrades of one app. */
export interface Upgrades {
  /** Listens on a server; a second call for the same one does nothing. */
  attach(server: Server): void
  /** The socket of a request that came as an upgrade. */
  upgradeOf(request: IncomingMessage): Upgrade | undefined
  /** The first onRequest step of a route: true when the request was no handshake and will come again as an ordinary one. */
  giveBack(request: FastifyRequest, reply: FastifyReply): boolean
  /** The last step of a route: see TunnelOutcome for what is left to do. */
  tunnel(call: TunnelCall): Promise<TunnelOutcome>
  /** Tells tunnels to end, those too that are still to stand. */
  leave(longestGraceMs: number): void
  /** How many tunnels and handshakes there are. */
  open(): number
  /** Ends them now. */
  cut(): void
  /** Refuses new tunnels, tells the open ones to end, and resolves when all have; for the app's preClose. */
  close(): Promise<void>
}

/** A server of Node 24.9 and newer asks before it takes a request off HTTP. */
type AskingServer = Server & { shouldUpgradeCallback?: (request: IncomingMessage) => boolean }

/** From Node 25 the content of an upgrade request is read by its request object, and cannot be put back. */
const CONTENT_STAYS_WITH_REQUEST = Number.parseInt(process.versions.node, 10) > 24
/** How long a refused client may take to close its side; a plain close could reset what it has not read yet. */
const LINGER_MS = 1000

/** Creates the upgrades of an app; nothing happens before `attach`. */
export function createUpgrades(app: FastifyInstance, deps: UpgradeDeps): Upgrades {
  const upgrades = new WeakMap<IncomingMessage, Upgrade>()
  const attached = new WeakSet<Server>()
  const tunnels = new Tunnels()
  const handshakes = new Handshakes()
  let main: Server | undefined

  const upgradeOf = (request: IncomingMessage): Upgrade | undefined => upgrades.get(request)
  const registry: Registry = { log: deps.log, upgradeOf, guard: guardResponse, giveBack, tunnels }

  function attach(server: Server): void {
    if (attached.has(server)) return
    attached.add(server)
    // Fastify's further servers for 'localhost' pass their upgrades on to the first.
    if (main === undefined || server.listenerCount('upgrade') === 0) {
      main ??= server
      server.prependListener('upgrade', onUpgrade)
    }
    askFirst(server)
  }

  /** Requests that are no handshake then never leave HTTP. */
  function askFirst(server: AskingServer): void {
    const before = server.shouldUpgradeCallback
    if (before === undefined) return
    server.shouldUpgradeCallback = (request) => {
      if (deps.owns(request)) return judge(request) === 'tunnel'
      return othersListen() && before.call(server, request)
    }
  }

  function othersListen(): boolean {
    return main !== undefined && main.listenerCount('upgrade') > 1
  }

  function onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Node has taken its own handler off: from here to the end a reset would end the process.
    socket.on('error', ignore)
    if (upgrades.has(request)) return
    const server = serverOf(request)
    if (server !== undefined) attach(server)
    const upgrade: Upgrade = { socket, head, guard: undefined, unwatch: undefined }
    const owned = deps.owns(request)
    if (!owned && othersListen()) return
    upgrades.set(request, upgrade)
    // @fastify/websocket brings every upgrade to the router itself.
    if (app.hasDecorator('websocketServer')) return
    const answer = () => {
      try {
        if (owned && judge(request) !== 'ordinary') {
          watch(upgrade)
          route(app, request, upgrade)
        } else giveBack(request, upgrade)
      } catch (error) {
        // Thrown further it would end the process: no request is on the stack any more.
        deps.log.error({ err: error }, 'an upgrade could not be routed')
        socket.destroy()
      }
    }
    // The next tick: listeners after us that end what they do not know should be seen to have done so.
    afterEarlierAnswers(request.socket, othersListen() ? () => process.nextTick(answer) : answer)
  }

  function watch(upgrade: Upgrade): void {
    upgrade.unwatch ??= handshakes.watch(upgrade.socket)
  }

  /** A handshake that another brought to the router is watched from our first hook on. */
  function begin(request: FastifyRequest, reply: FastifyReply): boolean {
    if (returnToHttp({ request, reply }, registry)) return true
    const upgrade = upgrades.get(request.raw)
    if (upgrade !== undefined && judge(request.raw) !== 'ordinary') watch(upgrade)
    return false
  }

  function giveBack(request: IncomingMessage, upgrade: Upgrade): void {
    upgrades.delete(request)
    const server = serverOf(request) ?? main
    if (CONTENT_STAYS_WITH_REQUEST) route(app, request, upgrade)
    else if (server === undefined || !putBack(server, request, upgrade)) upgrade.socket.destroy()
  }

  return {
    attach,
    upgradeOf,
    giveBack: begin,
    tunnel: (call) => openTunnel(call, registry),
    ...endings(app, tunnels, handshakes)
  }
}

function endings(
  app: FastifyInstance,
  tunnels: Tunnels,
  handshakes: Handshakes
): Pick<Upgrades, 'leave' | 'open' | 'cut' | 'close'> {
  return {
    leave: (longestGraceMs) => tunnels.leave(longestGraceMs),
    open: () => handshakes.open + tunnels.open,
    cut: () => {
      handshakes.cut()
      tunnels.cut()
    },
    close: () => {
      if (app.initialConfig.forceCloseConnections === true) handshakes.end()
      return tunnels.close()
    }
  }
}

function route(app: FastifyInstance, request: IncomingMessage, upgrade: Upgrade): void {
  const response = new ServerResponse(request)
  guardResponse(upgrade, response)
  response.assignSocket(request.socket)
  app.routing(request, response)
}

/** A response outside its server: it closes the connection at its end, and is told when the socket drains. */
function guardResponse(upgrade: Upgrade, response: ServerResponse): void {
  if (upgrade.guard !== undefined) return
  const { socket } = upgrade
  const onDrain = () => {
    response.emit('drain')
  }
  const onFinish = () => {
    upgrade.unwatch?.()
    endGently(socket)
  }
  response.shouldKeepAlive = false
  response.once('finish', onFinish)
  socket.on('drain', onDrain)
  upgrade.guard = () => {
    socket.off('drain', onDrain)
    response.off('finish', onFinish)
  }
}

function endGently(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
  socket.end()
  socket.resume()
}

/**
 * An upgrade behind unanswered requests on one connection: their answers go out first, then the connection closes.
 * No client does this, and the state that Node's server keeps of such a connection could not be trusted.
 */
function afterEarlierAnswers(socket: Duplex, proceed: () => void): void {
  const earlier = (socket as { _httpMessage?: ServerResponse | null })._httpMessage
  if (earlier === undefined || earlier === null) {
    proceed()
    return
  }
  // Node's own listener for this is off as well.
  socket.on('drain', () => earlier.emit('drain'))
  earlier.once('close', () => afterEarlierAnswers(socket, () => endGently(socket)))
}

function serverOf(request: IncomingMessage): Server | undefined {
  return (request.socket as { server?: Server }).server
}

function ignore(): void {
  // The 'close' that follows says all there is to say.
}
