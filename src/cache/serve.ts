// The answer from a stored response: whole, 304, 412, 206 or 416, always with Age and Content-Length (RFC 9110 §13–14, RFC 9111 §4).
import { Readable } from 'node:stream'
import { evaluate, rangeApplies } from '../http/conditional'
import { firstLine } from '../http/fields'
import { onceIfFrozen } from '../http/frozen'
import type { Fields, UpstreamResponse } from '../http/message'
import { type Byteranges, byteranges, partialFields } from '../http/partial'
import { parseRange, type Span, unsatisfiedRange } from '../http/range'
import type { StoredHead } from './store/store'

/** What the client asked for, as far as an answer depends on it. */
export interface ServeRequest {
  readonly method: string
  readonly fields: Fields
}

/** Content that can be served. */
export interface Servable {
  /** Undefined while it is not known. */
  readonly length: number | undefined
  /** All of it when it is in memory, else null. */
  readonly buffer: Buffer | null
  /** It streams by: several parts cannot be cut out of it. */
  readonly growing?: true
  read(start?: number, end?: number): Readable
}

/** What a 200 becomes for this client. */
export type Selection =
  | { readonly kind: 'whole' }
  | { readonly kind: 'not-modified' }
  | { readonly kind: 'precondition-failed' }
  | { readonly kind: 'unsatisfiable' }
  | { readonly kind: 'spans'; readonly spans: readonly Span[] }

/** The stored fields as every answer carries them, made once per entry: with Content-Length, without Age. */
export interface Representation {
  readonly status: number
  readonly fields: Fields
  readonly validators: Validators
  /** Most ranges that one request is given; 0 = none. */
  readonly maxRanges: number
}

interface Validators {
  readonly status: number
  readonly etag?: string
  readonly lastModified?: string
  readonly date?: string
}

const WHOLE: Selection = { kind: 'whole' }
const NOT_MODIFIED: Selection = { kind: 'not-modified' }
const PRECONDITION_FAILED: Selection = { kind: 'precondition-failed' }
const UNSATISFIABLE: Selection = { kind: 'unsatisfiable' }

/** Fields that describe content and so do not belong to an answer without it (RFC 9110 §15.4.5). */
const CONTENT_FIELDS = new Set([
  'content-length',
  'content-type',
  'content-encoding',
  'content-language',
  'content-range',
  'content-digest',
  'content-md5',
  'accept-ranges'
])

/** Prepares a stored head for all its answers. */
export function represent(
  head: StoredHead,
  length: number | undefined,
  { maxRanges }: { readonly maxRanges: number }
): Representation {
  const fields: Fields = {}
  for (const [name, value] of Object.entries(head.fields)) {
    if (name !== 'age' && name !== '__proto__') fields[name] = value
  }
  if (length !== undefined && head.status !== 204) fields['content-length'] = String(length)
  // It is the edge that answers, whatever the origin said.
  if (maxRanges === 0) delete fields['accept-ranges']
  else if (length !== undefined && head.status === 200) fields['accept-ranges'] = 'bytes'
  return { status: head.status, fields, validators: validators(head.status, fields), maxRanges }
}

/** The validators of a response, as preconditions compare them. */
export function validators(status: number, fields: Fields): Validators {
  const etag = firstLine(fields, 'etag')
  const lastModified = firstLine(fields, 'last-modified')
  const date = firstLine(fields, 'date')
  return {
    status,
    ...(etag !== undefined && { etag }),
    ...(lastModified !== undefined && { lastModified }),
    ...(date !== undefined && { date })
  }
}

/** What a request is held against. `length` undefined = not known yet: no ranges. */
export interface Target extends Pick<Representation, 'validators' | 'maxRanges'> {
  readonly length: number | undefined
}

