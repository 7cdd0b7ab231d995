// PURE. Which fields belong to one connection only and go no further (RFC 9110 §7.6.1).
import { addLine } from './field-lines'
import { emptyFields } from './fields'
import type { Fields } from './message'

/** Fields that speak about the connection; `trailer` is written anew by whoever sends trailers. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade'
])

/** A sender that names one of these in `connection` attacks: without them the message means something else. */
export const PROTECTED: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'content-range',
  'authorization',
  'cookie',
  'set-cookie',
  'cache-control',
  'vary',
  'expires',
  'date',
  'age',
  'etag',
  'via',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip'
])

const COLON = 0x3a

const NONE: ReadonlySet<string> = new Set()

/** A copy without hop-by-hop fields and those that `connection` names. */
export function endToEnd(fields: Fields): Fields {
  const nominated = nominations(fields.connection)
  const kept = emptyFields()
  for (const name in fields) {
    const value = fields[name]
    if (value !== undefined && !isDropped(name, nominated)) kept[name] = value
  }
  return kept
}

/** A request's end-to-end fields; `te: trailers` stays, for it says what the one behind us may send. */
export function requestFields(fields: Fields): Fields {
  const kept = endToEnd(fields)
  if (wantsTrailers(fields.te)) kept.te = 'trailers'
  return kept
}

/** End-to-end fields of a response, from names and values in turn as they came. */
export function responseFields(raw: readonly string[]): Fields {
  return endToEnd(collectFields(raw))
}

/** A response's names and values in turn → fields: lower case, in order, several lines as `field-lines` has it. */
export function collectFields(raw: readonly string[]): Fields {
  const fields = emptyFields()
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] as string).toLowerCase()
    const value = raw[index + 1] as string
    const before = fields[name]
    fields[name] = before === undefined ? value : addLine(name, before, value)
  }
  return fields
}

/** Trailer fields that may be passed on: none that frames, routes or authenticates (RFC 9110 §6.5.1). */
export function trailerFields(raw: readonly string[]): Fields {
  const fields = responseFields(raw)
  for (const name of PROTECTED) delete fields[name]
  return fields
}

/** The pseudo-fields of an HTTP/2 message are its control data (RFC 9113 §8.3): each connection writes its own. */
function isDropped(name: string, nominated: ReadonlySet<string>): boolean {
  if (name.charCodeAt(0) === COLON || HOP_BY_HOP.has(name)) return true
  return nominated.size > 0 && nominated.has(name) && !PROTECTED.has(name)
}

function nominations(connection: string | string[] | undefined): ReadonlySet<string> {
  if (connection === undefined || isCommon(connection)) return NONE
  return new Set(tokens(connection))
}

/** The two values that nearly every message has name no field worth a set. */
function isCommon(connection: string | string[]): boolean {
  return connection === 'keep-alive' || connection === 'close'
}

function wantsTrailers(te: string | string[] | undefined): boolean {
  return te !== undefined && tokens(te).includes('trailers')
}

function tokens(value: string | string[]): string[] {
  const text = typeof value === 'string' ? value : value.join(',')
  return text.toLowerCase().split(',').map(trimmed)
}

function trimmed(token: string): string {
  return token.trim()
}
