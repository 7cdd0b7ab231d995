// PURE. Retry-After: a date, or seconds (RFC 9110 §10.2.3).
import { parseHttpDate } from './date'

/** Milliseconds from `now` (of the wall clock); undefined without the field, or when it is neither. A date in the past is 0. */
export function retryAfterMs(value: string | string[] | undefined, now: number): number | undefined {
  if (typeof value !== 'string') return undefined
  if (/^\d+$/.test(value)) return Number(value) * 1000
  const date = parseHttpDate(value, now)
  return date === undefined ? undefined : Math.max(0, date - now)
}
