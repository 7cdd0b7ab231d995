// The record of cache directives and what each directive does to it (RFC 9111 §5.2, RFC 5861, RFC 8246). PURE.
import { isToken, listMembers } from '../http/fields'

/** All directives of a request or response. Times in seconds, undefined = the directive is absent. */
export interface Directives {
  /** 0 when present but malformed (§4.2.1: stale, not absent); the smaller of two values. */
  maxAge: number | undefined
  sMaxage: number | undefined
  staleWhileRevalidate: number | undefined
  staleIfError: number | undefined
  minFresh: number | undefined
  /** Infinity without a value. */
  maxStale: number | undefined
  noStore: boolean
  /** Without field names; with them see `noCacheFields`. */
  noCache: boolean
  private: boolean
  public: boolean
  mustRevalidate: boolean
  proxyRevalidate: boolean
  mustUnderstand: boolean
  immutable: boolean
  noTransform: boolean
  onlyIfCached: boolean
  /** Field names of `no-cache="…"`, lower case. */
  noCacheFields: readonly string[]
  /** Field names of `private="…"`, lower case. */
  privateFields: readonly string[]
  /** A known directive is malformed, or a quote is: nothing that says so much less than it meant is stored. */
  malformed: boolean
}

/** Which field the explicit freshness lifetime came from. */
export type DirectiveSource = 'x-accel-expires' | 'targeted' | 'cache-control' | 'expires' | 'none'

/** The directives in force for a response and its explicit lifetime. */
export interface EffectiveDirectives extends Directives {
  readonly source: DirectiveSource
  /** Undefined = the origin gave no lifetime. Negative when X-Accel-Expires named a time that is past. */
  readonly lifetimeMs: number | undefined
}

/** The record while it is being filled; one shape for all, so that nothing is ever copied. */
export type DirectiveRecord = { -readonly [Name in keyof EffectiveDirectives]: EffectiveDirectives[Name] }

type Numbers = 'maxAge' | 'sMaxage' | 'staleWhileRevalidate' | 'staleIfError' | 'minFresh' | 'maxStale'
type Flags =
  | 'noStore'
  | 'mustRevalidate'
  | 'proxyRevalidate'
  | 'mustUnderstand'
  | 'noTransform'
  | 'onlyIfCached'
  | 'public'
  | 'immutable'

const NUMBERS: ReadonlyMap<string, Numbers> = new Map([
  ['max-age', 'maxAge'],
  ['s-maxage', 'sMaxage'],
  ['stale-while-revalidate', 'staleWhileRevalidate'],
  ['stale-if-error', 'staleIfError'],
  ['min-fresh', 'minFresh'],
  ['max-stale', 'maxStale']
])
const FLAGS: ReadonlyMap<string, Flags> = new Map([
  ['no-store', 'noStore'],
  ['must-revalidate', 'mustRevalidate'],
  ['proxy-revalidate', 'proxyRevalidate'],
  ['must-understand', 'mustUnderstand'],
  ['no-transform', 'noTransform'],
  ['only-if-cached', 'onlyIfCached'],
  ['public', 'public'],
  ['immutable', 'immutable']
])
/** §1.2.2: a recipient that cannot represent a larger number uses this one. */
export const MAX_SECONDS = 2_147_483_647

/** A record without directives. */
export function emptyDirectives(): DirectiveRecord {
  return {
    maxAge: undefined,
    sMaxage: undefined,
    staleWhileRevalidate: undefined,
    staleIfError: undefined,
    minFresh: undefined,
    maxStale: undefined,
    noStore: false,
    noCache: false,
    private: false,
    public: false,
    mustRevalidate: false,
    proxyRevalidate: false,
    mustUnderstand: false,
    immutable: false,
    noTransform: false,
    onlyIfCached: false,
    noCacheFields: [],
    privateFields: [],
    malformed: false,
    source: 'none',
    lifetimeMs: undefined
  }
}

/** Adds one directive; `argument` is unquoted, undefined when there is none, null when it cannot be read. */
export function addDirective(
  directives: Directives,
  name: string,
  argument: string | null | undefined
): void {
  const number = NUMBERS.get(name)
  const flag = FLAGS.get(name)
  if (number !== undefined) addNumber(directives, number, argument)
  else if (name === 'no-cache') addQualified(directives, 'noCache', argument)
  else if (name === 'private') addQualified(directives, 'private', argument)
  else if (flag !== undefined) addFlag(directives, flag, argument)
}

/** Whether the name is one that this cache acts on. */
export function isKnownDirective(name: string): boolean {
  return name === 'no-cache' || name === 'private' || NUMBERS.has(name) || FLAGS.has(name)
}

function addNumber(directives: Directives, name: Numbers, argument: string | null | undefined): void {
  const seconds =
    name === 'maxStale' && argument === undefined ? Number.POSITIVE_INFINITY : deltaSeconds(argument)
  if (seconds === undefined) directives.malformed = true
  const value = seconds ?? 0
  const before = directives[name]
  // min-fresh asks for more the larger it is, all others allow less the smaller they are.
  if (before === undefined) directives[name] = value
  else directives[name] = name === 'minFresh' ? Math.max(before, value) : Math.min(before, value)
}

function deltaSeconds(argument: string | null | undefined): number | undefined {
  if (typeof argument !== 'string' || !/^\d+$/.test(argument)) return undefined
  return Math.min(Number(argument), MAX_SECONDS)
}

function addQualified(
  directives: Directives,
  name: 'noCache' | 'private',
  argument: string | null | undefined
): void {
  const names = typeof argument === 'string' ? listMembers(argument).map((text) => text.toLowerCase()) : []
  // Without readable names it is the whole response (fail closed).
  if (names.length === 0 || !names.every(isToken)) {
    directives[name] = true
    return
  }
  const list = name === 'noCache' ? 'noCacheFields' : 'privateFields'
  directives[list] = [...directives[list], ...names]
}

/** With an argument that it does not have, what restricts holds all the same and what permits does not. */
function addFlag(directives: Directives, flag: Flags, argument: string | null | undefined): void {
  if (argument === undefined || (flag !== 'public' && flag !== 'immutable')) directives[flag] = true
}
