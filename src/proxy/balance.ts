// What of a request decides about its server (nginx: hash, ip_hash, sticky), and the cookie that brings the client back to it.
import type { FastifyRequest } from 'fastify'
import { parseCacheControl } from '../cache/directives'
import { clientAddress } from '../http/address'
import { cookieValue, withoutCookies } from '../http/cookie'
import type { Fields, Wish } from '../http/message'
import { returnedText } from '../http/returned'
import type { Target } from '../http/target'
import type { HashKey } from '../upstream/balance/options'
import type { Server } from '../upstream/server'
import type { RequestExchange } from './exchange'
import { appendField } from './response-rules'
import type { UpstreamRef } from './route'

/** Undefined when the group looks at nothing of the request. */
export function wishOf(
  { request, target }: Pick<RequestExchange, 'request' | 'target'>,
  { group }: Pick<UpstreamRef, 'group'>
): Wish | undefined {
  const { key, sticky } = group
  if (key === undefined && sticky === undefined) return undefined
  return {
    key: key === undefined ? '' : keyOf(key, request, target),
    cookie: sticky && cookieValue(request.headers.cookie, sticky.cookie)
  }
}

function keyOf(key: HashKey, request: FastifyRequest, { path, query }: Target): string {
  if (key === 'path') return path
  return key === 'uri' ? path + query : clientKey(key, request, 'hash.key')
}

/** What says who asks; empty when the request has no such thing. `option` is for a function that returns what is no text. */
export function clientKey(
  key: Exclude<HashKey, 'uri' | 'path'>,
  request: FastifyRequest,
  option: string
): string {
  if (key === 'ip') return clientAddress(request.ip, request.raw.socket.remoteAddress)
  if (typeof key === 'function') return returnedText(option, key(request)) ?? ''
  if ('cookie' in key) return cookieValue(request.headers.cookie, key.cookie) ?? ''
  return String(request.headers[key.header] ?? '')
}

/**
 * The client's fields without the edge's cookies, of this group or another: they are between us and the client, and what no
 * server sees makes no answer personal (HAProxy: cookie … indirect).
 */
export function clientFields(fields: Fields, { edgeCookies }: Pick<UpstreamRef, 'edgeCookies'>): Fields {
  const cookies = fields.cookie
  if (edgeCookies.size === 0 || typeof cookies !== 'string') return fields
  const rest = withoutCookies(cookies, edgeCookies)
  if (rest === cookies) return fields
  const { cookie: _all, ...others } = fields
  return rest === undefined ? others : { ...others, cookie: rest }
}

/** Told by `forward` which server has answered. */
export function stickTo(
  exchange: RequestExchange,
  { group }: Pick<UpstreamRef, 'group'>
): (server: Server) => void {
  return (server) => {
    exchange.stickyLine = group.stickyLine(server, exchange.request.protocol === 'https')
  }
}

/** Puts the cookie on the answer. One that others get too, from our cache or from one in front, has none. */
export function setStickyCookie({ reply, stickyLine, outcome }: RequestExchange, fields: Fields): void {
  if (stickyLine === undefined || outcome?.stored === true || outcome?.ageSeconds !== undefined) return
  const { public: isPublic, sMaxage } = parseCacheControl(fields['cache-control'])
  if (!isPublic && sMaxage === undefined) appendField(reply, 'set-cookie', stickyLine)
}
