// PURE. Which pages may open a WebSocket: the Origin field against the route's list. RFC 6455 §10.2, RFC 6454 §6.

/** One entry of `allowedOrigins`. */
export type OriginRule =
  | { readonly kind: 'same-host' }
  | { readonly kind: 'exact'; readonly origin: string }
  /** `https://*.example.com:8443`: any name below the suffix, never the suffix itself. */
  | { readonly kind: 'below'; readonly scheme: string; readonly suffix: string }

const DEFAULT_PORTS: ReadonlyMap<string, string> = new Map([
  ['http', ':80'],
  ['https', ':443']
])
const HOST_LABELS = /^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/

/** Reads one entry; undefined when it is none. */
export function parseOriginRule(text: string): OriginRule | undefined {
  if (text === 'same-host') return { kind: 'same-host' }
  if (text === 'null') return { kind: 'exact', origin: 'null' }
  const origin = split(text)
  if (origin === undefined) return undefined
  const below = origin.authority.startsWith('*.')
  const name = below ? origin.authority.slice(2) : origin.authority
  if (!isAuthority(name)) return undefined
  if (below) return { kind: 'below', scheme: origin.scheme, suffix: `.${name}` }
  return { kind: 'exact', origin: `${origin.scheme}://${name}` }
}

/** Whether a request with this Origin may pass; `host` is the authority that the client asked for. */
export function originAllowed(
  origin: string | undefined,
  allowed: readonly OriginRule[] | undefined,
  host: string
): boolean {
  // Only browsers send Origin, and they always do: without it no page of another site is behind the request.
  if (allowed === undefined || origin === undefined) return true
  if (origin === 'null') return allowed.some((rule) => rule.kind === 'exact' && rule.origin === 'null')
  const parts = split(origin)
  if (parts === undefined) return false
  return allowed.some((rule) => matches(rule, parts, host))
}

interface Origin {
  readonly scheme: string
  /** Lower case, without the scheme's default port. */
  readonly authority: string
}

function matches(rule: OriginRule, origin: Origin, host: string): boolean {
  if (rule.kind === 'exact') return rule.origin === `${origin.scheme}://${origin.authority}`
  // TLS may end in front of us: the schemes are not compared, as the two sides may see different ones.
  if (rule.kind === 'same-host')
    return withoutDefaultPort(host.toLowerCase(), origin.scheme) === origin.authority
  if (rule.scheme !== origin.scheme || !origin.authority.endsWith(rule.suffix)) return false
  return HOST_LABELS.test(origin.authority.slice(0, -rule.suffix.length))
}

function split(text: string): Origin | undefined {
  const at = text.indexOf('://')
  if (at <= 0) return undefined
  const scheme = text.slice(0, at).toLowerCase()
  const authority = withoutDefaultPort(text.slice(at + 3).toLowerCase(), scheme)
  return authority === '' ? undefined : { scheme, authority }
}

function withoutDefaultPort(authority: string, scheme: string): string {
  const port = DEFAULT_PORTS.get(scheme)
  return port !== undefined && authority.endsWith(port) ? authority.slice(0, -port.length) : authority
}

function isAuthority(text: string): boolean {
  const port = /:\d{1,5}$/.exec(text)
  const name = port === null ? text : text.slice(0, port.index)
  return HOST_LABELS.test(name) || /^\[[0-9a-f:.]+\]$/.test(name)
}
