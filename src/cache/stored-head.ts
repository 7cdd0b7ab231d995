// A response as the store keeps its head: times, selecting fields, purge tags (RFC 9111 §3). PURE.
import type { Fields, UpstreamResponse } from '../http/message'
import { urlOf } from './purge'
import type { StoredHead } from './store/store'
import { responseTags } from './tags'
import type { CacheRequest } from './turn'

/** A response, what was asked for, and when. */
export interface FetchedHead {
  readonly request: CacheRequest
  readonly response: UpstreamResponse
  readonly requestTime: number
  readonly responseTime: number
}

/** The head under which a response is kept; `fields` are those to keep. */
export function storedHead(
  { request, response, requestTime, responseTime }: FetchedHead,
  fields: Fields,
  {
    validFor,
    selecting
  }: { validFor: number | undefined; selecting: Record<string, string | null> | undefined }
): StoredHead {
  const tags = responseTags(fields)
  return {
    status: response.status,
    fields,
    requestTime,
    responseTime,
    ...(validFor !== undefined && { validFor }),
    ...(selecting !== undefined && { selecting }),
    ...(tags.length > 0 && { tags }),
    ...(request.customKey !== undefined && { url: urlOf(request) })
  }
}
