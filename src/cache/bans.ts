// Purges wider than a URL (Varnish's bans): a list that an entry stored before them meets when it is looked up.
import type { StoredHead } from './store/store'

/** Beyond this many the list becomes one ban of everything: a purge may take too much, never too little. */
const MAX_BANS = 1024

/** What a ban can be about. */
export interface BanFacts {
  readonly scheme: string
  readonly authority: string
  readonly target: string
}

/** What is purged: a URL prefix, a host, responses with any of these tags, or everything. */
export type BanOf =
  | { readonly prefix: string }
  | { readonly host: string }
  | { readonly tags: readonly string[] }
  | { readonly all: true }

interface Ban {
  readonly at: number
  matches(facts: BanFacts, tags: readonly string[]): boolean
}

/** The bans of a zone. */
export class Bans {
  #bans: Ban[] = []
  #sequence = 0

  /** Grows with each ban: an entry that was compared at this number needs no second look. */
  get sequence(): number {
    return this.#sequence
  }

  /** Bans what was asked for up to `at`: a fetch under way is banned with what is stored. */
  add(what: BanOf, at: number): void {
    this.#sequence++
    if ('all' in what || this.#bans.length >= MAX_BANS) this.#bans = [{ at, matches: () => true }]
    else this.#bans.push({ at, matches: matcher(what) })
  }

  /** Whether a response, asked for at `requestTime`, is banned. */
  matches(facts: BanFacts, head: Pick<StoredHead, 'requestTime' | 'tags'>): boolean {
    return this.#bans.some((ban) => head.requestTime <= ban.at && ban.matches(facts, head.tags ?? []))
  }
}

function matcher(what: Exclude<BanOf, { all: true }>): Ban['matches'] {
  if ('tags' in what) {
    const banned = new Set(what.tags)
    return (_facts, tags) => tags.some((tag) => banned.has(tag))
  }
  if ('host' in what) {
    const host = what.host.toLowerCase()
    return ({ authority }) => authority.toLowerCase() === host || hostname(authority) === host
  }
  const { prefix } = what
  if (prefix.startsWith('/')) return ({ target }) => target.startsWith(prefix)
  return ({ scheme, authority, target }) =>
    `${scheme}://${authority.toLowerCase()}${target}`.startsWith(prefix)
}

function hostname(authority: string): string {
  return authority.toLowerCase().replace(/:\d+$/, '')
}
