// The servers that listen for an app, their HTTP/2 sessions at the end, and upstreams that are ourselves.
import type { Server } from 'node:http'
import { constants, type Http2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { connectionOf } from '../http/closable'
import { internal } from './internal'
import type { Registry } from './registry'

/** The servers that Fastify opens beside the app's own for 'localhost': known once it listens. */
export function furtherServers(app: FastifyInstance): Server[] {
  return (internal(app, 'fastify.serverBindings') as Server[] | undefined) ?? []
}

/** The HTTP/2 sessions of a server. */
export interface Sessions {
  /** GOAWAY to all. */
  end(): void
  open(): number
  cut(): void
}

/** Those of several servers as one. */
export function allSessions(each: readonly Sessions[]): Sessions {
  return {
    end() {
      for (const one of each) one.end()
    },
    open: () => each.reduce((sum, one) => sum + one.open(), 0),
    cut() {
      for (const one of each) one.cut()
    }
  }
}

/**
 * Fastify closes idle HTTP/1 connections when the app closes and waits for HTTP/2 sessions to time out. What this returns tells
 * their clients to go (GOAWAY): streams that are open end in peace, idle sessions close at once (nginx: the quit signal).
 */
export function watchSessions(server: Server): Sessions {
  const sessions = new Map<Http2Session, Socket>()
  const streams = new Set<ServerHttp2Stream>()
  server.on('stream', (stream: ServerHttp2Stream) => {
    streams.add(stream)
    stream.once('close', () => streams.delete(stream))
  })
  server.on('session', (session: Http2Session) => {
    sessions.set(session, connectionOf(session))
    session.once('close', () => sessions.delete(session))
  })
  return {
    end() {
      for (const session of sessions.keys()) session.close()
      endConnections(sessions)
    },
    open: () => sessions.size,
    cut() {
      // Without a reset a session that ends looks to some clients as if its answers were whole.
      for (const stream of streams) stream.close(constants.NGHTTP2_INTERNAL_ERROR)
      setImmediate(() => {
        for (const session of sessions.keys()) session.destroy()
        // It waits for what is written to be taken, and a client may take nothing.
        setTimeout(destroyAll, LINGER_MS, [...sessions.values()]).unref()
      })
    }
  }
}

/** How long a client may take, at least, to close a connection that has ended (nginx: lingering_timeout). */
const LINGER_MS = 2_000

function destroyAll(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.destroy()
}

/** A session that has ended waits for its client to close the connection: one that is gone, or will not, must not hold up the close. */
function endConnections(sessions: ReadonlyMap<Http2Session, Socket>): void {
  const ended = new Set<Http2Session>()
  const timer = setInterval(() => {
    if (sessions.size === 0) clearInterval(timer)
    for (const [session, socket] of sessions) {
      if (ended.has(session)) socket.destroySoon()
      else if (session.destroyed) ended.add(session)
    }
  }, LINGER_MS)
  timer.unref()
}

/** An upstream server that is this very server would answer itself until all sockets are gone: it is taken out. */
export function refuseSelf(app: FastifyInstance, registry: Registry): void {
  const addresses = app
    .addresses()
    .filter((address): address is AddressInfo => typeof address === 'object' && address !== null)
  for (const { name, group, serverPaths } of registry.upstreams.values()) {
    for (const { url, state } of group.states()) {
      if (state === 'down' || !addresses.some((address) => leadsTo(url, address))) continue
      group.takeDown(url, 'it is this server itself')
      const option = serverPaths.get(url)
      const next = 'name the app behind, or let it listen on another port'
      app.log.error(
        { upstream: name, server: url, option, next },
        `upstream ${name}: ${url} is this server itself; it is taken out`
      )
    }
  }
}

function leadsTo(url: string, { address, port }: AddressInfo): boolean {
  const match = /^https?:\/\/(\[[^\]]+\]|[^:/]+)(?::(\d+))?$/.exec(url)
  if (match === null) return false
  const own = Number(match[2] ?? (url.startsWith('https') ? 443 : 80))
  const host = (match[1] as string).replace(/^\[|\]$/g, '')
  if (own !== port) return false
  const local = ['127.0.0.1', '::1', 'localhost', '0.0.0.0', '::']
  return host === address || (local.includes(host) && local.includes(address))
}
