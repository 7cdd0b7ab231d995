// What an unsafe request makes invalid (RFC 9111 §4.4). PURE.
import { fieldLines } from '../http/fields'
import type { Fields } from '../http/message'
import { sameOriginTarget } from '../http/origin'

/** Methods registered as safe. A method that is not known here may have changed anything. */
const SAFE: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PROPFIND',
  'REPORT',
  'SEARCH',
  'QUERY'
])

/** The targets to remove: its own, and those of Location and Content-Location on the same origin; none for an error. */
export function invalidates(
  request: { method: string; authority: string; scheme: string; target: string },
  response: { status: number; fields: Fields }
): string[] {
  const { status, fields } = response
  if (SAFE.has(request.method) || status < 200 || status > 399) return []
  const targets = new Set([request.target])
  for (const name of ['location', 'content-location']) {
    for (const reference of fieldLines(fields, name)) {
      const target = sameOriginTarget(request, reference)
      if (target !== undefined) targets.add(target)
    }
  }
  return [...targets]
}
