// What is answered with a found file: conditions and ranges (RFC 9110 §13, §14), wherever its content comes from. PURE.
import { evaluate, rangeApplies } from '../http/conditional'
import type { Fields } from '../http/message'
import { parseRange, type Span } from '../http/range'
import type { Lifetime } from './cache-control'
import type { Found } from './lookup'

/** What is sent, and for how long it may be kept. */
export interface Sending {
  readonly file: Found
  readonly lifetime: Lifetime | undefined
  /** Another Accept-Encoding could have been given another file. */
  readonly negotiated: boolean
  /** Most ranges that one request is given; 0 = none. */
  readonly maxRanges: number
}

/** The status, and what of the file is sent. `spans`: parts of it, in the order in which they were asked for. */
export type Answer =
  | { readonly status: 200; readonly content: 'whole' }
  | { readonly status: 206; readonly content: 'spans'; readonly spans: readonly Span[] }
  | { readonly status: 200 | 304 | 412 | 416; readonly content: 'none' }

/** Of a request, what decides. */
export interface Asked {
  readonly method: string
  readonly fields: Fields
}

const WHOLE: Answer = { status: 200, content: 'whole' }
const HEAD_ONLY: Answer = { status: 200, content: 'none' }
const NOT_MODIFIED: Answer = { status: 304, content: 'none' }
const FAILED: Answer = { status: 412, content: 'none' }
const UNSATISFIABLE: Answer = { status: 416, content: 'none' }

/** Conditions, then Range (§13.2.2). */
export function answerFor({ method, fields }: Asked, { file, maxRanges }: Sending, now: number): Answer {
  const validators = { etag: file.etag, lastModified: lastModifiedMs(file, now) }
  const verdict = evaluate({ method, fields }, { status: 200, ...validators }, now)
  if (verdict !== 'proceed') return verdict === 'not-modified' ? NOT_MODIFIED : FAILED
  const whole = method === 'HEAD' || file.size === 0 ? HEAD_ONLY : WHOLE
  const { range: asked } = fields
  if (method !== 'GET' || typeof asked !== 'string' || !rangeApplies(fields, validators, now)) return whole
  const range = parseRange(asked, file.size, maxRanges)
  if (range.kind === 'unsatisfiable') return UNSATISFIABLE
  return range.kind === 'whole' ? whole : { status: 206, content: 'spans', spans: range.spans }
}

/** A time in the future would make every later condition false (§8.8.2.1). */
export function lastModifiedMs({ mtimeMs }: Found, now: number): number {
  return Math.min(mtimeMs, now)
}
