// Cache keys: the primary key and what a response varies on (RFC 9111 §4.1). PURE.
import { fieldLines, isToken, listMembers } from '../http/fields'
import type { Fields } from '../http/message'
import { canonicalAuthority } from '../http/origin'

/** What the primary key is made of. */
export interface KeyFacts {
  readonly scheme: string
  readonly authority: string
  /** Path and query as received. */
  readonly target: string
  /** Name of the chosen upstream. */
  readonly upstream: string
  /** The cache's `version`, so that a deploy does not serve old pages. */
  readonly version?: string | undefined
  /** The route's own key: it stands in place of scheme, authority and target. */
  readonly custom?: string | undefined
}

const PREFERENCE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+)(?:[ \t]*;[ \t]*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?$/i
const PREFERENCES: ReadonlySet<string> = new Set(['accept-encoding', 'accept-language'])
/** Fields whose value is one piece of text, where a comma does not separate anything. */
const SINGLETONS: ReadonlySet<string> = new Set([
  'authorization',
  'cookie',
  'user-agent',
  'referer',
  'origin',
  'date'
])

/** The key of a URL. Each part carries its length, so that no two different requests can share a key. */
export function primaryKey(facts: KeyFacts): string {
  const { custom, scheme, target } = facts
  const place = optionalPart(facts.version) + part(facts.upstream)
  if (custom !== undefined) return `c${place}${part(custom)}`
  return `u${place}${part(scheme)}${part(canonicalAuthority(scheme, facts.authority))}${part(target)}`
}

/** Whose URL a key is, or a key that begins with it; undefined for a key of the route's own. */
export function keyPlace(key: string): Pick<KeyFacts, 'scheme' | 'authority' | 'target'> | undefined {
  if (key[0] !== 'u') return undefined
  const parts: string[] = []
  // A version begins with its length, as every part does; without one there is a dash.
  let at = key[1] === '-' ? 2 : 1
  const count = at === 2 ? 4 : 5
  while (parts.length < count) {
    const colon = key.indexOf(':', at)
    const end = colon + 1 + Number(key.slice(at, colon))
    parts.push(key.slice(colon + 1, end))
    at = end
  }
  const [scheme = '', authority = '', target = ''] = parts.slice(-3)
  return { scheme, authority, target }
}

/** The parts of the key as a person reads them. */
export function keyText({ scheme, authority, target, upstream, version, custom }: KeyFacts): string {
  const url = custom ?? `${scheme}://${canonicalAuthority(scheme, authority)}${target}`
  return `${url} of ${upstream}${version ? `, version ${version}` : ''}`
}

/** The key of one variant: `names` as `varyNames` gave them. */
export function variantKey(
  primary: string,
  names: readonly string[],
  requestFields: Fields,
  normalise: boolean
): string {
  let key = `${primary}v`
  for (const name of names) key += part(name) + optionalPart(selectingValue(name, requestFields, normalise))
  return key
}

/** The values that a stored response was selected by; null = the request did not have the field. */
export function selectingValues(
  names: readonly string[],
  requestFields: Fields,
  normalise: boolean
): Record<string, string | null> {
  const values: Record<string, string | null> = Object.create(null)
  for (const name of names) values[name] = selectingValue(name, requestFields, normalise) ?? null
  return values
}

/** What a response varies on: sorted lower-case names, `'*'` when no request can match, null when nothing. */
export function varyNames(fields: Fields): string[] | '*' | null {
  if (fields.vary === undefined) return null
  const names = new Set<string>()
  for (const member of listMembers(fields.vary)) {
    // What is not a field name cannot be compared: no match, as with `*`.
    if (member === '*' || !isToken(member)) return '*'
    names.add(member.toLowerCase())
  }
  return names.size === 0 ? null : [...names].sort()
}

function selectingValue(name: string, fields: Fields, normalise: boolean): string | undefined {
  const lines = fieldLines(fields, name)
  if (lines.length === 0) return undefined
  if (!normalise || SINGLETONS.has(name)) return lines.join(', ')
  const members = listMembers(lines)
  if (!PREFERENCES.has(name)) return members.join(', ')
  return preferences(members) ?? members.join(', ')
}

/** The same wishes in one spelling: by weight, then by name; undefined when a member is not a wish. */
function preferences(members: readonly string[]): string | undefined {
  const wishes: { name: string; weight: number }[] = []
  for (const member of members) {
    const match = PREFERENCE.exec(member)
    if (match === null) return undefined
    wishes.push({ name: String(match[1]).toLowerCase(), weight: Number(match[2] ?? 1) })
  }
  wishes.sort((a, b) => b.weight - a.weight || (a.name < b.name ? -1 : Number(a.name > b.name)))
  return wishes.map(({ name, weight }) => (weight === 1 ? name : `${name};q=${weight}`)).join(', ')
}

function part(text: string): string {
  return `${text.length}:${text}`
}

/** Absent is not the same as empty. */
function optionalPart(text: string | undefined): string {
  return text === undefined ? '-' : part(text)
}
