// A response as the store keeps its head: times, selecting fields, purge tags (RFC 9111 §3). PURE.
import { listMembers } from '../http/fields'
import type { Fields, UpstreamResponse } from '../http/message'
import type { StoredHead } from './store/store'

/** The head under which a response is kept; `fields` are those to keep. */
export function storedHead(
  {
    response,
    requestTime,
    responseTime
  }: { response: UpstreamResponse; requestTime: number; responseTime: number },
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
    ...(tags.length > 0 && { tags })
  }
}

/** Purge tags: Surrogate-Key is a list by spaces, Cache-Tag one by commas. */
function responseTags(fields: Fields): string[] {
  const keys = listMembers(fields['surrogate-key']).flatMap((member) => member.split(' '))
  return [...keys, ...listMembers(fields['cache-tag'])].filter((tag) => tag !== '')
}
