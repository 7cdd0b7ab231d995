// Validation with the origin (RFC 9111 §4.3): the conditional request, and what a 304 changes in the stored head (§3.2). PURE.
import { CONDITIONAL, weaklyEqual } from '../http/conditional'
import { parseHttpDate } from '../http/date'
import { firstLine } from '../http/fields'
import type { Fields } from '../http/message'
import { storedFields } from './storable'
import type { StoredHead } from './store/store'
import { responseTags } from './tags'

/** They describe the bytes that are stored, which a 304 does not replace (§3.2); a digest in it is one of no bytes at all. */
const CONTENT: ReadonlySet<string> = new Set([
  'content-length',
  'content-encoding',
  'content-range',
  'content-md5',
  'content-digest'
])

/** The condition to send for a stored response; undefined when it has no validator. */
export function conditionalFields(head: StoredHead): Fields | undefined {
  const etag = firstLine(head.fields, 'etag')
  const modified = firstLine(head.fields, 'last-modified')
  const fields: Fields = Object.create(null)
  if (etag !== undefined && etag !== '') fields['if-none-match'] = etag
  if (modified !== undefined && parseHttpDate(modified, head.responseTime) !== undefined) {
    fields['if-modified-since'] = modified
  }
  return Object.keys(fields).length === 0 ? undefined : fields
}

/** The request's fields for a fetch of the whole: without the client's conditions and Range. */
export function clearConditional(requestFields: Fields): Fields {
  const fields: Fields = Object.assign(Object.create(null), requestFields)
  for (const name of CONDITIONAL) delete fields[name]
  return fields
}

/** Whether a 304 speaks of this stored response (§4.3.4): one with another ETag confirms something that we do not have. */
export function confirms(head: StoredHead, notModified: { fields: Fields }): boolean {
  const theirs = firstLine(notModified.fields, 'etag')
  const ours = firstLine(head.fields, 'etag')
  if (theirs === undefined || ours === undefined) return true
  return weaklyEqual(theirs, ours)
}

/** The stored head after a 304: its fields replace ours, all but those that describe the stored bytes. */
export function freshen(
  head: StoredHead,
  notModified: { fields: Fields },
  how: { requestTime: number; responseTime: number; targeted: readonly string[] }
): StoredHead {
  const fields: Fields = Object.assign(Object.create(null), head.fields)
  // Both belong to the message that is replaced, also when the 304 has none.
  delete fields.age
  delete fields.date
  for (const [name, value] of Object.entries(notModified.fields)) {
    if (mayReplace(name, head)) fields[name] = value
  }
  const { requestTime, responseTime, targeted } = how
  const { tags: _before, ...rest } = head
  const stored = storedFields(fields, responseTime, targeted)
  const tags = responseTags(stored)
  return { ...rest, fields: stored, requestTime, responseTime, ...(tags.length > 0 && { tags }) }
}

function mayReplace(name: string, head: StoredHead): boolean {
  // A cookie of one client's 304 must not reach the others, unless the route stores cookies on purpose.
  if (name === 'set-cookie') return head.fields['set-cookie'] !== undefined
  return !CONTENT.has(name)
}
