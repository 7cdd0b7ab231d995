// Purges that stored responses meet when they are looked up (Varnish's bans): everything asked for up to their moment is gone, or stale.
import { canonicalAuthority } from '../http/origin'
import type { StoredHead } from './store/store'

/** More names than this and the older half becomes one ban of everything up to its moment: a purge may take too much, never too little. */
const MAX_NAMES = 16_384
/** The same for prefixes, which cannot be looked up but are compared one by one. */
const MAX_PREFIXES = 1024
const NEVER = -1

/** Where a response comes from, as far as a ban can be about it. */
export interface BanFacts {
  readonly scheme: string
  readonly authority: string
  readonly target: string
}

/**
 * What is purged, in the spelling of `readPurge`: one URL, or one path of every host; URLs or paths that start so; a host; responses
 * with any of these tags; those of one origin in any of these groups (RFC 9875); everything.
 */
export type BanOf =
  | { readonly url: string }
  | { readonly prefix: string }
  | { readonly host: string }
  | { readonly tags: readonly string[] }
  | { readonly groups: readonly string[]; readonly origin: string }
  | { readonly all: true }

/** One purge: what was asked for up to `at` is gone; soft: it is stale from then on. */
export interface Ban {
  readonly of: BanOf
  readonly at: number
  readonly soft: boolean
  /** Of a URL that an unsafe request changed (RFC 9111 §4.4): the oldest of too many are forgotten, or clients could empty the cache. */
  readonly change?: true
}

/** What the bans say about a stored response. */
export interface Judgement {
  readonly gone: boolean
  /** Since when it is stale; undefined: no soft purge has met it. */
  readonly staleAt: number | undefined
}

const SPARED: Judgement = { gone: false, staleAt: undefined }

/** The newest hard and the newest soft ban of one thing. */
interface Mark {
  hard: number
  soft: number
}

interface PrefixBan extends Mark {
  readonly prefix: string
  sequence: number
}

/** The bans of a zone. */
export class Bans {
  /** By kind and name: `u` URL or path, `h` host, `t` tag, `g` origin and group. */
  #names = new Map<string, Mark>()
  /** URLs that were changed, in the order of the last time. */
  readonly #changes = new Map<string, number>()
  /** In the order of their sequence. */
  #prefixes: PrefixBan[] = []
  #all: Mark = unmarked()
  /** Of any tag: what carries more tags than are kept meets every one of them. */
  #anyTag: Mark = unmarked()
  #newest = NEVER
  #sequence = 0
  #purges = 0

  /** Grows with each ban that may meet what nobody looks up; a change has removed all that it is about. */
  get purges(): number {
    return this.#purges
  }

  /** Grows with each ban: an entry that was compared at this number needs no second look. */
  get sequence(): number {
    return this.#sequence
  }

  /** How many different things are banned. */
  get size(): number {
    return this.#names.size + this.#changes.size + this.#prefixes.length
  }

