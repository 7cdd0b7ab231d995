// Cache directives, parsed once into one flat record (RFC 9111 §5.2), and which field rules freshness. PURE.
import { parseHttpDate } from '../http/date'
import { type DictionaryValue, parseDictionary } from '../http/dictionary'
import { fieldLines, firstLine, listMembers, trimOws } from '../http/fields'
import type { Fields } from '../http/message'
import {
  addDirective,
  type DirectiveRecord,
  type Directives,
  type EffectiveDirectives,
  emptyDirectives,
  isKnownDirective,
  MAX_SECONDS
} from './directive-record'

export type { DirectiveSource, Directives, EffectiveDirectives } from './directive-record'

interface Accel {
  readonly lifetimeMs: number
  readonly noStore: boolean
}

const MEMBER = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:=([!#$%&'*+\-.^_`|~0-9A-Za-z]+|"(?:[^"\\]|\\.)*"))?$/
const LEADING_TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+/
const NONE: Directives = Object.freeze(emptyDirectives())

/** The targeted fields that count without an option, in order (RFC 9213 §2.2). */
export const TARGETED: readonly string[] = ['cdn-cache-control']

/** Parses Cache-Control, all its lines as one list. Never throws; absent gives a shared record without directives. */
export function parseCacheControl(value: string | string[] | undefined): Directives {
  return value === undefined ? NONE : readCacheControl(value)
}

/** Parses a targeted field (RFC 9213 §2.1). Undefined when it is absent, empty or not a dictionary: then it does not count. */
export function parseTargeted(value: string | string[] | undefined): Directives | undefined {
  return readTargeted(value)
}

/** The directives of a response after X-Accel-Expires > the first readable targeted field > Cache-Control > Expires. `now`: its receipt. */
export function effectiveDirectives(
  fields: Fields,
  now: number,
  targets: readonly string[] = TARGETED
): EffectiveDirectives {
  const accel = accelExpires(firstLine(fields, 'x-accel-expires'), now)
  if (accel !== undefined) return underAccel(readCacheControl(fields['cache-control']), accel)
  for (const name of targets) {
    const targeted = readTargeted(fields[name])
    if (targeted !== undefined) return withLifetime(targeted, 'targeted')
  }
  const directives = readCacheControl(fields['cache-control'])
  if (directives.sMaxage !== undefined || directives.maxAge !== undefined) {
    return withLifetime(directives, 'cache-control')
  }
  directives.lifetimeMs = expiresLifetimeMs(fields, now)
  if (directives.lifetimeMs !== undefined) directives.source = 'expires'
  return directives
}

function readCacheControl(value: string | string[] | undefined): DirectiveRecord {
  const directives = emptyDirectives()
  for (const member of listMembers(value)) addMember(directives, member)
  return directives
}

function readTargeted(value: string | string[] | undefined): DirectiveRecord | undefined {
  if (value === undefined) return undefined
  const members = parseDictionary(typeof value === 'string' ? value : value.join(', '))
  if (members === undefined || members.size === 0) return undefined
  const directives = emptyDirectives()
  for (const [name, member] of members) {
    if (member.value !== false) addDirective(directives, name, targetedArgument(name, member))
  }
  return directives
}

function addMember(directives: Directives, member: string): void {
  const match = MEMBER.exec(member)
  if (match === null) addOddMember(directives, member)
  else {
    const argument = match[2]?.startsWith('"') ? unquote(match[2]) : match[2]
    addDirective(directives, String(match[1]).toLowerCase(), argument)
  }
}

/** `no-store; max-age=0` or `max-age =60` means something known; an odd quote may hide the rest of the line. */
function addOddMember(directives: Directives, member: string): void {
  const name = LEADING_TOKEN.exec(member)?.[0].toLowerCase() ?? ''
  if (isKnownDirective(name)) {
    directives.malformed = true
    addDirective(directives, name, null)
  } else if (member.includes('"')) directives.malformed = true
}

/** As the argument of an ordinary directive; a value of the wrong type is one that cannot be read. */
function targetedArgument(name: string, { type, value }: DictionaryValue): string | null | undefined {
  if (value === true) return undefined
  if (type === 'integer') return String(value)
  const namesFields = name === 'no-cache' || name === 'private'
  return namesFields && typeof value === 'string' ? value : null
}

function unquote(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/g, '$1')
}

/** nginx: `0` = not to be cached, `N` = seconds from now, `@N` = a point in time; anything else is as if absent. */
function accelExpires(value: string | undefined, now: number): Accel | undefined {
  if (value === undefined) return undefined
  const match = /^(@?)(\d{1,15})$/.exec(trimOws(value))
  if (match === null) return undefined
  const seconds = Number(match[2])
  if (match[1] === '@') return { lifetimeMs: seconds * 1000 - now, noStore: false }
  return { lifetimeMs: Math.min(seconds, MAX_SECONDS) * 1000, noStore: seconds === 0 }
}

/** X-Accel-Expires speaks to this edge alone: what Cache-Control forbids or times is void, as in nginx; its extensions stay. */
function underAccel(directives: DirectiveRecord, accel: Accel): EffectiveDirectives {
  directives.maxAge = undefined
  directives.sMaxage = undefined
  directives.noCache = false
  directives.private = false
  directives.mustUnderstand = false
  directives.malformed = false
  directives.noStore = accel.noStore
  directives.source = 'x-accel-expires'
  directives.lifetimeMs = accel.lifetimeMs
  return directives
}

function withLifetime(directives: DirectiveRecord, field: 'targeted' | 'cache-control'): EffectiveDirectives {
  const seconds = directives.sMaxage ?? directives.maxAge
  if (seconds === undefined) return directives
  directives.source = field
  directives.lifetimeMs = seconds * 1000
  return directives
}

/** §5.3: Expires minus Date (or receipt); invalid, or more than one line, is in the past. */
function expiresLifetimeMs(fields: Fields, now: number): number | undefined {
  const lines = fieldLines(fields, 'expires')
  const line = lines[0]
  if (line === undefined) return undefined
  const expires = lines.length === 1 ? parseHttpDate(line, now) : undefined
  if (expires === undefined) return 0
  const date = parseHttpDate(firstLine(fields, 'date') ?? '', now)
  return Math.max(0, expires - (date ?? now))
}
