// Another round when every server has been tried: after a wait, for as long as tries are left.
import type { Abort } from '../http/abort'
import { retryAfterMs } from '../http/retry-after'
import { backoffMs } from '../upstream/backoff'
import type { Lease } from '../upstream/lease'
import type { Server } from '../upstream/server'
import type { ResolvedRetry } from './retry-options'

/** The rounds of one request. */
export interface Rounds {
  readonly tried: Set<Server>
  readonly startedAt: number
  /** Tries made; a round that finds no server counts as one. */
  done: number
  /** Rounds gone again. */
  round: number
}

/** What a look for a server comes to, at once or after a wait. */
export type Found = Lease | undefined | Promise<Lease | undefined>

/** A server for the next round; undefined when there is to be none. */
export async function goRound(
  progress: Rounds,
  { retry, find }: { readonly retry: ResolvedRetry; readonly find: () => Found },
  { abort, retryAfter }: { readonly abort: Abort; readonly retryAfter: string | string[] | undefined }
): Promise<Lease | undefined> {
  const { backoff, max, timeoutMs } = retry
  if (backoff === null) return undefined
  // Only the first wait is the server's wish: it counts from its answer.
  let wish = retryAfterMs(retryAfter, Date.now())
  while (progress.done < max) {
    const waitMs = backoffMs(backoff, { round: progress.round++, random: Math.random(), retryAfterMs: wish })
    if (waitMs === undefined) return undefined
    if (timeoutMs > 0 && performance.now() - progress.startedAt + waitMs >= timeoutMs) return undefined
    await pause(waitMs, abort)
    if (abort.reason !== undefined) return undefined
    progress.tried.clear()
    const lease = await find()
    if (lease !== undefined) return lease
    progress.done += 1
    wish = undefined
  }
  return undefined
}

function pause(ms: number, abort: Abort): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, ms)
    abort.listen(end)
    function end(): void {
      clearTimeout(timer)
      abort.listen(undefined)
      resolve()
    }
  })
}
