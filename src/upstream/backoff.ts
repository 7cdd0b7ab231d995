// PURE. How long to wait before the same server is asked again: full jitter, and what the server asked for.

/** Milliseconds. */
export interface Backoff {
  /** The longest first wait; it doubles with each round. */
  readonly baseMs: number
  readonly maxMs: number
}

/** What one wait goes by. */
export interface Round {
  /** Rounds before this one. */
  readonly round: number
  /** In [0, 1). */
  readonly random: number
  /** What Retry-After of the last answer said; undefined without one. */
  readonly retryAfterMs: number | undefined
}

/** The wait; undefined when the server wants a longer one than we are ready for: then its answer, with the field, is the client's. */
export function backoffMs({ baseMs, maxMs }: Backoff, round: Round): number | undefined {
  const { retryAfterMs = 0, random } = round
  if (retryAfterMs > maxMs) return undefined
  const ceiling = Math.min(maxMs, baseMs * 2 ** round.round)
  return Math.max(retryAfterMs, random * ceiling)
}
