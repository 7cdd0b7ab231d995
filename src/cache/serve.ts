// The answer from a stored response: whole, 304, 412, 206 or 416, always with Age and Content-Length (RFC 9110 §13–14, RFC 9111 §4).
import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { evaluate, rangeApplies } from '../http/conditional'
import { firstLine } from '../http/fields'
import type { Body, Fields, UpstreamResponse } from '../http/message'
import {
  contentRange,
  parseRange,
  partHead,
  partsLength,
  partsTail,
  type Span,
  unsatisfiedRange
} from '../http/range'
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
  'accept-ranges'
])

/** Prepares a stored head for all its answers. */
export function represent(head: StoredHead, length: number | undefined): Representation {
  const fields: Fields = {}
  for (const [name, value] of Object.entries(head.fields)) {
    if (name !== 'age' && name !== '__proto__') fields[name] = value
  }
  if (length !== undefined && head.status !== 204) fields['content-length'] = String(length)
  if (length !== undefined && head.status === 200) fields['accept-ranges'] = 'bytes'
  return { status: head.status, fields, validators: validators(head.status, fields) }
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

/** Preconditions, then Range (RFC 9110 §13.2.2). `length` undefined = not known yet: no ranges. */
export function select(
  request: ServeRequest,
  target: { readonly validators: Validators; readonly length: number | undefined },
  now: number
): Selection {
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
  const range = parseRange(firstLine(fields, 'range'), target.length)
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
  const selection = select(request, { validators: representation.validators, length: entry.length }, now)
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
  const kept: Fields = {}
  for (const [name, value] of Object.entries(fields)) {
    if (!CONTENT_FIELDS.has(name)) kept[name] = value
  }
  if (kind === 'not-modified') return { status: 304, fields: kept, body: null }
  kept['content-length'] = '0'
  // The validators are the stored response's, not those of this error.
  for (const name of ['etag', 'last-modified', 'cache-control', 'expires']) delete kept[name]
  if (kind === 'precondition-failed') return { status: 412, fields: kept, body: null }
  kept['content-range'] = unsatisfiedRange(length ?? 0)
  return { status: 416, fields: kept, body: null }
}

/** The fields of a 206 with one span. */
export function partialFields(fields: Fields, span: Span, length: number): Fields {
  return {
    ...fields,
    'content-range': contentRange(span, length),
    'content-length': String(span.end - span.start + 1)
  }
}

function partial(entry: Cuttable, fields: Fields, spans: readonly Span[]): UpstreamResponse {
  const [first, second] = spans
  if (first !== undefined && second === undefined) {
    const body = entry.buffer?.subarray(first.start, first.end + 1) ?? entry.read(first.start, first.end)
    return { status: 206, fields: partialFields(fields, first, entry.length), body }
  }
  return multipart(entry, fields, spans)
}

function multipart(entry: Cuttable, fields: Fields, spans: readonly Span[]): UpstreamResponse {
  const boundary = randomBytes(12).toString('hex')
  const type = firstLine(fields, 'content-type')
  const heads = spans.map((span) => Buffer.from(partHead(boundary, type, span, entry.length), 'latin1'))
  const tail = Buffer.from(partsTail(boundary), 'latin1')
  return {
    status: 206,
    fields: {
      ...fields,
      'content-type': `multipart/byteranges; boundary=${boundary}`,
      'content-length': String(partsLength(boundary, type, spans, entry.length))
    },
    body: joinParts(entry, { spans, heads, tail })
  }
}

interface Parts {
  readonly spans: readonly Span[]
  readonly heads: readonly Buffer[]
  readonly tail: Buffer
}

function joinParts(entry: Cuttable, { spans, heads, tail }: Parts): Body {
  const { buffer } = entry
  if (buffer === null) return Readable.from(readParts(entry, { spans, heads, tail }), { objectMode: false })
  const pieces = spans.flatMap((span, i) => [
    heads[i] ?? tail.subarray(0, 0),
    buffer.subarray(span.start, span.end + 1)
  ])
  return Buffer.concat([...pieces, tail])
}

async function* readParts(entry: Cuttable, { spans, heads, tail }: Parts): AsyncGenerator<Buffer> {
  for (const [i, span] of spans.entries()) {
    yield heads[i] ?? tail.subarray(0, 0)
    yield* entry.read(span.start, span.end)
  }
  yield tail
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