  /** False when it was known: the same ban may be told any number of times. */
  add(ban: Ban): boolean {
    const raised = this.#raise(ban)
    if (!raised) return false
    this.#sequence++
    if (!ban.change) this.#purges++
    this.#newest = Math.max(this.#newest, ban.at)
    if (this.#names.size > MAX_NAMES) this.#mergeNames()
    if (this.#prefixes.length > MAX_PREFIXES) this.#mergePrefixes()
    return true
  }

  /** Judges a response; `compared`: the sequence at which it was compared with the same facts and spared. */
  judge(
    facts: BanFacts | undefined,
    { requestTime, tags = [] }: Pick<StoredHead, 'requestTime' | 'tags'>,
    compared = NEVER
  ): Judgement {
    if (requestTime > this.#newest) return SPARED
    const met = { ...this.#all }
    if (facts !== undefined) this.#meetPlace(met, facts, compared)
    for (const tag of tags) this.#meetTag(met, facts, tag)
    if (requestTime > met.hard && requestTime > met.soft) return SPARED
    return { gone: requestTime <= met.hard, staleAt: requestTime <= met.soft ? met.soft : undefined }
  }

  /** All that is banned, as few bans as it takes. */
  *list(): Generator<Ban> {
    yield* bansOf({ all: true }, this.#all)
    yield* bansOf({ tags: [] }, this.#anyTag)
    for (const [key, mark] of this.#names) yield* bansOf(ofKey(key), mark)
    for (const ban of this.#prefixes) yield* bansOf({ prefix: ban.prefix }, ban)
    for (const [url, at] of this.#changes) yield { of: { url }, at, soft: false, change: true }
  }

  /** Drops what can meet nothing: all that is stored, or will be, was asked for at this time or later. */
  forget(before: number): void {
    const isOver = ({ hard, soft }: Mark): boolean => Math.max(hard, soft) < before
    for (const [key, mark] of this.#names) if (isOver(mark)) this.#names.delete(key)
    for (const [url, at] of this.#changes) if (at < before) this.#changes.delete(url)
    this.#prefixes = this.#prefixes.filter((prefix) => !isOver(prefix))
    if (isOver(this.#all)) this.#all = unmarked()
    if (isOver(this.#anyTag)) this.#anyTag = unmarked()
  }

  #raise({ of, at, soft, change }: Ban): boolean {
    if (change && 'url' in of) return this.#raiseChange(of.url, at)
    const ban = soft ? { hard: NEVER, soft: at } : { hard: at, soft: NEVER }
    if ('all' in of) return this.#raiseAll(ban)
    if ('prefix' in of) return this.#raisePrefix(of.prefix, ban)
    let raised = 'tags' in of && raise(this.#anyTag, ban)
    for (const key of keysOf(of)) raised = this.#raiseName(key, ban) || raised
    return raised
  }

  #raiseAll(ban: Mark): boolean {
    if (!raise(this.#all, ban)) return false
    const { hard, soft } = this.#all
    const isCovered = (mark: Mark): boolean => mark.hard <= hard && mark.soft <= Math.max(hard, soft)
    for (const [key, mark] of this.#names) if (isCovered(mark)) this.#names.delete(key)
    this.#prefixes = this.#prefixes.filter((prefix) => !isCovered(prefix))
    for (const [url, at] of this.#changes) if (at <= hard) this.#changes.delete(url)
    return true
  }

  #raiseChange(url: string, at: number): boolean {
    if (at <= Math.max(this.#changes.get(url) ?? NEVER, this.#all.hard)) return false
    this.#changes.delete(url)
    this.#changes.set(url, at)
    if (this.#changes.size > MAX_NAMES) this.#changes.delete(this.#changes.keys().next().value as string)
    return true
  }

  #raiseName(key: string, ban: Mark): boolean {
    const mark = this.#names.get(key) ?? unmarked()
    if (!raise(mark, ban)) return false
    // The order of the map is that of the last ban.
    this.#names.delete(key)
    this.#names.set(key, mark)
    return true
  }

  #raisePrefix(prefix: string, ban: Mark): boolean {
    const index = this.#prefixes.findIndex((known) => known.prefix === prefix)
    const known = this.#prefixes[index] ?? { prefix, ...unmarked(), sequence: 0 }
    if (!raise(known, ban)) return false
    if (index !== -1) this.#prefixes.splice(index, 1)
    known.sequence = this.#sequence + 1
    this.#prefixes.push(known)
    return true
  }

  #meetPlace(met: Mark, facts: BanFacts, compared: number): void {
    const { scheme, target } = facts
    const authority = canonicalAuthority(scheme, facts.authority)
    const origin = `${scheme}://${authority}`
    const name = authority.replace(/:\d+$/, '')
    const port = authority === name ? defaultPort(scheme) : authority.slice(name.length)
    for (const key of [`u${target}`, `u${origin}${target}`, `h${name}`, `h${name}${port}`]) {
      raise(met, this.#names.get(key))
    }
    met.hard = Math.max(met.hard, this.#changes.get(origin + target) ?? NEVER)
    for (let index = this.#prefixes.length - 1; index >= 0; index--) {
      const ban = this.#prefixes[index] as PrefixBan
      if (ban.sequence <= compared) break
      if (startsWith(target, origin, ban.prefix)) raise(met, ban)
    }
  }

  #meetTag(met: Mark, facts: BanFacts | undefined, tag: string): void {
    raise(met, tag === '' ? this.#anyTag : this.#names.get(`t${tag}`))
    if (facts === undefined) return
    const { scheme, authority } = facts
    raise(met, this.#names.get(`g${scheme}://${canonicalAuthority(scheme, authority)} ${tag}`))
  }

  #mergeNames(): void {
    for (const [key, mark] of this.#names) {
      if (this.#names.size <= MAX_NAMES / 2) break
      this.#names.delete(key)
      raise(this.#all, mark)
    }
  }

  #mergePrefixes(): void {
    for (const mark of this.#prefixes.splice(0, MAX_PREFIXES / 2)) raise(this.#all, mark)
  }
}

function unmarked(): Mark {
  return { hard: NEVER, soft: NEVER }
}

/** False when it was as high before. */
function raise(mark: Mark, by: Mark | undefined): boolean {
  if (by === undefined || (by.hard <= mark.hard && by.soft <= mark.soft)) return false
  mark.hard = Math.max(mark.hard, by.hard)
  mark.soft = Math.max(mark.soft, by.soft)
  return true
}

/** A URL prefix names its host in full: the one of `example.com` is none of `example.com.evil`. */
function startsWith(target: string, origin: string, prefix: string): boolean {
  if (prefix.startsWith('/')) return target.startsWith(prefix)
  return prefix === origin || (prefix.length > origin.length && (origin + target).startsWith(prefix))
}

function defaultPort(scheme: string): string {
  return scheme === 'https' ? ':443' : ':80'
}

function keysOf(of: Exclude<BanOf, { all: true } | { prefix: string }>): string[] {
  if ('url' in of) return [`u${of.url}`]
  if ('host' in of) return [`h${of.host}`]
  if ('tags' in of) return of.tags.map((tag) => `t${tag}`)
  return of.groups.map((group) => `g${of.origin} ${group}`)
}

function ofKey(key: string): BanOf {
  const name = key.slice(1)
  if (key[0] === 'u') return { url: name }
  if (key[0] === 'h') return { host: name }
  if (key[0] === 't') return { tags: [name] }
  const space = name.indexOf(' ')
  return { groups: [name.slice(space + 1)], origin: name.slice(0, space) }
}

function* bansOf(of: BanOf, { hard, soft }: Mark): Generator<Ban> {
  if (hard !== NEVER) yield { of, at: hard, soft: false }
  if (soft !== NEVER) yield { of, at: soft, soft: true }
}
