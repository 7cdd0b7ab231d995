// The `upstreams.NAME.breaker` option: a circuit breaker. nginx has none.
import { optionError } from '../errors'
import { type Duration, durationMs } from '../units'

/** When a whole group is left alone for a while. */
export interface BreakerOptions {
  /** Share of requests, above 0 and up to 1, that fail: no answer after all tries, or 500, 502, 503, 504. @default 0.5 */
  errors?: number
  /** The time that is looked at. @default '10s' */
  window?: Duration
  /** Fewer requests in the window prove nothing. @default 20 */
  minRequests?: number
  /** How long nobody is asked. @default '10s' */
  open?: Duration
  /** The time after that in which the share of requests that go through grows from one request to all. @default '10s' */
  ramp?: Duration
}

/** A breaker with every default applied. */
export interface ResolvedBreaker {
  readonly errors: number
  readonly windowMs: number
  readonly minRequests: number
  readonly openMs: number
  readonly rampMs: number
}

const duration = { type: 'string', format: 'duration' } as const

export const breakerSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    errors: { type: 'number', exclusiveMinimum: 0, maximum: 1 },
    window: duration,
    minRequests: { type: 'integer', minimum: 1 },
    open: duration,
    ramp: duration
  }
} as const

/** Applies the defaults; without the option there is no breaker. */
export function resolveBreaker(
  options: BreakerOptions | undefined,
  path: string
): ResolvedBreaker | undefined {
  if (options === undefined) return undefined
  const windowMs = durationMs(options.window ?? '10s', `${path}.window`)
  if (windowMs === 0) throw optionError(`${path}.window`, 'must be longer than 0')
  return {
    errors: options.errors ?? 0.5,
    windowMs,
    minRequests: options.minRequests ?? 20,
    openMs: durationMs(options.open ?? '10s', `${path}.open`),
    rampMs: durationMs(options.ramp ?? '10s', `${path}.ramp`)
  }
}
