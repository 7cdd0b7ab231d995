// How long a client may keep a file (nginx `expires`), as one Cache-Control line and Expires (RFC 9111 §5.2.2, §5.3). PURE.

/** What `expires` and `immutable` come to. */
export type Lifetime =
  | { readonly kind: 'lifetime'; readonly cacheControl: string; readonly lifetimeMs: number }
  | { readonly kind: 'max'; readonly cacheControl: string }
  | { readonly kind: 'epoch'; readonly cacheControl: string }

/** nginx's own two dates; the second is the last that a signed 32-bit clock can tell from the end of time. */
const EPOCH_MS = 1000
const MAX_MS = Date.UTC(2037, 11, 31, 23, 55, 55)
const TEN_YEARS_SECONDS = 315_360_000

const HTML = /\.x?html?$/i
const MANIFEST = /\.webmanifest$|\/manifest\.json$/i
const SERVICE_WORKER = /\/(?:sw|service-worker)\.js$/i

/** `immutable` says what the usual `add_header Cache-Control "public, immutable"` says, in the same line. */
export function lifetimeFor(expires: number | 'epoch' | 'max', immutable: 'immutable' | 'mutable'): Lifetime {
  if (expires === 'epoch') return { kind: 'epoch', cacheControl: 'no-cache' }
  const maxAge = `max-age=${expires === 'max' ? TEN_YEARS_SECONDS : Math.floor(expires / 1000)}`
  const cacheControl = immutable === 'immutable' ? `public, ${maxAge}, immutable` : maxAge
  return expires === 'max'
    ? { kind: 'max', cacheControl }
    : { kind: 'lifetime', cacheControl, lifetimeMs: expires }
}

/** The time for Expires. */
export function expiresAt(lifetime: Lifetime, now: number): number {
  if (lifetime.kind === 'epoch') return EPOCH_MS
  return lifetime.kind === 'max' ? MAX_MS : now + lifetime.lifetimeMs
}

/** Files that keep their name when their content changes: a year's copy of one of them locks users into an old release. */
export function isVolatile(filePath: string): boolean {
  return HTML.test(filePath) || MANIFEST.test(filePath) || SERVICE_WORKER.test(filePath)
}

/** The path of an imaginary neighbour without the name or extension that makes the file volatile. */
export function strangerOf(filePath: string): string {
  const slash = filePath.lastIndexOf('/')
  const dot = filePath.lastIndexOf('.')
  const known = SERVICE_WORKER.test(filePath) || filePath.toLowerCase().endsWith('/manifest.json')
  return known
    ? `${filePath.slice(0, slash)}/a-stranger${filePath.slice(dot)}`
    : `${filePath.slice(0, dot)}.a-stranger`
}
