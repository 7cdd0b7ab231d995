// Range requests (RFC 9110 §14; nginx: max_ranges): which bytes are sent of those that were asked for. PURE.
import { trimOws } from './fields'

/** First and last byte, both included. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** `whole`: answer as if there were no Range. `spans`: disjoint, in the order in which they were asked for. */
export type RangeResult =
  | { readonly kind: 'whole' }
  | { readonly kind: 'unsatisfiable' }
  | { readonly kind: 'spans'; readonly spans: readonly Span[] }

/** More than any player or download tool asks for: every part costs a read of its own, however small it is. */
export const DEFAULT_MAX_RANGES = 16

const WHOLE: RangeResult = { kind: 'whole' }
const UNSATISFIABLE: RangeResult = { kind: 'unsatisfiable' }
/** What a part of its own costs about, in bytes (§15.3.7.2): a gap that is smaller is sent along. */
const PART_COST_BYTES = 80

/** Reads a Range field. What is wrong, too many, or comes to more than the whole (§17.15), gives the whole. */
export function parseRange(value: string | undefined, size: number, maxRanges: number): RangeResult {
  if (value === undefined || !/^bytes=/i.test(value)) return WHOLE
  const specs = rangeSpecs(value.slice('bytes='.length), maxRanges)
  if (specs === undefined) return WHOLE
  const asked: Span[] = []
  let askedBytes = 0
  for (const spec of specs) {
    const span = spanOf(spec, size)
    if (span === 'wrong') return WHOLE
    if (span === 'outside') continue
    asked.push(span)
    askedBytes += spanLength(span)
  }
  if (askedBytes > size) return WHOLE
  if (asked.length > 0) return { kind: 'spans', spans: coalesce(asked) }
  return size === 0 && specs.some(isSuffix) ? WHOLE : UNSATISFIABLE
}

/** How many bytes it is. */
export function spanLength({ start, end }: Span): number {
  return end - start + 1
}

/** Content-Range of a 206, or of one part. */
export function contentRange(span: Span, size: number): string {
  return `bytes ${span.start}-${span.end}/${size}`
}

/** Content-Range of a 416. */
export function unsatisfiedRange(size: number): string {
  return `bytes */${size}`
}

/** The members of the list; undefined when there is none, or one more than is allowed. */
function rangeSpecs(set: string, max: number): string[] | undefined {
  const specs: string[] = []
  for (let start = 0; start <= set.length; ) {
    const comma = set.indexOf(',', start)
    const end = comma === -1 ? set.length : comma
    const spec = trimOws(set.slice(start, end))
    if (spec !== '' && specs.push(spec) > max) return undefined
    start = end + 1
  }
  return specs.length === 0 ? undefined : specs
}

function spanOf(spec: string, size: number): Span | 'wrong' | 'outside' {
  const match = /^(\d*)-(\d*)$/.exec(spec)
  if (match === null) return 'wrong'
  const [, first = '', last = ''] = match
  if (first === '') return last === '' ? 'wrong' : suffixSpan(Number(last), size)
  if (last !== '' && isLess(last, first)) return 'wrong'
  // Beyond the safe integers a number is inexact, and outside of any content.
  const start = Number(first)
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1)
  return start < size ? { start, end } : 'outside'
}

function suffixSpan(length: number, size: number): Span | 'outside' {
  return length === 0 || size === 0 ? 'outside' : { start: Math.max(0, size - length), end: size - 1 }
}

/** Compares digits of any number: two that are the same as doubles may be the wrong way round. */
function isLess(a: string, b: string): boolean {
  const left = a.replace(/^0+/, '')
  const right = b.replace(/^0+/, '')
  return left.length === right.length ? left < right : left.length < right.length
}

/** A suffix of something empty is all of it, and has no Content-Range. */
function isSuffix(spec: string): boolean {
  return /^-0*[1-9]/.test(spec)
}

/** Spans that overlap, touch or nearly do become one, which stands where the first of them was asked for (§15.3.7.2). */
function coalesce(asked: readonly Span[]): readonly Span[] {
  if (asked.length === 1) return asked
  const sorted = asked.map((span, place) => ({ ...span, place })).sort((a, b) => a.start - b.start)
  const joined: typeof sorted = []
  for (const next of sorted) {
    const last = joined.at(-1)
    if (last === undefined || next.start - last.end - 1 >= PART_COST_BYTES) joined.push(next)
    else {
      last.end = Math.max(last.end, next.end)
      last.place = Math.min(last.place, next.place)
    }
  }
  return joined.sort((a, b) => a.place - b.place).map(({ start, end }) => ({ start, end }))
}
