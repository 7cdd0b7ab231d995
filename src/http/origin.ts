// Origins: one spelling for an authority, and whether a reference stays inside it (RFC 9110 §4.3.1, RFC 3986 §5). PURE.

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: ':80', https: ':443' }

/** RFC 3986 §3.2 without userinfo: a name or an address in brackets, and a port. */
const AUTHORITY = /^(?:[\w.~%!$&'()*+,;=-]+|\[[\da-fA-F:.]+\])(?::\d{0,5})?$/
const COLON = 0x3a

/** Whether the text may stand in Host. */
export function isAuthority(text: string): boolean {
  if (!AUTHORITY.test(text)) return false
  // Only a port of five digits can be none; what ends with a bracket has none.
  const colon = text.length - 6
  return text.charCodeAt(colon) !== COLON || !(Number(text.slice(colon + 1)) > 65_535)
}

/** A name, or an address in brackets. */
const HOST = /^(?:[\w-]+(?:\.[\w-]+)*\.?|\[[\da-fA-F:.]+\])(?=:\d*$|$)/

/**
 * The host of an authority, without the port, for a URL that others are to follow; undefined when it is more than a name or an
 * address: RFC 3986 allows characters in a name that readers of URLs take for something else.
 */
export function hostOf(authority: string): string | undefined {
  return HOST.exec(authority)?.[0]
}

/** The authority in lower case without the scheme's default port or an empty one. */
export function canonicalAuthority(scheme: string, authority: string): string {
  const lower = authority.toLowerCase()
  if (lower.endsWith(':')) return lower.slice(0, -1)
  const port = DEFAULT_PORTS[scheme]
  return port !== undefined && lower.endsWith(port) ? lower.slice(0, -port.length) : lower
}

/** Path and query of a reference resolved against a request's target; undefined when it leads to another origin. */
export function sameOriginTarget(
  base: { scheme: string; authority: string; target: string },
  reference: string
): string | undefined {
  const origin = `${base.scheme}://${base.authority}`
  if (!base.target.startsWith('/') || !URL.canParse(origin)) return undefined
  // URL resolves and escapes as the client that follows the reference does.
  if (!URL.canParse(reference, origin + base.target)) return undefined
  const url = new URL(reference, origin + base.target)
  return url.origin === new URL(origin).origin ? url.pathname + url.search : undefined
}
