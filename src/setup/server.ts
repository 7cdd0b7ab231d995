// What has to sit on the listening servers themselves: Expect: 100-continue, HTTP/2 sessions at the end, and upstreams that are ourselves.
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Http2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Registry } from './registry'

const waiting = new WeakSet<object>()

/** Whether the client waits for 100 before it sends its content. */
export function waitsForContinue(request: object): boolean {
  return waiting.has(request)
}

/**
 * RFC 9110 §10.1.1: on our routes 100 goes out when the upstream wants the content, after every hook; on all others at once, as
 * Node does by itself. An app with a listener of its own keeps it.
 */
export function listenForContinue(server: Server, owns: (request: IncomingMessage) => boolean): void {
  if (server.listenerCount('checkContinue') > 0) return
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    if (owns(request)) waiting.add(request)
    else response.writeContinue()
    server.emit('request', request, response)
  })
}

/**
 * Fastify closes idle HTTP/1 connections when the app closes and waits for HTTP/2 sessions to time out. What this returns tells
 * their clients to go (GOAWAY): streams that are open end in peace, idle sessions close at once (nginx: the quit signal).
 */
export function watchSessions(server: Server): () => void {
  const sessions = new Set<Http2Session>()
  server.on('session', (session: Http2Session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
  })
  return () => {
    for (const session of sessions) session.close()
  }
}

/** An upstream server that is this very server would answer itself until all sockets are gone: it is taken out. */
export function refuseSelf(app: FastifyInstance, registry: Registry): void {
  const addresses = app.addresses().filter((address): address is AddressInfo => typeof address === 'object')
  for (const { name, group } of registry.upstreams.values()) {
    for (const { url } of group.states()) {
      if (!addresses.some((address) => leadsTo(url, address))) continue
      group.takeDown(url)
      app.log.error(
        { upstream: name, server: url },
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
