// PURE. What is known of one name: its addresses, how long they hold, when it is asked for again (RFC 1035 §3.2.1, RFC 8767; nginx: resolve, resolver valid=).
import { isIPv6 } from 'node:net'

/** What a question came to. `reason`: the resolver's word for it, `ENOTFOUND`, `ESERVFAIL`. */
export type Answer =
  | {
      readonly kind: 'found'
      readonly addresses: readonly string[]
      readonly ttlMs: number
      /** Whether a DNS server said so, or the platform (hosts file, search domains). */
      readonly source: 'dns' | 'platform'
    }
  /** There is no such name, or it has no address. `failed`: nobody knows. */
  | { readonly kind: 'absent' | 'failed'; readonly reason: string }

/** One name as it stands. */
export interface Resolution {
  /** `failed` and `absent` may still have the last good addresses. */
  readonly status: 'unknown' | Answer['kind']
  /** In use, sorted, IPv6 first. */
  readonly addresses: readonly string[]
  readonly source: 'dns' | 'platform' | undefined
  /** Why it is not `found`. */
  readonly reason: string | undefined
  readonly askedAt: number
  /** When it is to be asked for again. */
  readonly dueAt: number
  /** Questions in vain since the last good answer. */
  readonly failures: number
  /** Since when there has been no such name. */
  readonly absentSince: number | undefined
}

/** Bounds of the TTL. */
export interface Bounds {
  readonly minMs: number
  readonly maxMs: number
}

/** An answer is still good in the second in which it ends (nginx asks then, too). */
const TTL_MARGIN_MS = 1000
/** First wait after a question in vain; it doubles. */
const RETRY_MS = 1000
/** Longest wait after questions in vain. */
const MAX_RETRY_MS = 30_000
/** A name that was there goes on with its last addresses for so long: during a deploy it may have none for a moment. nginx: at once. */
export const GRACE_MS = 30_000
/** More addresses of one name than anybody has; a ring of them is still laid out in a moment. */
export const MAX_ADDRESSES = 100

/** A name that nobody has asked for. */
export const UNKNOWN: Resolution = {
  status: 'unknown',
  addresses: [],
  source: undefined,
  reason: undefined,
  askedAt: Number.NEGATIVE_INFINITY,
  dueAt: Number.NEGATIVE_INFINITY,
  failures: 0,
  absentSince: undefined
}

/** The name after an answer. */
export function noteAnswer(
  before: Resolution,
  answer: Answer,
  { now, minMs, maxMs }: Bounds & { readonly now: number }
): Resolution {
  if (answer.kind === 'found') {
    const { addresses, source, ttlMs } = answer
    const holdsMs = Math.min(Math.max(ttlMs, minMs), maxMs) + TTL_MARGIN_MS
    return {
      status: 'found',
      addresses: settled(addresses),
      source,
      reason: undefined,
      askedAt: now,
      dueAt: now + holdsMs,
      failures: 0,
      absentSince: undefined
    }
  }
  const { kind, reason } = answer
  const failures = before.failures + 1
  const absentSince = kind === 'absent' ? (before.absentSince ?? now) : undefined
  const isGone = absentSince !== undefined && now - absentSince >= GRACE_MS
  const retryMs = Math.max(minMs, Math.min(RETRY_MS * 2 ** (failures - 1), MAX_RETRY_MS))
  return {
    status: kind,
    addresses: isGone ? [] : before.addresses,
    source: before.source,
    reason,
    askedAt: now,
    // At the end of the grace at the latest, so that it does end.
    dueAt: now + (absentSince === undefined || isGone ? retryMs : graceLeft(absentSince, now, retryMs)),
    failures,
    absentSince
  }
}

/** A connection to the addresses failed, or there is none: asked for sooner, yet no more often than `minMs`. */
export function hasten(resolution: Resolution, minMs: number): Resolution {
  const soonest = resolution.askedAt + minMs
  return soonest < resolution.dueAt ? { ...resolution, dueAt: soonest } : resolution
}

/** Whether anybody has to be told. */
export function differs(one: Resolution, other: Resolution): boolean {
  return one.status !== other.status || one.addresses.join() !== other.addresses.join()
}

/** What A and AAAA came to, as one. A family that could not be asked for keeps what it had in `last`. */
export function combine(
  [four, six]: readonly [four: Answer | undefined, six: Answer | undefined],
  last: readonly string[]
): Answer {
  const answers = [six, four].filter((answer) => answer !== undefined)
  const found = answers.filter((answer) => answer.kind === 'found')
  if (found.length === 0) {
    const vain = answers.filter((answer) => answer.kind !== 'found')
    return vain.find(({ kind }) => kind === 'failed') ?? vain[0] ?? { kind: 'failed', reason: 'ENODATA' }
  }
  const kept = last.filter((address) => (isIPv6(address) ? six : four)?.kind === 'failed')
  return {
    kind: 'found',
    addresses: [...found.flatMap(({ addresses }) => addresses), ...kept],
    ttlMs: Math.min(...found.map(({ ttlMs }) => ttlMs)),
    source: 'dns'
  }
}

/** DNS servers turn the order with each answer: that is no change. */
function settled(addresses: readonly string[]): string[] {
  const sorted = [...new Set(addresses)].sort()
  return [...sorted.filter(isIPv6), ...sorted.filter((one) => !isIPv6(one))].slice(0, MAX_ADDRESSES)
}

function graceLeft(absentSince: number, now: number, retryMs: number): number {
  return Math.min(retryMs, absentSince + GRACE_MS - now)
}
