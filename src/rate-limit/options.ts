// The rateLimit option (nginx limit_req_zone, limit_req).
import { optionError } from '../errors'
import type { KeyFunction } from '../http/limit-key'
import { parseRate, type Rate } from '../units'
import type { BucketRate } from './bucket'

/** One leaky bucket per key. */
export interface RateLimitOptions {
  /** `'10r/s'`, `'600r/m'`. */
  rate: Rate
  /** Requests that may be ahead of the rate. @default 0 */
  burst?: number
  /** `false` passes the burst at once (`nodelay`); a number passes that many and holds the others back (`delay=`). @default false */
  delay?: false | number
  /** Count by client address (IPv6 by /64), or an own key. @default 'ip' */
  key?: 'ip' | KeyFunction
  /** Status of a refusal; `limit_req_status`. @default 429 */
  status?: number
}

/** Complete options of one limit. */
export interface ResolvedRateLimit extends BucketRate {
  readonly key: 'ip' | KeyFunction
  readonly status: number
}

/** A request held longer is a mistake in the options: clients and proxies in front give up long before. */
const MAX_WAIT_MS = 3_600_000

const limitSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['rate'],
  properties: {
    rate: { type: 'string', format: 'rate' },
    burst: { type: 'integer', minimum: 0 },
    delay: { anyOf: [{ const: false }, { type: 'integer', minimum: 0 }] },
    key: { anyOf: [{ const: 'ip' }, { isFunction: true }] },
    status: { type: 'integer', minimum: 400, maximum: 599 }
  }
}

/** JSON Schema of the `rateLimit` option. */
export const rateLimitSchema = {
  description: "must be { rate: '10r/s', burst: 20 }, a list of such, or false",
  anyOf: [{ const: false }, limitSchema, { type: 'array', items: limitSchema }]
}

/** Applies the defaults; an empty list when off. */
export function resolveRateLimit(
  options: false | RateLimitOptions | readonly RateLimitOptions[] | undefined,
  path: string
): readonly ResolvedRateLimit[] {
  if (options === undefined || options === false) return []
  if (!isList(options)) return [resolveOne(options, path)]
  return options.map((limit, index) => resolveOne(limit, `${path}[${index}]`))
}

function isList(
  options: RateLimitOptions | readonly RateLimitOptions[]
): options is readonly RateLimitOptions[] {
  return Array.isArray(options)
}

function resolveOne(options: RateLimitOptions, path: string): ResolvedRateLimit {
  const ratePerMs = parseRate(options.rate)
  if (ratePerMs === undefined) throw optionError(`${path}.rate`, `"${options.rate}" is no rate, as '10r/s'`)
  const burst = options.burst ?? 0
  const delay =
    options.delay === undefined || options.delay === false ? Number.POSITIVE_INFINITY : options.delay
  if (Number.isFinite(delay) && delay > burst) {
    throw optionError(
      `${path}.delay`,
      `${delay} is above the burst of ${burst}, so that nobody is ever held back; raise burst, or leave delay out`
    )
  }
  if ((burst - delay) / ratePerMs > MAX_WAIT_MS) {
    throw optionError(`${path}.burst`, `at ${options.rate} the last of ${burst} requests would wait over 1h`)
  }
  return { ratePerMs, burst, delay, key: options.key ?? 'ip', status: options.status ?? 429 }
}
