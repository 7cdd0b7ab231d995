// What the client that a response was fetched for gets of it as it comes: whole, a part, or only its head.
import type { Body, UpstreamResponse } from '../http/message'
import { partialFields } from '../http/partial'
import type { Span } from '../http/range'
import { type Selection, withoutContent } from './serve'
import type { CacheRequest } from './turn'

/** A response and what its client wants of it; `none`: nobody waits for it. */
export interface Delivery {
  readonly request: Pick<CacheRequest, 'method'>
  readonly response: UpstreamResponse
  readonly selection: Selection | 'none'
  readonly length: number | undefined
  /** What of the content goes to the client: all of a Buffer, or a stream that is cut already. */
  readonly body: Body
}

/** Which part of the content goes to the client. */
export function clientTakes(
  { method }: Pick<CacheRequest, 'method'>,
  selection: Selection | 'none'
): 'none' | 'whole' | Span {
  if (selection === 'none' || method === 'HEAD') return 'none'
  if (selection.kind === 'whole') return 'whole'
  if (selection.kind !== 'spans') return 'none'
  // Several parts of a body that streams by would have to be kept: the client gets all of it.
  return singleSpan(selection) ?? 'whole'
}

/** The answer to the client. */
export function deliver({ request, response, selection, length, body }: Delivery): UpstreamResponse {
  const { status, fields } = response
  if (selection === 'none') return { status, fields, body: null }
  const span = singleSpan(selection)
  if (span !== undefined && length !== undefined && request.method !== 'HEAD') {
    const part = Buffer.isBuffer(body) ? body.subarray(span.start, span.end + 1) : body
    return { status: 206, fields: partialFields(fields, span, length), body: part }
  }
  if (selection.kind === 'whole' || selection.kind === 'spans') {
    return { status, fields, body: request.method === 'HEAD' ? null : body }
  }
  return withoutContent(selection.kind, fields, length)
}

function singleSpan(selection: Selection): Span | undefined {
  return selection.kind === 'spans' && selection.spans.length === 1 ? selection.spans[0] : undefined
}
