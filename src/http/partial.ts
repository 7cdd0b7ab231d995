// What a 206 is made of (RFC 9110 §15.3.7): one span as it is, several as multipart/byteranges (§14.6) of a length known ahead.
import { randomBytes } from 'node:crypto'
import { sluiceError } from '../errors'
import { firstLine } from './fields'
import type { Fields } from './message'
import { contentRange, type Span, spanLength } from './range'

/** Nobody can know it before, so no content holds it on purpose; in hex, so that its length is always the same. */
const BOUNDARY_BYTES = 12
/** They are of the content as a whole (RFC 9530 §2; `Repr-Digest` is of the representation, and stays), or of a part that nobody asked for. */
const OF_THE_WHOLE: readonly string[] = ['content-digest', 'content-md5', 'content-range']

/** The bytes of one span, as they come. */
export type ReadSpan = (start: number, end: number) => AsyncIterable<Buffer>

/** A 206 of several parts. */
export interface Byteranges {
  /** In place of those of the whole. */
  readonly fields: Fields
  /** The content, cut out of the whole. */
  cut(whole: Buffer): Buffer
  /** The content, part by part. A part that ends too soon is an error. */
  read(span: ReadSpan): AsyncGenerator<Buffer, void>
}

/** The fields of a 206 with one span, in place of those of the whole. */
export function partialFields(whole: Fields, span: Span, size: number): Fields {
  const fields = kept(whole)
  fields['content-range'] = contentRange(span, size)
  fields['content-length'] = String(spanLength(span))
  return fields
}

/** Frames spans of a representation whose 200 would have these fields and this length. */
export function byteranges(whole: Fields, spans: readonly Span[], size: number): Byteranges {
  const boundary = randomBytes(BOUNDARY_BYTES).toString('hex')
  const about = partFields(whole)
  const parts = spans.map((span) => ({
    span,
    head: Buffer.from(
      `\r\n--${boundary}\r\n${about}Content-Range: ${contentRange(span, size)}\r\n\r\n`,
      'latin1'
    )
  }))
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`, 'latin1')
  const length = parts.reduce((sum, { span, head }) => sum + head.length + spanLength(span), tail.length)
  return {
    fields: outerFields(whole, { boundary, length }),
    cut: (buffer) =>
      Buffer.concat([
        ...parts.flatMap(({ span, head }) => [head, buffer.subarray(span.start, span.end + 1)]),
        tail
      ]),
    read: (readSpan) => readParts(parts, tail, readSpan)
  }
}

interface Part {
  readonly span: Span
  readonly head: Buffer
}

async function* readParts(
  parts: readonly Part[],
  tail: Buffer,
  readSpan: ReadSpan
): AsyncGenerator<Buffer, void> {
  for (const { span, head } of parts) {
    yield head
    let left = spanLength(span)
    for await (const chunk of readSpan(span.start, span.end)) {
      left -= chunk.length
      yield chunk
    }
    if (left !== 0)
      throw sluiceError('SLUICE_INTERNAL', { detail: 'a part has another length than announced' })
  }
  yield tail
}

/** What each part says of itself. The coding is that of the parts: nobody could decode the content as a whole by it. */
function partFields(whole: Fields): string {
  const type = firstLine(whole, 'content-type')
  const coding = firstLine(whole, 'content-encoding')
  const lines = [type === undefined ? '' : `Content-Type: ${type}\r\n`]
  if (coding !== undefined) lines.push(`Content-Encoding: ${coding}\r\n`)
  return lines.join('')
}

function outerFields(whole: Fields, { boundary, length }: { boundary: string; length: number }): Fields {
  const fields = kept(whole)
  delete fields['content-encoding']
  fields['content-type'] = `multipart/byteranges; boundary=${boundary}`
  fields['content-length'] = String(length)
  return fields
}

function kept(whole: Fields): Fields {
  const fields = { ...whole }
  for (const name of OF_THE_WHOLE) delete fields[name]
  return fields
}
