// Preconditions in their order of precedence (RFC 9110 §13.2.2) and If-Range (§13.1.5). PURE.
import { parseHttpDate } from './date'
import type { Fields } from './message'

/** What is known of the selected representation; field values as they are sent. */
export interface Validators {
  readonly etag?: string
  readonly lastModified?: string
  readonly date?: string
}

/** Whether to answer with the representation, 304 or 412. */
export function evaluate(
  { method, fields }: { method: string; fields: Fields },
  { status, etag, lastModified }: Validators & { status: number },
  now: number
): 'proceed' | 'not-modified' | 'precondition-failed' {
  if (status < 200 || status > 299) return 'proceed'
  const modified = timeOf(lastModified, now)
  const ifMatch = text(fields['if-match'])
  const unmodifiedSince = timeOf(text(fields['if-unmodified-since']), now)
  if (ifMatch !== undefined) {
    if (!lists(ifMatch, (tag) => !tag.startsWith('W/') && tag === etag)) return 'precondition-failed'
  } else if (unmodifiedSince !== undefined && modified !== undefined && modified > unmodifiedSince) {
    return 'precondition-failed'
  }
  const safe = method === 'GET' || method === 'HEAD'
  const ifNoneMatch = text(fields['if-none-match'])
  if (ifNoneMatch !== undefined) {
    if (!lists(ifNoneMatch, (tag) => etag !== undefined && opaque(tag) === opaque(etag))) return 'proceed'
    return safe ? 'not-modified' : 'precondition-failed'
  }
  const since = timeOf(text(fields['if-modified-since']), now)
  const fresh = safe && since !== undefined && modified !== undefined && modified <= since
  return fresh ? 'not-modified' : 'proceed'
}

/** Whether Range counts: no If-Range, or a strong entity tag or an exact date that still holds. */
export function rangeApplies(fields: Fields, { etag, lastModified }: Validators, now: number): boolean {
  const condition = text(fields['if-range'])?.trim()
  if (condition === undefined) return true
  if (condition.startsWith('W/') || condition.startsWith('"')) return condition === etag
  const time = timeOf(condition, now)
  return time !== undefined && time === timeOf(lastModified, now)
}

function lists(field: string, accepts: (tag: string) => boolean): boolean {
  if (field.trim() === '*') return true
  return (field.match(/(?:W\/)?"[^"]*"/g) ?? []).some(accepts)
}

function opaque(tag: string): string {
  return tag.startsWith('W/') ? tag.slice(2) : tag
}

function text(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}

function timeOf(value: string | undefined, now: number): number | undefined {
  return value === undefined ? undefined : parseHttpDate(value, now)
}
