// Byte ranges (RFC 9110 §14). PURE.

/** First and last byte, both included. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** What a Range field asks of a representation of a known size. */
export type RangeRequest =
  | { readonly kind: 'whole' }
  | { readonly kind: 'unsatisfiable' }
  | { readonly kind: 'spans'; readonly spans: readonly Span[] }

const MAX_SPANS = 16
const WHOLE = { kind: 'whole' } as const

/** What cannot be read, or asks for more than there is by overlapping, is answered whole. */
export function parseRange(value: string | undefined, size: number): RangeRequest {
  if (value === undefined || !/^bytes=/i.test(value)) return WHOLE
  const members = value.slice(6).split(',', MAX_SPANS + 1)
  if (members.length > MAX_SPANS) return WHOLE
  const spans: Span[] = []
  let total = 0
  for (const member of members) {
    const match = /^(\d*)-(\d*)$/.exec(member.trim())
    if (match === null || member.trim() === '-') return WHOLE
    const span = spanOf(match[1] as string, match[2] as string, size)
    if (span === 'malformed') return WHOLE
    if (span === undefined) continue
    spans.push(span)
    total += span.end - span.start + 1
  }
  if (spans.length === 0) return { kind: 'unsatisfiable' }
  return total > size ? WHOLE : { kind: 'spans', spans }
}

/** Content-Range of a 206. */
export function contentRange({ start, end }: Span, size: number): string {
  return `bytes ${start}-${end}/${size}`
}

/** Content-Range of a 416. */
export function unsatisfiedRange(size: number): string {
  return `bytes */${size}`
}

function spanOf(first: string, last: string, size: number): Span | 'malformed' | undefined {
  if (first === '') {
    const length = Math.min(Number(last), size)
    return length === 0 ? undefined : { start: size - length, end: size - 1 }
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return 'malformed'
  if (start >= size) return undefined
  return { start, end: last === '' ? size - 1 : Math.min(Number(last), size - 1) }
}
