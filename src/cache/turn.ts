// What the cache is asked and what it answers: the border between it and the proxy, which passes `fetch` in.
import { sluiceError } from '../errors'
import type { Abort } from '../http/abort'
import type { Fields, UpstreamRequest, UpstreamResponse } from '../http/message'
import { returnedFlag, returnedText } from '../http/returned'
import type { SpoolOptions } from '../spool/spool'
import { type Directives, parseCacheControl } from './directives'
import type { RequestTest, ResolvedRouteCache } from './options'
import type { ToldVary } from './responses'
import type { StaleReason } from './reuse'
import type { CacheWord } from './status'
import { type CacheFacts, hasPersonalCookie } from './storable'

/** The client's request as the cache sees it. */
export interface CacheRequest {
  readonly method: string
  readonly scheme: string
  readonly authority: string
  /** Path and query as received. */
  readonly target: string
  /** The client's own fields. */
  readonly fields: Fields
  /** Name of the chosen upstream. */
  readonly upstream: string
  readonly hasBody: boolean
  /** Carries fields from an auth server: counts as Authorization. */
  readonly private: boolean
  /** What the route's `key` said; undefined without one. */
  readonly customKey?: string
  /** What the route's `bypass` said. */
  readonly bypass?: boolean
  /** What the route's `noStore` said. */
  readonly noStore?: boolean
}

/** Sends a request upstream. Rejects with a SluiceError; may be called again for the same request. */
export type Fetch = (request: UpstreamRequest, abort: Abort) => Promise<UpstreamResponse>

/** What a call of `respond` may use. */
export interface CacheCall {
  readonly fetch: Fetch
  /** Ended when the client leaves. */
  readonly abort: Abort
  readonly now: () => number
  /** A life line for work that outlives the client. */
  readonly background: () => Abort
  /** Whether it is known that the origin cannot answer: stale is served without asking, where it may be served at all. */
  readonly isDown?: () => boolean
  readonly log?: CacheLog
  /** Told of the lookup when there is no answer (nginx logs MISS with a 502). */
  readonly onFailed?: (outcome: CacheOutcome) => void
  /** How far a response on its way into the store may be read ahead of the client. Default: 1 MiB, or the zone's disk. */
  readonly ahead?: SpoolOptions
}

/** The part of a pino logger in use. */
export interface CacheLog {
  info(facts: object, message: string): void
  warn(facts: object, message: string): void
}

/** How an answer came to be. */
export interface CacheOutcome {
  readonly word: CacheWord
  readonly reason?: string
  /** Member of the Cache-Status field (RFC 9211). */
  readonly cacheStatus: string
  /** Of an answer that was stored. */
  readonly ageSeconds?: number
  /** It is being stored: others will get it too. */
  readonly stored?: true
}

/** An answer and how it came to be. Its fields and outcome may be shared with other answers and frozen: copy, never change. */
export interface CacheAnswer {
  readonly response: UpstreamResponse
  readonly outcome: CacheOutcome
}

/** One request on its way through the cache. */
export interface Turn {
  readonly request: CacheRequest
  readonly upstream: UpstreamRequest
  readonly call: CacheCall
  readonly primary: string
  readonly facts: CacheFacts
  /** The client's Cache-Control. */
  readonly directives: Directives
  /** Carries credentials or a cookie that counts: its response may be for it alone. */
  readonly personal: boolean
  /** Why a stored response that has not expired has to be validated: the origin's no-cache or the client's wish. */
  wish: Exclude<StaleReason, 'expired'> | undefined
  /** What the lookup came to, for a fetch that fails: an answer has its own word. */
  looked: CacheWord
  /** The word of the fetch that it waited for. */
  collapsed: CacheWord | undefined
  /** What a response on its way to somebody else has told of how the URL varies. */
  told: ToldVary | undefined
  /** It has waited in vain: the next fetch goes past the lock. */
  alone: boolean
  /** It has been counted for `minUses`. */
  counted: boolean
}

/** A request as it comes in. */
export function openTurn(
  parts: Pick<Turn, 'request' | 'upstream' | 'call' | 'primary'>,
  policy: Pick<ResolvedRouteCache, 'cookies'>
): Turn {
  const { fields, hasBody, private: isPrivate } = parts.request
  return {
    ...parts,
    // A HEAD miss is fetched as GET.
    facts: { method: 'GET', fields, hasBody, private: isPrivate },
    directives: parseCacheControl(fields['cache-control']),
    personal: isPersonal(parts.request, policy),
    wish: undefined,
    looked: 'MISS',
    collapsed: undefined,
    told: undefined,
    alone: false,
    counted: false
  }
}

/** Whether the request carries credentials, or a cookie that counts under this policy. */
export function isPersonal(
  { fields, private: isPrivate }: Pick<CacheRequest, 'fields' | 'private'>,
  { cookies }: Pick<ResolvedRouteCache, 'cookies'>
): boolean {
  return isPrivate || fields.authorization !== undefined || hasPersonalCookie(fields, cookies)
}

/** Evaluates a route's `key`, `bypass` and `noStore` for a request, to be laid over its CacheRequest; undefined when it has none. */
export function evaluateTests(
  policy: {
    readonly key: ((request: never) => string) | undefined
    readonly bypass: RequestTest | undefined
    readonly noStore: RequestTest | undefined
  },
  request: unknown,
  fields: Fields
): Pick<CacheRequest, 'customKey' | 'bypass' | 'noStore'> | undefined {
  const { key, bypass, noStore } = policy
  if (key === undefined && bypass === undefined && noStore === undefined) return undefined
  return {
    ...(key !== undefined && { customKey: keyOf(key(request as never)) }),
    bypass: passes(bypass, request, fields),
    noStore: passes(noStore, request, fields)
  }
}

/** The key stands for the whole URL: without one every page would be the same page. */
function keyOf(returned: unknown): string {
  const key = returnedText('cache.key', returned)
  if (key) return key
  throw sluiceError('SLUICE_INTERNAL', { detail: 'cache.key: the function returned no key' })
}

/** nginx: any value that is neither empty nor `0` counts. */
function passes(test: RequestTest | undefined, request: unknown, fields: Fields): boolean {
  if (test === undefined) return false
  if (typeof test === 'function') return returnedFlag('cache: bypass or noStore', test(request as never))
  return test.some((name) => {
    const value = fields[name]
    return value !== undefined && value !== '' && value !== '0'
  })
}
