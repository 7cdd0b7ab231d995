// PURE. Which trailer fields of a request cross to the upstream: where a head's rules would stop a field, its trailers do too (RFC 9110 §6.5.1).
import { CONDITIONAL } from '../http/conditional'
import { PROTECTED, trailerFields } from '../http/end-to-end'
import { isToken, listMembers } from '../http/fields'
import { dropForwarded, dropNamed } from '../http/forwarded'
import type { Fields, RequestTrailers } from '../http/message'
import { OVERRIDES } from '../http/overrides'
import type { Route } from './route'

/** A server that merges trailers into the head would take them for the edge's own, or for another request's. */
const NEVER: ReadonlySet<string> = new Set([
  ...OVERRIDES,
  ...PROTECTED,
  ...CONDITIONAL,
  'expect',
  'max-forwards',
  'origin',
  'pragma',
  'proxy-authorization',
  'referer',
  'upgrade-insecure-requests',
  'x-request-id'
])

const NONE: readonly string[] = []

/** What of a route decides about fields. */
type Rules = Pick<Route, 'authNames' | 'headers'>

/** The trailers of a request: `announced` is its Trailer field, `read` gives names and values in turn once they are there. */
export function requestTrailers(
  announced: string | string[] | undefined,
  read: () => readonly string[],
  rules: Rules
): RequestTrailers {
  return {
    announced: announced === undefined ? NONE : crossingNames(listMembers(announced), rules),
    read: () => crossing(read(), rules)
  }
}

function crossingNames(names: readonly string[], rules: Rules): string[] {
  const raw = names.filter(isToken).flatMap((name) => [name, ''])
  return Object.keys(crossing(raw, rules))
}

function crossing(raw: readonly string[], { authNames, headers }: Rules): Fields {
  const fields = trailerFields(raw)
  dropForwarded(fields)
  dropNamed(fields, NEVER)
  dropNamed(fields, authNames)
  dropNamed(fields, new Set(headers.request.map(([name]) => name)))
  return fields
}
