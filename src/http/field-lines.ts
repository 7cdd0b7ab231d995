// PURE. What several lines of one field come to (RFC 9110 §5.3). node:http2 throws at two lines of any name that stands here.
import { CONDITIONAL } from './conditional'

/** Fields with one value: of several lines the first counts, as in NGINX, for cache, edge and client alike. */
const SINGULAR: ReadonlySet<string> = new Set([
  'age',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'date',
  'etag',
  'expires',
  'last-modified',
  'location',
  'retry-after',
  'x-content-type-options'
])

/** Lists, and fields that mean nothing in a response: one line says the same. */
const ONE_LINE: ReadonlySet<string> = new Set([
  ...CONDITIONAL,
  'access-control-allow-credentials',
  'access-control-max-age',
  'access-control-request-method',
  'authorization',
  'content-encoding',
  'content-language',
  'dnt',
  'from',
  'host',
  'max-forwards',
  'proxy-authorization',
  'referer',
  'tk',
  'upgrade-insecure-requests',
  'user-agent'
])

/** The field's value with one more line. An array that is given is added to. */
export function addLine(name: string, before: string | string[], line: string): string | string[] {
  if (SINGULAR.has(name)) return before
  if (ONE_LINE.has(name)) return `${before}, ${line}`
  if (typeof before === 'string') return [before, line]
  before.push(line)
  return before
}
