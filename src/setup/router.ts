// Which route answers a request: the app's own router is asked, with the constraints that it would derive, and nothing runs.
import type { FastifyInstance } from 'fastify'
import { CATCH_ALL } from './catch-all'
import { HOSTS, hostConstraint, hostStore } from './hosts'
import type { Mounted, Registry } from './registry'

/** What the router looks at; an IncomingMessage has it. */
export interface Asked {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** Who answers. */
export type Answering =
  /** `pattern`: in the router's words, such as `/api/*`. */
  | { readonly kind: 'route'; readonly mounted: Mounted; readonly pattern: string }
  /** A route of the app itself. */
  | { readonly kind: 'app' }
  /** The app's 404. */
  | { readonly kind: 'nobody' }
  /** The router's 400: escapes that are not UTF-8. */
  | { readonly kind: 'router' }

interface Candidate {
  readonly mounted: Mounted
  readonly pattern: string
}

type Params = Readonly<Record<string, string>>
type Derived = Readonly<Record<string, string | string[] | undefined>>

/**
 * Who answers the request. The router tells which pattern matched by what its parameters hold; which of our routes that is
 * follows from hosts and constraints. A route of the app at one of our patterns that differs from ours by a constraint alone
 * cannot be told from ours.
 */
export function answering(registry: Registry, request: Asked): Answering {
  const { method = 'GET', url = '' } = request
  const derived = deriveConstraints(registry, request)
  const { app } = registry
  const found = app.findRoute({ method, url, constraints: derived } as never) as { params: Params } | null
  if (found === null) return { kind: 'nobody' }
  const reading = readingOf(app)
  const path = reading.url(url)
  if (path === undefined) return { kind: 'router' }
  const candidates = candidatesFor(registry, method).filter(({ mounted, pattern }) => {
    const own = filled(pattern, found.params)
    if (own === undefined || reading.text(own) !== path) return false
    return allows(mounted, derived) && (pattern !== '/*' || derived[CATCH_ALL] !== undefined)
  })
  const chosen = mostSelective(candidates, String(derived[HOSTS] ?? ''))
  return chosen === undefined ? { kind: 'app' } : { kind: 'route', ...chosen }
}

/** The route of ours that answers, if one does. */
export function mountedFor(registry: Registry, request: Asked): Mounted | undefined {
  const answer = answering(registry, request)
  return answer.kind === 'route' ? answer.mounted : undefined
}

/** As the router derives them. A strategy of the app's own is a function of the app, and is not called: what it constrains does not match. */
function deriveConstraints(registry: Registry, request: Asked): Derived {
  const { method = 'GET', headers } = request
  const version = registry.app.hasConstraintStrategy('version') ? headers['accept-version'] : undefined
  return {
    host: headers.host ?? headers[':authority'],
    version,
    [HOSTS]: hostConstraint.deriveConstraint(request as never),
    [CATCH_ALL]: registry.parts.catchAll.derive(method)
  }
}

function candidatesFor(registry: Registry, method: string): Candidate[] {
  return registry.mounted
    .filter(({ methods }) => methods.includes(method))
    .flatMap((mounted) => mounted.patterns.map((pattern) => ({ mounted, pattern })))
}

/** The path that the pattern stands for with these parameters; undefined when it has others. */
function filled(pattern: string, params: Params): string | undefined {
  const names = new Set<string>()
  const path = pattern.replace(/::|:([^/:().-]+)(?:\([^/]*?\))?|\*/g, (word, name?: string) => {
    if (word === '::') return ':'
    names.add(name ?? word)
    return params[name ?? word] ?? ''
  })
  return Object.keys(params).length === names.size && [...names].every((name) => name in params)
    ? path
    : undefined
}

/** A path as the router compares it, under the app's `routerOptions`. */
interface Reading {
  /** Of a URL as received; undefined when the router refuses it. */
  url(url: string): string | undefined
  /** Of text that is decoded already. */
  text(path: string): string
}

function readingOf(app: FastifyInstance): Reading {
  const initial = app.initialConfig as Readonly<Record<string, unknown>>
  const options = { ...initial, ...(initial.routerOptions as object) } as Readonly<Record<string, unknown>>
  const end = options.useSemicolonDelimiter === true ? /[?#;]/ : /[?#]/
  const text = (path: string): string => {
    const trimmed = options.ignoreTrailingSlash === true ? path.replace(/(.)\/$/, '$1') : path
    return options.caseSensitive === false ? trimmed.toLowerCase() : trimmed
  }
  return {
    text,
    url(url) {
      const path = pathOf(url)?.split(end, 1)[0]
      const merged = options.ignoreDuplicateSlashes === true ? path?.replace(/\/+/g, '/') : path
      try {
        return merged === undefined ? undefined : text(decodeURIComponent(merged))
      } catch {
        return undefined
      }
    }
  }
}

/** The router reads whatever stands before the first byte's place as the slash. */
function pathOf(url: string): string | undefined {
  if (url.startsWith('/')) return url
  const absolute = /^https?:\/\/([^/?#]*)([^#]*)(#?)/i.exec(url)
  if (absolute === null) return `/${url.slice(1)}`
  const [, authority, rest = '', fragment] = absolute
  if (authority === '' || fragment === '#') return undefined
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** Constraints of the route that the router tests beside ours. */
function allows({ named }: Mounted, derived: Derived): boolean {
  return Object.entries(named.options.constraints ?? {}).every(([name, wanted]) => {
    const given = derived[name]
    if (name === 'host' && wanted instanceof RegExp) return wanted.test(String(given ?? ''))
    return name === 'version' ? isVersion(String(wanted), String(given ?? '')) : given === wanted
  })
}

/** Whether the request's Accept-Version, such as `1.x`, means this version. */
function isVersion(version: string, asked: string): boolean {
  const parts = version.split('.')
  return (
    asked !== '' && asked.split('.').every((part, index) => /^[x*]$/i.test(part) || part === parts[index])
  )
}

/** As the router chooses among the handlers of one pattern: the most constraints win, then the later one. */
function mostSelective(candidates: readonly Candidate[], host: string): Candidate | undefined {
  const store = hostStore()
  for (const [index, { mounted }] of candidates.entries()) {
    const { hosts } = mounted.named.options
    if (hosts !== undefined) store.set(hosts, 1 << index)
  }
  const mask = store.get(host)
  let best: Candidate | undefined
  for (const [index, candidate] of candidates.entries()) {
    if (candidate.mounted.named.options.hosts !== undefined && (mask & (1 << index)) === 0) continue
    if (best === undefined || constraintsOf(candidate) >= constraintsOf(best)) best = candidate
  }
  return best
}

function constraintsOf({ mounted, pattern }: Candidate): number {
  const { constraints, hosts } = mounted.named.options
  return Object.keys(constraints ?? {}).length + Number(hosts !== undefined) + Number(pattern === '/*')
}