/** Preconditions, then Range (RFC 9110 §13.2.2). */
export function select(request: ServeRequest, target: Target, now: number): Selection {
  const { fields, method } = request
  const { status } = target.validators
  if (status < 200 || status > 299) return WHOLE
  if (isConditional(fields)) {
    const verdict = evaluate(request, target.validators, now)
    if (verdict === 'not-modified') return NOT_MODIFIED
    if (verdict === 'precondition-failed') return PRECONDITION_FAILED
  }
  if (fields.range === undefined || status !== 200 || method !== 'GET' || target.length === undefined)
    return WHOLE
  if (fields['if-range'] !== undefined && !rangeApplies(fields, target.validators, now)) return WHOLE
  const range = parseRange(firstLine(fields, 'range'), target.length, target.maxRanges)
  if (range.kind === 'unsatisfiable') return UNSATISFIABLE
  return range.kind === 'spans' ? range : WHOLE
}

/** The answer from a stored response; `fields` (with Age) goes out as it is and must not be changed by anyone. */
export function serve(
  request: ServeRequest,
  stored: { readonly entry: Servable; readonly representation: Representation; readonly fields: Fields },
  now: number
): UpstreamResponse {
  const { entry, representation, fields } = stored
  const { validators, maxRanges } = representation
  const selection = select(request, { validators, maxRanges, length: entry.length }, now)
  if (selection.kind === 'spans' && isCuttable(entry, selection.spans)) {
    return partial(entry, fields, selection.spans)
  }
  if (selection.kind === 'whole' || selection.kind === 'spans') {
    const withoutContent = request.method === 'HEAD' || entry.length === 0
    return {
      status: representation.status,
      fields,
      body: withoutContent ? null : (entry.buffer ?? entry.read())
    }
  }
  return withoutContent(selection.kind, fields, entry.length)
}

/** Content that can be cut: its length is known. */
type Cuttable = Servable & { readonly length: number }

function isCuttable(entry: Servable, spans: readonly Span[]): entry is Cuttable {
  return entry.length !== undefined && (entry.growing === undefined || spans.length === 1)
}

/** A 304, 412 or 416 with the fields of the response that it stands for. */
export function withoutContent(
  kind: 'not-modified' | 'precondition-failed' | 'unsatisfiable',
  fields: Fields,
  length: number | undefined
): UpstreamResponse {
  const kept = fieldsOfNoContent(fields)
  if (kind === 'not-modified') return { status: 304, fields: kept, body: null }
  const own: Fields = { ...kept, 'content-length': '0' }
  // The validators are the stored response's, not those of this error.
  for (const name of ['etag', 'last-modified', 'cache-control', 'expires']) delete own[name]
  if (kind === 'precondition-failed') return { status: 412, fields: own, body: null }
  own['content-range'] = unsatisfiedRange(length ?? 0)
  return { status: 416, fields: own, body: null }
}

const fieldsOfNoContent = onceIfFrozen((fields) => {
  const kept: Fields = {}
  for (const [name, value] of Object.entries(fields)) {
    if (!CONTENT_FIELDS.has(name)) kept[name] = value
  }
  return kept
})

function partial(entry: Cuttable, fields: Fields, spans: readonly Span[]): UpstreamResponse {
  const { buffer, length } = entry
  const [first, second] = spans
  if (first !== undefined && second === undefined) {
    const body = buffer?.subarray(first.start, first.end + 1) ?? entry.read(first.start, first.end)
    return { status: 206, fields: partialFields(fields, first, length), body }
  }
  const parts = byteranges(fields, spans, length)
  const body = buffer === null ? streamed(parts, entry) : parts.cut(buffer)
  return { status: 206, fields: parts.fields, body }
}

function streamed(parts: Byteranges, entry: Cuttable): Readable {
  return Readable.from(
    parts.read((start, end) => entry.read(start, end)),
    { objectMode: false }
  )
}

/** Whether a request carries a precondition that a cache answers. */
export function isConditional(fields: Fields): boolean {
  return (
    fields['if-none-match'] !== undefined ||
    fields['if-modified-since'] !== undefined ||
    fields['if-match'] !== undefined ||
    fields['if-unmodified-since'] !== undefined
  )
}
