// The words for what the cache did: nginx's $upstream_cache_status and Cache-Status (RFC 9211). PURE.

/** nginx's seven words. */
export type CacheWord = 'MISS' | 'HIT' | 'EXPIRED' | 'STALE' | 'UPDATING' | 'REVALIDATED' | 'BYPASS'

/** Why the request went on (RFC 9211 §2.2). */
export type ForwardReason =
  | 'bypass'
  | 'method'
  | 'uri-miss'
  | 'vary-miss'
  | 'miss'
  | 'request'
  | 'stale'
  | 'partial'

/** One cache's handling of one request. */
export interface CacheStatusFacts {
  readonly word: CacheWord
  /** Freshness left, negative when stale; sent with hits. */
  readonly ttlSeconds?: number | undefined
  /** In place of the reason that the word implies, e.g. `vary-miss`. */
  readonly fwd?: ForwardReason | undefined
  readonly fwdStatus?: number | undefined
  readonly stored?: boolean | undefined
  readonly collapsed?: boolean | undefined
  readonly detail?: string | undefined
}

const FORWARD: Readonly<Record<CacheWord, ForwardReason | undefined>> = {
  MISS: 'uri-miss',
  EXPIRED: 'stale',
  REVALIDATED: 'stale',
  BYPASS: 'bypass',
  HIT: undefined,
  STALE: undefined,
  UPDATING: undefined
}
const STRUCTURED_TOKEN = /^[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*$/

/** One member of Cache-Status; `name` is a token. */
export function cacheStatus(facts: CacheStatusFacts, name = 'sluice'): string {
  const forward = FORWARD[facts.word]
  const { ttlSeconds, detail } = facts
  let member = name
  if (forward === undefined) {
    member += ttlSeconds === undefined ? '; hit' : `; hit; ttl=${Math.trunc(ttlSeconds)}`
  } else member += forwarded(facts, facts.fwd ?? forward)
  return detail === undefined ? member : `${member}; detail=${tokenOrString(detail)}`
}

function forwarded(facts: CacheStatusFacts, reason: ForwardReason): string {
  const status = facts.fwdStatus ?? (facts.word === 'REVALIDATED' ? 304 : undefined)
  let text = `; fwd=${reason}`
  if (status !== undefined) text += `; fwd-status=${status}`
  if (facts.stored === true) text += '; stored'
  if (facts.collapsed === true) text += '; collapsed'
  return text
}

/** Characters that a structured string cannot carry are dropped: a field line must not break on a detail. */
function tokenOrString(text: string): string {
  if (STRUCTURED_TOKEN.test(text)) return text
  return `"${text.replace(/[^\x20-\x7e]/g, '').replace(/["\\]/g, '\\$&')}"`
}
