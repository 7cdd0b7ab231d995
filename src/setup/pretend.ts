// A request that was never received: what the rules look at, read by Fastify's own getters, so that `trustProxy` holds for it too.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { optionError } from '../errors'
import type { Fields } from '../http/message'
import { internal } from './internal'

/** The request that `app.sluice.explain` is asked about. */
export interface ExplainRequest {
  /** @default 'GET' */
  readonly method?: string
  /** Path and query as a client sends them, or a whole URL, which says scheme and Host as well. */
  readonly url: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** The address of the connection; behind a trusted proxy X-Forwarded-For counts as usual. @default '127.0.0.1' */
  readonly ip?: string
}

/** In the place of what is known only of a real request. */
const REQUEST_ID = '(request.id)'

/** The request as the app would see it on HTTP/1.1. */
export function pretend(app: FastifyInstance, asked: ExplainRequest): FastifyRequest {
  const { method = 'GET', ip = '127.0.0.1' } = asked
  const { scheme, authority, url } = split(app, asked.url)
  const headers = { host: authority, ...fieldsOf(asked.headers ?? {}) }
  const socket = { remoteAddress: ip, encrypted: scheme === 'https' }
  const raw = {
    method: method.toUpperCase(),
    url,
    headers,
    rawHeaders: Object.entries(headers).flat(),
    httpVersion: '1.1',
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    socket,
    connection: socket
  }
  const Request = internal(app, 'fastify.Request') as { prototype: object } | undefined
  if (Request === undefined) {
    const { host } = headers
    return {
      raw,
      method: raw.method,
      url,
      headers,
      host,
      ip,
      protocol: scheme,
      id: REQUEST_ID,
      params: {},
      server: app
    } as never
  }
  const own = {
    raw: { value: raw },
    id: { value: REQUEST_ID },
    params: { value: {} },
    server: { value: app },
    sluice: { value: null }
  }
  return Object.create(Request.prototype, own) as FastifyRequest
}

function split(app: FastifyInstance, url: string): { scheme: string; authority: string; url: string } {
  const tls = 'setSecureContext' in app.server ? 'https' : 'http'
  if (url.startsWith('/')) return { scheme: tls, authority: 'localhost', url }
  const parts = /^(https?):\/\/([^/?#]+)(.*)$/is.exec(url)
  if (parts === null) throw optionError('explain.url', `${JSON.stringify(url)} is neither a path nor a URL`)
  const [, scheme = tls, authority = '', rest = ''] = parts
  return { scheme: scheme.toLowerCase(), authority, url: rest.startsWith('/') ? rest : `/${rest}` }
}

/** As Node hands them out: names in lower case, several lines as one. */
function fieldsOf(headers: NonNullable<ExplainRequest['headers']>): Record<string, string> & Fields {
  const fields: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    const lower = name.toLowerCase()
    fields[lower] = [value].flat().join(lower === 'cookie' ? '; ' : ', ')
  }
  return fields
}
