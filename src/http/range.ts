// Range requests (RFC 9110 §14): which bytes, and the heads of partial answers. PURE.
import { listMembers } from './fields'

/** First and last byte, both included. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** `whole`: answer as if there were no Range. */
export type RangeResult =
  | { readonly kind: 'whole' }
  | { readonly kind: 'unsatisfiable' }
  | { readonly kind: 'spans'; readonly spans: Span[] }

const WHOLE: RangeResult = { kind: 'whole' }
const UNSATISFIABLE: RangeResult = { kind: 'unsatisfiable' }
/** More parts than any player or download tool asks for; many small ones are an attack (§17.15). */
const MAX_SPANS = 16
/** The longest Range that can name that many spans of a safe integer each. */
const MAX_LENGTH = 1024

/** Reads a Range field. What is wrong, overlaps, or would send more than the whole, gives the whole. */
export function parseRange(value: string | undefined, size: number): RangeResult {
  if (value === undefined || value.length > MAX_LENGTH || !/^bytes=/i.test(value)) return WHOLE
  const members = listMembers(value.slice('bytes='.length))
  if (members.length === 0 || members.length > MAX_SPANS) return WHOLE
  const spans: Span[] = []
  for (const member of members) {
    const span = parseSpan(member, size)
    if (span === 'wrong') return WHOLE
    if (span !== 'outside') spans.push(span)
  }
  if (spans.length === 0) return size === 0 && members.some(isSuffix) ? WHOLE : UNSATISFIABLE
  return overlap(spans) ? WHOLE : { kind: 'spans', spans }
}

/** Content-Range of a 206, or of one part. */
export function contentRange(span: Span, size: number): string {
  return `bytes ${span.start}-${span.end}/${size}`
}

/** Content-Range of a 416. */
export function unsatisfiedRange(size: number): string {
  return `bytes */${size}`
}

/** What stands before the bytes of one part of multipart/byteranges; latin1. */
export function partHead(
  boundary: string,
  contentType: string | undefined,
  span: Span,
  size: number
): string {
  const type = contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`
  return `\r\n--${boundary}\r\n${type}Content-Range: ${contentRange(span, size)}\r\n\r\n`
}

/** What stands after the last part; latin1. */
export function partsTail(boundary: string): string {
  return `\r\n--${boundary}--\r\n`
}

/** Content-Length of the whole multipart/byteranges content. */
export function partsLength(
  boundary: string,
  contentType: string | undefined,
  spans: readonly Span[],
  size: number
): number {
  let length = partsTail(boundary).length
  for (const span of spans) {
    length += partHead(boundary, contentType, span, size).length + span.end - span.start + 1
  }
  return length
}

function parseSpan(member: string, size: number): Span | 'wrong' | 'outside' {
  const match = /^(\d*)-(\d*)$/.exec(member)
  if (match === null) return 'wrong'
  const first = String(match[1])
  const last = String(match[2])
  if (first === '') return last === '' ? 'wrong' : suffixSpan(Number(last), size)
  // Beyond the safe integers the comparison is inexact, and both are outside of any file.
  if (last !== '' && Number(last) < Number(first)) return 'wrong'
  const start = Number(first)
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1)
  return start < size ? { start, end } : 'outside'
}

function suffixSpan(length: number, size: number): Span | 'outside' {
  return length === 0 || size === 0 ? 'outside' : { start: Math.max(0, size - length), end: size - 1 }
}

/** A suffix of something empty is all of it, and has no Content-Range. */
function isSuffix(member: string): boolean {
  return /^-0*[1-9]/.test(member)
}

/** Without overlap the spans together are never larger than the whole. */
function overlap(spans: readonly Span[]): boolean {
  if (spans.length === 1) return false
  const sorted = [...spans].sort((a, b) => a.start - b.start)
  return sorted.some((span, i) => i > 0 && span.start <= (sorted[i - 1]?.end ?? -1))
}
