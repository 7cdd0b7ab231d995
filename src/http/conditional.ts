// Conditional requests against one representation (RFC 9110 §13). PURE.
import { parseHttpDate } from './date'
import { fieldLines, firstLine } from './fields'
import type { Fields } from './message'

/** The representation a condition is about. Dates as text or in ms; `date` stands in for an unknown `lastModified` (RFC 9111 §4.3.2). */
export interface Representation {
  readonly etag?: string | undefined
  readonly lastModified?: string | number | undefined
  readonly date?: string | number | undefined
}

/** What the conditions say: answer as if there were none, 304, or 412. */
export type ConditionResult = 'proceed' | 'not-modified' | 'precondition-failed'

/** Fields that ask for less than the whole, or for nothing when the client has it already; its own copy is what they are about. */
export const CONDITIONAL: readonly string[] = [
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'range'
]

const ETAG_MEMBER = /[ \t,]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"|[^ \t,"]+)[ \t]*(?=,|$)/y
/** Last-Modified is a strong validator when it is at least this much older than Date (§8.8.2.2). */
const STRONG_DATE_MS = 1000

/** Evaluates the conditions in the order of §13.2.2. Only a response that would be 2xx has conditions. */
export function evaluate(
  request: { method: string; fields: Fields },
  response: Representation & { status: number },
  now: number
): ConditionResult {
  const { method, fields } = request
  if (response.status < 200 || response.status > 299) return 'proceed'
  if (preconditionFailed(fields, response, now)) return 'precondition-failed'
  const isRead = method === 'GET' || method === 'HEAD'
  if (fields['if-none-match'] !== undefined) {
    if (!matches(fieldLines(fields, 'if-none-match'), response.etag, weaklyEqual)) return 'proceed'
    return isRead ? 'not-modified' : 'precondition-failed'
  }
  return isRead && notModifiedSince(fields, response, now) ? 'not-modified' : 'proceed'
}

/** Whether a Range may be honoured: If-Range is absent or names exactly this representation (§13.1.5). */
export function rangeApplies(fields: Fields, representation: Representation, now: number): boolean {
  const lines = fieldLines(fields, 'if-range')
  const line = lines[0]
  if (line === undefined) return true
  if (lines.length > 1) return false
  if (line.endsWith('"')) return representation.etag !== undefined && stronglyEqual(line, representation.etag)
  const wanted = parseHttpDate(line, now)
  const modified = dateMs(representation.lastModified, now)
  const date = dateMs(representation.date, now) ?? now
  return wanted !== undefined && wanted === modified && date - modified >= STRONG_DATE_MS
}

function preconditionFailed(fields: Fields, response: Representation, now: number): boolean {
  if (fields['if-match'] !== undefined) {
    return !matches(fieldLines(fields, 'if-match'), response.etag, stronglyEqual)
  }
  const since = onlyDate(fields, 'if-unmodified-since', now)
  if (since === undefined) return false
  const modified = dateMs(response.lastModified, now)
  return modified !== undefined && modified > since
}

function notModifiedSince(fields: Fields, response: Representation, now: number): boolean {
  const since = onlyDate(fields, 'if-modified-since', now)
  if (since === undefined) return false
  const modified = dateMs(response.lastModified, now) ?? dateMs(response.date, now)
  return modified !== undefined && modified <= since
}

type Comparison = (a: string, b: string) => boolean

/** Whether `*` or one of the tags stands for the representation. A list that cannot be read matches up to its fault. */
function matches(lines: string[], etag: string | undefined, same: Comparison): boolean {
  for (const line of lines) {
    // What nearly every client sends: the one tag that it was given.
    if (etag !== undefined && same(line, etag)) return true
    if (line.trim() === '*') return true
    if (etag === undefined) continue
    ETAG_MEMBER.lastIndex = 0
    for (let found = ETAG_MEMBER.exec(line); found !== null; found = ETAG_MEMBER.exec(line)) {
      if (same(String(found[1]), etag)) return true
    }
  }
  return false
}

/** Weak comparison of two entity tags (§8.8.3.2). */
export function weaklyEqual(a: string, b: string): boolean {
  return opaqueTag(a) === opaqueTag(b)
}

function stronglyEqual(a: string, b: string): boolean {
  return a === b && !a.startsWith('W/')
}

function opaqueTag(etag: string): string {
  return etag.startsWith('W/') ? etag.slice(2) : etag
}

/** A condition with an unreadable date, or with two, is no condition (§13.1.3). */
function onlyDate(fields: Fields, name: string, now: number): number | undefined {
  const line = firstLine(fields, name)
  return line === undefined || fieldLines(fields, name).length > 1 ? undefined : parseHttpDate(line, now)
}

/** Whole seconds, as a client can name them. */
function dateMs(date: string | number | undefined, now: number): number | undefined {
  if (typeof date === 'number') return Math.floor(date / 1000) * 1000
  return date === undefined ? undefined : parseHttpDate(date, now)
}
