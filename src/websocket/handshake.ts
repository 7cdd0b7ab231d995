// PURE. The opening handshake as a relay sees it: RFC 6455 §4.2, RFC 9110 §7.8. The key is hashed, nothing else is computed.
import { createHash } from 'node:crypto'
import { isFieldValue, isToken } from '../http/fields'
import type { Fields } from '../http/message'

/** What is read of a request; an IncomingMessage is one. */
export interface HandshakeFacts {
  readonly method?: string | undefined
  readonly httpVersionMajor: number
  readonly httpVersionMinor: number
  /** Names in lower case, several lines of one name joined by a comma. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** Why a handshake is not relayed. */
export interface Refusal {
  readonly refuse: 400 | 405 | 426
  readonly reason: string
}

/** `ordinary`: to be answered as if it had no Upgrade field. */
export type Verdict = 'tunnel' | 'ordinary' | Refusal

/** RFC 6455 §1.3. */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{22}==$/

/** The client's handshake fields that travel to the upstream as they came. */
const HANDSHAKE_FIELDS = [
  'sec-websocket-key',
  'sec-websocket-version',
  'sec-websocket-protocol',
  'sec-websocket-extensions'
] as const

/** Old clients look for these names with the capitals of the RFC. */
const CASED: ReadonlyMap<string, string> = new Map([
  ['sec-websocket-accept', 'Sec-WebSocket-Accept'],
  ['sec-websocket-protocol', 'Sec-WebSocket-Protocol'],
  ['sec-websocket-extensions', 'Sec-WebSocket-Extensions']
])

/** Fields that never go with a 101: they belong to one connection, or would give it content (RFC 9110 §15.2). */
const NOT_WITH_101: ReadonlySet<string> = new Set([
  'connection',
  'upgrade',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'content-length'
])

/** Judges a request; protocols other than WebSocket are none of our business and stay ordinary. */
export function judge(request: HandshakeFacts): Verdict {
  const { headers } = request
  if (headers.upgrade === undefined || !hasToken(headers.upgrade, 'websocket')) return 'ordinary'
  if (request.httpVersionMajor === 1 && request.httpVersionMinor === 0) return 'ordinary'
  if (request.httpVersionMajor !== 1) return refuse(400, 'Upgrade is not a field of HTTP/2')
  if (!hasToken(headers.connection, 'upgrade')) {
    return refuse(400, 'Connection does not name Upgrade: a proxy in front may have removed it')
  }
  if (request.method !== 'GET') return refuse(405, 'a WebSocket handshake is a GET')
  if (hasContent(headers)) return refuse(400, 'a WebSocket handshake has no content')
  if (headers.host === undefined) return refuse(400, 'Host is missing')
  if (headers['sec-websocket-version'] !== '13') return refuse(426, 'Sec-WebSocket-Version is not 13')
  if (!KEY.test(text(headers['sec-websocket-key']))) return refuse(400, 'Sec-WebSocket-Key is not 16 bytes')
  return 'tunnel'
}

/** The fields that make the upstream request a handshake, to be laid over the ordinary request fields. */
export function handshakeFields(headers: HandshakeFacts['headers']): Fields {
  const fields: Fields = { upgrade: 'websocket' }
  for (const name of HANDSHAKE_FIELDS) {
    const value = headers[name]
    if (value !== undefined) fields[name] = value
  }
  return fields
}

/** The Sec-WebSocket-Accept that answers a key, RFC 6455 §4.2.2. */
export function acceptFor(key: string): string {
  return createHash('sha1').update(key).update(ACCEPT_GUID).digest('base64')
}

/** What is wrong with the upstream's 101, or undefined. Upgrade may be gone: a transport may have taken it off as hop-by-hop. */
export function switchProblem(fields: Fields, key: string): string | undefined {
  const protocol = fields.upgrade
  if (protocol !== undefined && text(protocol).toLowerCase() !== 'websocket') {
    return 'the server switched to another protocol'
  }
  if (text(fields['sec-websocket-accept']) !== acceptFor(key)) return 'Sec-WebSocket-Accept is wrong'
  return undefined
}

/** The head of the 101 for the client: the upstream's fields, and those of the app, which win. */
export function switchHead(upstream: Fields, own: Readonly<Record<string, unknown>>): Buffer {
  let head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
  for (const name in upstream) {
    const overruled = Object.hasOwn(own, name) && name !== 'set-cookie' && !CASED.has(name)
    if (!overruled) head += lines(name, upstream[name])
  }
  for (const name in own) {
    if (!CASED.has(name)) head += lines(name, own[name])
  }
  return Buffer.from(`${head}\r\n`, 'latin1')
}

/** Whether a comma list holds the token, in any case. */
export function hasToken(list: string | string[] | undefined, token: string): boolean {
  if (list === undefined) return false
  const members = typeof list === 'string' ? list : list.join(',')
  if (members.length === token.length) return members.toLowerCase() === token
  return members.split(',').some((member) => member.trim().toLowerCase() === token)
}

function lines(name: string, value: unknown): string {
  if (NOT_WITH_101.has(name) || !isToken(name)) return ''
  const values = Array.isArray(value) ? value : [value]
  let out = ''
  for (const one of values) {
    const line = String(one)
    // Dropped, not mended: what cannot stand in a field must not end the head early.
    if (one !== undefined && isFieldValue(line)) out += `${CASED.get(name) ?? name}: ${line}\r\n`
  }
  return out
}

function hasContent(headers: HandshakeFacts['headers']): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) !== 0)
}

function text(value: string | string[] | undefined): string {
  return typeof value === 'string' ? value : ''
}

function refuse(status: Refusal['refuse'], reason: string): Refusal {
  return { refuse: status, reason }
}
