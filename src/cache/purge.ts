// PURE. What a purge asks for, checked, in the spelling of the cache's keys (proxy_cache_purge).
import { optionError } from '../errors'
import { canonicalAuthority, isAuthority } from '../http/origin'
import type { BanFacts, BanOf } from './bans'

/** The method by which clients ask for it, as nginx and Varnish know it. */
export const PURGE = 'PURGE'

/** What to take out of the caches: exactly one of `url`, `prefix`, `host`, `tags` and `all`. */
export interface PurgeRequest {
  /** One public URL, `https://example.com/page?x=1`, from every upstream; a path, `/page?x=1`, is purged on every host. */
  readonly url?: string
  /** Everything whose URL, or path when it starts with `/`, starts so. A URL names its host in full. */
  readonly prefix?: string
  /** Everything of a host; without a port, of all its ports. */
  readonly host?: string
  /** Everything that carries one of these tags: Surrogate-Key, Cache-Tag, Cache-Groups. */
  readonly tags?: readonly string[]
  /** Everything. */
  readonly all?: true
  /** Only in this zone. @default every zone */
  readonly zone?: string
  /** Makes stale in place of removing: served on where stale may be served, revalidated by the next request. @default false */
  readonly soft?: boolean
}

/** A purge as zones take it. */
export interface Wish {
  readonly of: BanOf
  readonly soft: boolean
  readonly zone: string | undefined
}

const WAYS = ['url', 'prefix', 'host', 'tags', 'all'] as const
const KNOWN: ReadonlySet<string> = new Set([...WAYS, 'zone', 'soft'])
const URL_PARTS = /^(https?):\/\/([^/?#]*)([^#]*)/i
const MAX_TAGS = 1000
const MAX_TEXT = 16_384

/** Throws SLUICE_OPTIONS: a purge that is not understood must not look like one that was done. */
export function readPurge(request: PurgeRequest): Wish {
  if (typeof request !== 'object' || request === null) {
    throw optionError('purge', `needs an object with one of ${WAYS.join(', ')}`)
  }
  const names = Object.keys(request).filter((name) => request[name as keyof PurgeRequest] !== undefined)
  const stray = names.find((name) => !KNOWN.has(name))
  if (stray !== undefined) {
    throw optionError(`purge.${stray}`, `is not known; known: ${[...KNOWN].join(', ')}`)
  }
  const asked = WAYS.filter((name) => names.includes(name))
  const [way, second] = asked
  if (way === undefined || second !== undefined) {
    const found = way === undefined ? 'none is there' : `${asked.join(' and ')} are there`
    throw optionError('purge', `needs exactly one of ${WAYS.join(', ')}; ${found}`)
  }
  const { zone, soft = false } = request
  if (zone !== undefined && typeof zone !== 'string')
    throw optionError('purge.zone', 'needs the name of a cache')
  if (typeof soft !== 'boolean') throw optionError('purge.soft', 'is true or false')
  return { of: READERS[way](request[way]), soft, zone }
}

/** A URL in the spelling of keys, as a place; undefined when it is none. */
export function placeOf(url: string): BanFacts | undefined {
  const parts = URL_PARTS.exec(url)
  if (parts === null) return undefined
  const [, scheme = '', authority = '', rest = ''] = parts
  return { scheme, authority, target: rest }
}

/** The URL of a place in the spelling of keys. */
export function urlOf({ scheme, authority, target }: BanFacts): string {
  return `${scheme}://${canonicalAuthority(scheme, authority)}${target}`
}

const READERS: Record<(typeof WAYS)[number], (value: unknown) => BanOf> = {
  url: (value) => ({ url: readUrl(value, 'url', '/') }),
  prefix: (value) => ({ prefix: readUrl(value, 'prefix', '') }),
  host: (value) => ({ host: readHost(value) }),
  tags: (value) => ({ tags: readTags(value) }),
  all: (value) => {
    if (value === true) return { all: true }
    throw optionError('purge.all', 'is true or left out')
  }
}

function readUrl(value: unknown, name: string, noPath: string): string {
  const text = readText(value, name)
  if (text.startsWith('/')) return escaped(text.replace(/#.*$/s, ''))
  const [, scheme = '', , rest = ''] = URL_PARTS.exec(text) ?? []
  if (scheme === '' || !URL.canParse(text)) {
    throw optionError(
      `purge.${name}`,
      `${JSON.stringify(text)} is no URL: it starts with http://, https:// or /`
    )
  }
  // Host as a browser sends it; path and query byte for byte, as in the key.
  const { host, protocol } = new URL(text)
  const target = rest.startsWith('?') ? `/${rest}` : rest || noPath
  return `${protocol}//${host}${escaped(target)}`
}

/** What no request line can hold is escaped as browsers do. */
function escaped(target: string): string {
  return target.replace(/[^\x21-\x7e]+/g, (text) => {
    const bytes = [...Buffer.from(text)]
    return bytes.map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
  })
}

function readHost(value: unknown): string {
  const text = readText(value, 'host')
  const host = `http://${text}`
  if (/[/?#@\\]/.test(text) || !URL.canParse(host) || !isAuthority(new URL(host).host)) {
    throw optionError(
      'purge.host',
      `${JSON.stringify(text)} is no host; write "example.com" or "example.com:8080"`
    )
  }
  return new URL(host).hostname + (/:\d+$/.exec(text)?.[0] ?? '')
}

function readTags(value: unknown): readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_TAGS) {
    throw optionError('purge.tags', `needs a list of 1 to ${MAX_TAGS} tags`)
  }
  return value.flatMap((tag, index) => spellings(readText(tag, `tags[${index}]`)))
}

/** A tag beyond ASCII is bytes on the wire, each of which Node reads as a character. */
function spellings(tag: string): string[] {
  const asRead = Buffer.from(tag).toString('latin1')
  return asRead === tag ? [tag] : [tag, asRead]
}

function readText(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '' && value.length <= MAX_TEXT) return value
  throw optionError(`purge.${name}`, `needs text of 1 to ${MAX_TEXT} characters`)
}
