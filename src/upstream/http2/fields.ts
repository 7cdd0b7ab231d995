// PURE. Fields as HTTP/2 has them: pseudo-fields first, none that speak of the connection, a head of bounded size (RFC 9113 §8.2, §8.3).
import type { OutgoingHttpHeaders } from 'node:http2'
import type { Fields, UpstreamRequest } from '../../http/message'
import type { Origin } from '../origin'
import { MAX_HEAD_BYTES, refuseHead } from '../response-head'

/** Frames, routes or belongs to the connection: HTTP/2 has its own way for each. */
const NEVER_SENT: ReadonlySet<string> = new Set([
  'connection',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade'
])

/** Everything that goes into HEADERS. `host` becomes `:authority`; without it the server's own address is named. */
export function requestHeaders(request: UpstreamRequest, origin: Origin): OutgoingHttpHeaders {
  const { method, path, fields, body, trailers } = request
  const headers: OutgoingHttpHeaders = Object.create(null)
  headers[':method'] = method
  headers[':scheme'] = origin.secure ? 'https' : 'http'
  headers[':authority'] = authorityOf(fields, origin)
  headers[':path'] = path
  for (const name in fields) {
    const value = fields[name]
    if (value !== undefined && !isDropped(name, value)) headers[name] = value
  }
  // Node joins the crumbs of a cookie that came over HTTP/2; two lines of HTTP/1.1 would be two cookies to some servers.
  if (Array.isArray(fields.cookie)) headers.cookie = fields.cookie.join('; ')
  if (Buffer.isBuffer(body) && headers['content-length'] === undefined) {
    headers['content-length'] = String(body.length)
  }
  if (trailers !== undefined && trailers.announced.length > 0) headers.trailer = trailers.announced.join(', ')
  return headers
}

function authorityOf({ host }: Fields, origin: Origin): string {
  return (Array.isArray(host) ? host[0] : host) ?? origin.authority
}

function isDropped(name: string, value: string | string[]): boolean {
  return NEVER_SENT.has(name) || (name === 'te' && value !== 'trailers')
}

/** What is wrong with the head of a final response, or undefined. Node bounds the number of its fields, not their size. */
export function refuseHttp2Head(status: number, raw: readonly string[]): string | undefined {
  if (status < 200) return `status ${status}`
  let bytes = 0
  for (const text of raw) bytes += text.length
  return bytes > MAX_HEAD_BYTES ? `a head above ${MAX_HEAD_BYTES} bytes` : refuseHead(status, raw)
}
