// The `retry` option: when a failed try is followed by another (nginx: proxy_next_upstream*).
import { optionError } from '../errors'
import { type Duration, durationMs } from '../units'
import type { Backoff } from '../upstream/backoff'
import type { RetryOn } from '../upstream/next-upstream'
import type { RetryBudget } from '../upstream/retry-budget'

/** When a failed try goes on to the next server. nginx: `proxy_next_upstream` */
export interface RetryOptions {
  /** What counts; `non_idempotent` allows to repeat POST and PATCH too. @default ['error'] */
  readonly on?: readonly RetryOn[]
  /** Tries in all; that a kept connection broke before the answer is none of them. @default 2 (nginx: `proxy_next_upstream_tries`) */
  readonly tries?: number
  /** No further try after this long; nobody waits longer for a server with room either. @default off (nginx: `proxy_next_upstream_timeout`) */
  readonly timeout?: Duration
  /**
   * What repeats may add to the load of an upstream: this share of the requests of the last 10 seconds, and `min` a second in any case. A request of
   * which nothing was sent is no load. @default { percent: 20, min: 3 }
   */
  readonly budget?: false | { readonly percent?: number; readonly min?: number }
  /**
   * Goes round again when every server has been tried and tries are left: after a random wait of at most `base`, doubled with each round up to `max`,
   * or after Retry-After when that is not longer than `max`. @default false
   */
  readonly backoff?: false | { readonly base?: Duration; readonly max?: Duration }
}

/** The rules with every default applied. */
export interface ResolvedRetry {
  readonly on: ReadonlySet<RetryOn>
  readonly max: number
  readonly timeoutMs: number
  /** Null: repeats are not counted. */
  readonly budget: RetryBudget | null
  /** Null: no server is asked twice. */
  readonly backoff: Backoff | null
}

const RETRY_ON: readonly RetryOn[] = [
  'error',
  'timeout',
  'invalid_header',
  'http_500',
  'http_502',
  'http_503',
  'http_504',
  'http_403',
  'http_404',
  'http_429',
  'non_idempotent'
]

const duration = { type: 'string', format: 'duration' }
const off = { const: false }

export const retrySchema = {
  anyOf: [
    off,
    {
      type: 'object',
      additionalProperties: false,
      properties: {
        on: { type: 'array', items: { enum: RETRY_ON } },
        tries: { type: 'integer', minimum: 1 },
        timeout: duration,
        budget: {
          anyOf: [
            off,
            {
              type: 'object',
              additionalProperties: false,
              properties: {
                percent: { type: 'number', minimum: 0, maximum: 100 },
                min: { type: 'number', minimum: 0 }
              }
            }
          ]
        },
        backoff: {
          anyOf: [
            off,
            { type: 'object', additionalProperties: false, properties: { base: duration, max: duration } }
          ]
        }
      }
    }
  ]
}

/** `false` is one try. A kept connection that breaks before any byte of an answer is none (RFC 9112 §9.3.1). */
export function resolveRetry(options: false | RetryOptions | undefined, path: string): ResolvedRetry {
  if (options === false) return { on: new Set(), max: 1, timeoutMs: 0, budget: null, backoff: null }
  const { on = ['error'], tries = 2, timeout, budget = {}, backoff = false } = options ?? {}
  return {
    on: new Set(on),
    max: tries,
    timeoutMs: timeout === undefined ? 0 : durationMs(timeout, `${path}.timeout`),
    budget: budget === false ? null : { percent: budget.percent ?? 20, min: budget.min ?? 3 },
    backoff: backoff === false ? null : resolveBackoff(backoff, `${path}.backoff`)
  }
}

function resolveBackoff(
  { base = '25ms', max = '250ms' }: { readonly base?: Duration; readonly max?: Duration },
  path: string
): Backoff {
  const baseMs = durationMs(base, `${path}.base`)
  const maxMs = durationMs(max, `${path}.max`)
  if (baseMs > maxMs) throw optionError(`${path}.base`, `${base} is longer than max, ${max}`)
  return { baseMs, maxMs }
}
