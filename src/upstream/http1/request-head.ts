// PURE. A request head as bytes (RFC 9112 §3, §6): nothing goes into it that could end a line or announce other content.
import { isFieldValue, isToken } from '../../http/fields'
import type { Fields, RequestTrailers, UpstreamRequest } from '../../http/message'

/** How the content is announced: its length, or in chunks. */
export type Announced = number | 'chunked'

/** A head that can be sent, in latin1. */
export interface RequestHead {
  readonly text: string
  /** 0: no content. */
  readonly content: Announced
}

/** What the connection settles by itself. */
export interface HeadSettings {
  /** Value of `host` when the caller has set none. */
  readonly authority: string
  /** What becomes of the connection: it is used again, or not, or is to speak what `upgrade` names. */
  readonly connection: 'keep-alive' | 'close' | 'upgrade'
}

const TARGET = /^[\x21-\xff]+$/

/** Settled by the connection; `expect` would wait for a 100 that nobody here acts on. */
const REFUSED: ReadonlySet<string> = new Set([
  'expect',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding'
])

/** Written first, or by the framing. */
const OWN: ReadonlySet<string> = new Set(['host', 'connection', 'content-length', 'trailer', 'upgrade'])

/** Methods whose content is expected: without any that is said (RFC 9110 §8.6). */
const WITH_CONTENT: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH', 'QUERY', 'PROPFIND', 'PROPPATCH'])

/** The head, or what is wrong with the request. */
export function requestHead(request: UpstreamRequest, settings: HeadSettings): RequestHead | string {
  const { method, path, fields } = request
  if (!isToken(method)) return 'invalid method'
  if (!TARGET.test(path)) return 'invalid request target'
  const content = announce(request)
  if (content === undefined) return 'content-length does not match the content'
  const host = fields.host ?? settings.authority
  if (typeof host !== 'string' || !isFieldValue(host)) return 'invalid host'
  const lines = fieldLines(fields)
  if (lines === undefined) return 'invalid field'
  const connection = connectionLines(fields, settings)
  if (connection === undefined) return 'invalid upgrade'
  const start = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${connection}`
  return { text: `${start}${lines}${contentLine(content, request)}\r\n`, content }
}

function announce({ fields, body }: UpstreamRequest): Announced | undefined {
  const given = fields['content-length']
  if (given !== undefined && (typeof given !== 'string' || !/^\d{1,15}$/.test(given))) return undefined
  const length = given === undefined ? undefined : Number(given)
  if (body !== null && !Buffer.isBuffer(body)) return length ?? 'chunked'
  const actual = body?.length ?? 0
  return length === undefined || length === actual ? actual : undefined
}

/** Only a request to switch protocols names one (RFC 9110 §7.8). */
function connectionLines({ te, upgrade }: Fields, { connection }: HeadSettings): string | undefined {
  const options = te === undefined ? connection : `${connection}, te`
  if (connection !== 'upgrade') return upgrade === undefined ? `connection: ${options}\r\n` : undefined
  if (typeof upgrade !== 'string' || upgrade === '' || !isFieldValue(upgrade)) return undefined
  return `connection: ${options}\r\nupgrade: ${upgrade}\r\n`
}

function contentLine(content: Announced, { method, fields, trailers }: UpstreamRequest): string {
  if (content === 'chunked') return `transfer-encoding: chunked\r\n${announcement(trailers)}`
  const silent = content === 0 && fields['content-length'] === undefined && !WITH_CONTENT.has(method)
  return silent ? '' : `content-length: ${content}\r\n`
}

/** Behind a length there is no place for trailers: they are announced with chunks only (RFC 9110 §6.5). */
function announcement(trailers: RequestTrailers | undefined): string {
  if (trailers === undefined || trailers.announced.length === 0) return ''
  return `trailer: ${trailers.announced.join(', ')}\r\n`
}

/** Lines of a head or of a trailer section, without those that the framing writes; undefined: one of them cannot be sent. */
export function fieldLines(fields: Fields): string | undefined {
  let lines = ''
  for (const name in fields) {
    const value = fields[name]
    if (value === undefined || OWN.has(name)) continue
    if (REFUSED.has(name) || !isToken(name)) return undefined
    for (const line of typeof value === 'string' ? [value] : value) {
      if (!isFieldValue(line)) return undefined
      lines += `${name}: ${line}\r\n`
    }
  }
  return lines
}
