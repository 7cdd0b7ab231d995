// PURE. The request target (RFC 9112 §3.2): one reading of a path for router, guards, cache key and upstream.

/** The parts of an accepted target, as received: `path` starts with `/`, `query` is empty or starts with `?`. */
export interface Target {
  readonly path: string
  readonly query: string
}

/** An accepted target, or why it is refused (400). */
export type TargetVerdict =
  | ({ readonly kind: 'target' } & Target)
  | { readonly kind: 'refused'; readonly reason: string }

const SLASH = 0x2f
const DOT = 0x2e
const PERCENT = 0x25
const BACKSLASH = 0x5c
const DELETE = 0x7f

/** Judges the request line's target. Absolute-form passes only for the request's own authority (RFC 9112 §3.2.2). */
export function parseTarget(raw: string, authority: string): TargetVerdict {
  const target = raw.charCodeAt(0) === SLASH ? raw : originForm(raw, authority)
  if (target === undefined) return refused('not in origin-form')
  const mark = target.indexOf('?')
  const path = mark === -1 ? target : target.slice(0, mark)
  const problem = pathProblem(path) ?? (target.includes('#') ? 'fragment' : undefined)
  if (problem !== undefined) return refused(problem)
  return { kind: 'target', path, query: mark === -1 ? '' : target.slice(mark) }
}

function refused(reason: string): TargetVerdict {
  return { kind: 'refused', reason }
}

function originForm(raw: string, authority: string): string | undefined {
  const match = /^https?:\/\/([^/?#]*)/i.exec(raw)
  if (match === null || (match[1] as string).toLowerCase() !== authority.toLowerCase()) return undefined
  const rest = raw.slice((match[0] as string).length)
  if (rest === '') return '/'
  // The router would take the first slash of a query for the path's: only one with a path has one reading.
  return rest.charCodeAt(0) === SLASH ? rest : undefined
}

/**
 * Whether the router read the same path: what its wildcard caught is the end of it. One before find-my-way 9.10 takes
 * `HTTP://a/admin` and `http://a` for paths, and a guard on /admin could be walked around.
 */
export function readsAsRouted(raw: string, path: string, wildcard: string): boolean {
  if (raw.charCodeAt(0) === SLASH) return true
  try {
    return decodeURIComponent(path).endsWith(wildcard)
  } catch {
    return false
  }
}

/** Why no two readers could agree on this path; undefined when they do. */
function pathProblem(path: string): string | undefined {
  let segment = 0
  for (let index = 0; index < path.length; index++) {
    const code = path.charCodeAt(index)
    const problem = byteProblem(code) ?? (code === PERCENT ? escapeProblem(path, index) : undefined)
    if (problem !== undefined) return problem
    const slash = slashLength(path, index)
    if (slash === 0) continue
    if (isDotSegment(path, segment, index)) return 'dot segment'
    segment = index + slash
  }
  return isDotSegment(path, segment, path.length) ? 'dot segment' : undefined
}

/** An encoded slash is opaque text here, but one who decodes it must not find `..` beside it. */
function slashLength(path: string, index: number): number {
  const code = path.charCodeAt(index)
  if (code === SLASH) return 1
  return code === PERCENT && /^2f$/i.test(path.slice(index + 1, index + 3)) ? 3 : 0
}

function byteProblem(code: number): string | undefined {
  if (code <= 0x20 || code === DELETE) return 'control byte'
  return code === BACKSLASH ? 'backslash' : undefined
}

function escapeProblem(path: string, index: number): string | undefined {
  const octet = Number.parseInt(path.slice(index + 1, index + 3), 16)
  if (octet < 0x20 || octet === DELETE) return 'encoded control byte'
  return octet === BACKSLASH ? 'encoded backslash' : undefined
}

/** `.` and `..`, each dot plain or as `%2e`; also before a matrix parameter (`..;x`), which some servers cut off. */
function isDotSegment(path: string, start: number, end: number): boolean {
  let dots = 0
  let index = start
  while (index < end && dots < 3) {
    if (path.charCodeAt(index) === DOT) index += 1
    else if (path.slice(index, index + 3).toLowerCase() === '%2e') index += 3
    else break
    dots += 1
  }
  return (dots === 1 || dots === 2) && (index === end || path[index] === ';')
}

/** The path without its first `count` segments: `/a/b/c` without 2 is `/c`, `/a` without 1 is empty. Raw segments stay as they are. */
export function cutSegments(path: string, count: number): string {
  let index = 0
  for (let cut = 0; cut < count; cut++) {
    const next = path.indexOf('/', index + 1)
    if (next === -1) return ''
    index = next
  }
  return path.slice(index)
}

/** Replaces the prefix's segments by `replacement`; `/` as replacement strips them (nginx's proxy_pass with a URI). */
export function rewritePath(path: string, prefixSegments: number, replacement: string): string {
  const rest = cutSegments(path, prefixSegments)
  const base = replacement.endsWith('/') ? replacement.slice(0, -1) : replacement
  if (rest === '') return base || '/'
  // Two slashes at the start would name a host for whoever resolves the path against a URL.
  return base === '' ? rest.replace(/^\/+/, '/') : base + rest
}

/** A mount as the second reading needs it: decoded segments, `:name` matching any one. */
export interface Mount {
  readonly segments: readonly string[]
  readonly exact: boolean
}

/** The segments of a prefix or path option. */
export function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment) => segment !== '')
}

/**
 * Whether another common reading of the path (`//` merged, `%2F` decoded, `;parameters` cut off) lands on another, more specific
 * mount than the one the router chose. Then a guard on that mount could be walked around, and the request is refused.
 */
export function readsElsewhere(path: string, chosen: Mount, mounts: readonly Mount[]): boolean {
  if (!/\/\/|%2f|;/i.test(path)) return false
  const plain = path.replace(/;[^/]*/g, '')
  return [...readingsOf(path), ...readingsOf(plain)].some((segments) => {
    const best = bestMount(segments.map(decodeSegment), mounts)
    return best !== undefined && best !== chosen && rank(best) > rank(chosen)
  })
}

function readingsOf(path: string): string[][] {
  const decoded = path.replace(/%2f/gi, '/')
  return [segmentsOf(path), segmentsOf(decoded), decoded.slice(1).split('/')]
}

/** The most specific mount for the decoded segments of a path, as the router would choose. */
function bestMount(segments: readonly string[], mounts: readonly Mount[]): Mount | undefined {
  let best: Mount | undefined
  for (const mount of mounts) {
    if (matches(segments, mount) && (best === undefined || rank(mount) > rank(best))) best = mount
  }
  return best
}

function rank(mount: Mount): number {
  return mount.segments.length * 2 + (mount.exact ? 1 : 0)
}

function matches(segments: readonly string[], mount: Mount): boolean {
  if (segments.length < mount.segments.length) return false
  if (mount.exact && segments.length !== mount.segments.length) return false
  return mount.segments.every((segment, index) => segment.startsWith(':') || segment === segments[index])
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
