// Gives a connection back to its HTTP server after Node took it for an upgrade (Node up to 24 has no other way to say no).
import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'

/** Node's own limit on what it keeps in rawHeaders (names and values) when the server sets none. */
const DEFAULT_RAW_LIMIT = 2000
const DROPPED: ReadonlySet<string> = new Set(['upgrade', 'http2-settings'])

/** Lets the server read the request again, as one that asks for no upgrade; false when that is not safe. */
export function putBack(
  server: Server,
  request: IncomingMessage,
  upgrade: { socket: Duplex; head: Buffer }
): boolean {
  // Fields beyond the limit are lost, a Content-Length among them would turn content into a second request.
  if (request.rawHeaders.length >= rawLimit(server)) return false
  const { socket, head } = upgrade
  socket.unshift(Buffer.concat([ordinaryHead(request), head]))
  server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket)
  return true
}

/** The request's head again, without what asks for an upgrade (RFC 9110 §7.8, RFC 7540 §3.2). */
export function ordinaryHead(
  request: Pick<IncomingMessage, 'method' | 'url' | 'rawHeaders'> & { originalUrl?: string }
): Buffer {
  const { rawHeaders, originalUrl, url } = request
  // Where the app rewrites URLs, Fastify keeps the one received: it will be rewritten once more.
  let head = `${request.method} ${originalUrl ?? url} HTTP/1.1\r\n`
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string
    const value = rawHeaders[at + 1] as string
    const lower = name.toLowerCase()
    if (lower === 'connection') head += connectionLine(value)
    else if (!DROPPED.has(lower)) head += `${name}: ${value}\r\n`
  }
  return Buffer.from(`${head}\r\n`, 'latin1')
}

function connectionLine(value: string): string {
  const kept = value.split(',').filter((option) => {
    const token = option.trim().toLowerCase()
    return token !== '' && !DROPPED.has(token)
  })
  if (kept.length === 0) return ''
  return `Connection: ${kept.map((option) => option.trim()).join(', ')}\r\n`
}

function rawLimit(server: Server): number {
  const limit = (server as { maxHeadersCount?: number | null }).maxHeadersCount
  if (typeof limit !== 'number') return DEFAULT_RAW_LIMIT
  return limit > 0 ? limit * 2 : Number.POSITIVE_INFINITY
}
