// How a lie of an upstream is written down: its bytes, and all that a client may see of it.
import type { Response } from './clients'

/**
 * `RESET`, `BAD_RESPONSE`, …: an error of ours with that code of errors.ts. `broken`: a transfer that visibly breaks off. `200=ab`:
 * an answer that is whole for all that can be known.
 */
export type Seen =
  | 'CONNECT_FAILED'
  | 'RESET'
  | 'BAD_RESPONSE'
  | 'INCOMPLETE_RESPONSE'
  | 'READ_TIMEOUT'
  | 'TOTAL_TIMEOUT'
  | 'broken'
  | '502'
  | `${number}=${string}`

/** What is special about a lie. */
export interface How {
  readonly method?: 'HEAD'
  /** It is told as the connection opens, before any request. */
  readonly early?: true
  /** Only the route's total time ends it. */
  readonly endless?: true
  /** The connection is as good as before: it may carry the next request. */
  readonly reusable?: true
}

/** A name, how it is told, and what may be seen of it. */
export type Lie<Play> = readonly [name: string, play: Play, sees: readonly Seen[], how?: How]

/** What every upstream says once it has stopped lying. */
export const TRUTH = 'truth'

/** The word for what a client saw. */
export function seenIn({ status, broken, text }: Response): string {
  if (broken) return status === undefined || status === 200 ? 'broken' : `broken ${status}`
  const code = /"code":"SLUICE_(\w+)"/.exec(text)?.[1]
  // What the edge answers to HEAD has no content to say its code in.
  if (code === undefined && status === 502 && text === '') return '502'
  return code ?? `${status}=${text.slice(0, 60)}`
}

/** Whether it may be seen of a lie. */
export function mayBeSeen(seen: string, sees: readonly Seen[]): boolean {
  return (sees as readonly string[]).includes(seen)
}

/** Whether an answer of the table is whole, so that it may be stored and shown again. */
export function isWhole(seen: string): boolean {
  return /^\d{3}=/.test(seen)
}
