// PURE. DownstreamRequest → UpstreamRequest: what crosses to the upstream (RFC 9110 §7.6, nginx: proxy_set_header).
import type { FastifyRequest } from 'fastify'
import { sluiceError } from '../errors'
import { requestFields } from '../http/end-to-end'
import { isFieldValue } from '../http/fields'
import { dropNamed, type ForwardedFacts, setForwarded } from '../http/forwarded'
import type { Body, Fields, UpstreamRequest } from '../http/message'
import { isAuthority } from '../http/origin'
import { OVERRIDES } from '../http/overrides'
import { returnedText } from '../http/returned'
import { rewritePath, type Target } from '../http/target'
import type { FieldRule } from './options'
import { requestTrailers } from './request-trailers'
import type { Route, UpstreamRef } from './route'

/** What is known of the client's request. */
export interface DownstreamRequest {
  /** For the user's functions in `headers`. */
  readonly request: FastifyRequest
  readonly method: string
  readonly target: Target
  readonly fields: Fields
  readonly authority: string
  readonly forwarded: ForwardedFacts
  /** Fields of the auth server's answer. */
  readonly authFields: Fields | undefined
  readonly body: Body
  /** Of a body whose framing has room for trailers: names and values in turn, once it has ended. */
  readonly rawTrailers?: (() => readonly string[]) | undefined
  /** The answer may be stored under this URL, for others too. */
  readonly keyed: boolean
}

/** The request as it goes to a server of the upstream. Without `host` the transport names the server itself. */
export function toUpstream(downstream: DownstreamRequest, route: Route, to: UpstreamRef): UpstreamRequest {
  const fields = requestFields(downstream.fields)
  delete fields.expect
  if (downstream.body === null) delete fields['content-length']
  if (downstream.keyed) dropNamed(fields, OVERRIDES)
  setForwarded(fields, downstream.forwarded, route.forwarded)
  setHost(fields, downstream, route, to)
  dropNamed(fields, route.authNames)
  if (downstream.authFields !== undefined) Object.assign(fields, downstream.authFields)
  for (const [name, rule] of route.headers.request)
    setField(fields, name, ruleValue(rule, downstream.request))
  const { method, target, body, rawTrailers } = downstream
  const sent = { method, path: pathFor(target, route), fields, body }
  if (rawTrailers === undefined) return sent
  return { ...sent, trailers: requestTrailers(downstream.fields.trailer, rawTrailers, route) }
}

/** The host that the client asked for, as `trustProxy` verified it: one for Host to the upstream and for the cache's key. */
export function publicAuthority({ host, headers }: Pick<FastifyRequest, 'host' | 'headers'>): string {
  const own = headers.host ?? (headers[':authority'] as string | undefined) ?? ''
  return host === own || !isAuthority(host) ? own : host
}

/** The raw path, or the one with the prefix replaced; the query is always kept. */
export function pathFor(target: Target, { rewrite }: Pick<Route, 'rewrite'>): string {
  const path = rewrite === null ? target.path : rewritePath(target.path, rewrite.segments, rewrite.to)
  return path + target.query
}

/** A rule's value for this request; null removes. Text was checked at start, what a function returns is checked here. */
export function ruleValue(rule: FieldRule, request: FastifyRequest): string | null {
  const value = typeof rule === 'function' ? checked(rule(request)) : rule
  return value === '' ? null : value
}

/** A value built from the request could end the line and begin another one. */
function checked(returned: unknown): string | null {
  const value = returnedText('headers', returned)
  if (value === null || isFieldValue(value)) return value
  throw sluiceError('SLUICE_INTERNAL', {
    detail: `headers: a function returned ${JSON.stringify(value)}, which is no field value`
  })
}

function setHost(
  fields: Fields,
  { authority, request }: DownstreamRequest,
  route: Route,
  to: UpstreamRef
): void {
  const { host } = route.headers
  if (typeof host === 'function') setField(fields, 'host', ruleValue(host, request))
  else if (typeof host === 'object') fields.host = host.text
  else if (host === 'client' || (host === 'auto' && !to.secure)) fields.host = authority
  else delete fields.host
}

function setField(fields: Fields, name: string, value: string | null): void {
  if (value === null) delete fields[name]
  else fields[name] = value
}
