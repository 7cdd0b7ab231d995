// PURE. Options that are well-formed and do something else than they say: a guard that no path meets, a list that denies nobody, nginx's variables.
import { optionError, type SluiceError } from '../errors'
import { parseTarget } from '../http/target'
import type { RouteOptions } from '../options'
import { answersAll, goesOn } from '../static/try-files'
import { isHostPattern } from './hosts'
import { type NamedRoute, optionAt } from './routes'

/** Variables that a configuration brought over from nginx may still have; in our texts they are nothing but text. */
const NGINX_VARIABLE =
  /\$\{?(?:(?:arg|binary|body|content|cookie|http|proxy|realip|remote|request|sent|server|ssl|time|upstream)_\w+|host(?:name)?|request|scheme|u?args|uri|document_uri|query_string|is_args|connection|status|msec)\b/

const DEFAULT = 'is sent by default, from what `trustProxy` verified: leave it out'

/** Lines that stand in most nginx configurations, and need nothing here. */
const HABITS: readonly [place: RegExp, value: RegExp, problem: string][] = [
  [/^headers\.request\["x-forwarded-for"\]/i, /^\$(?:proxy_add_x_forwarded_for|remote_addr)$/, DEFAULT],
  [/^headers\.request\["x-real-ip"\]/i, /^\$remote_addr$/, DEFAULT],
  [/^headers\.request\["x-forwarded-proto"\]/i, /^\$(?:scheme|http_x_forwarded_proto)$/, DEFAULT],
  [/^headers\.request\["x-forwarded-host"\]/i, /^\$(?:host|http_host)$/, DEFAULT],
  [/^headers\.request\["x-request-id"\]/i, /^\$request_id$/, DEFAULT],
  [
    /^headers\.(?:host$|request\["host"\])/i,
    /^\$(?:host|http_host)$/,
    "is the client's by default to http and unix: leave it out, or write headers.host: 'client'; for a value that depends on the request write a function"
  ],
  [/^headers\.request\["upgrade"\]/i, /^\$http_upgrade$/, 'is sent for WebSockets: set `websocket: true`']
]

const HOOKS = ['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const

type Pitfalls = Generator<SluiceError, void>
type At = (name: string) => string

/** Each of them. The route has been validated. */
export function* pitfallsOf({ options, own, path, url }: NamedRoute): Pitfalls {
  const at: At = (name) => optionAt({ path }, name)
  yield* unreachable(url, at(options.path === undefined ? 'prefix' : 'path'))
  yield* idle(options, path || 'options')
  yield* ignored(options, own, at)
  yield* openLimit(options, at('rateLimit'))
  yield* openAccess(options, at('access'))
  yield* variables(options, at)
}

/** Throws SLUICE_OPTIONS for the first of them. */
export function refusePitfalls(route: NamedRoute): void {
  const [first] = pitfallsOf(route)
  if (first !== undefined) throw first
}

/** Entries of `hosts` that no request has. */
export function* strayHosts({ options, path }: Pick<NamedRoute, 'options' | 'path'>): Pitfalls {
  for (const [index, host] of (options.hosts ?? []).entries()) {
    const at = optionAt({ path }, `hosts[${index}]`)
    if (host === '_') {
      yield optionError(at, '"_" is a host like any other here; for every host leave `hosts` out')
    } else if (!isHostPattern(host)) {
      const problem = 'is no host; write "example.com", or "*.example.com" for every name below it'
      yield optionError(at, `${JSON.stringify(host)} ${problem}`)
    }
  }
}

/** A client of the limits has to be one that they can ask: with any other, every request would pass. */
export function* strayRedis(redis: unknown): Pitfalls {
  const { eval: run, evalsha } = (redis ?? {}) as { eval?: unknown; evalsha?: unknown }
  if (redis === undefined || (typeof run === 'function' && typeof evalsha === 'function')) return
  yield optionError('redis', 'is no client of ioredis or iovalkey: it has no eval and evalsha')
}

/** In nginx `@two` is a location of its own; here it is the route's upstream, so that the name of another group misleads. */
export function refuseOtherBackend(
  { options, path }: NamedRoute,
  isDefined: (name: string) => boolean
): void {
  const { static: files, upstream, redirect } = options
  if (!files || upstream === undefined || redirect !== undefined) return
  const { tryFiles = [] } = files
  const last = tryFiles.at(-1) ?? ''
  const name = last.slice(1)
  if (!last.startsWith('@') || name === upstream || !isDefined(name)) return
  const own = typeof upstream === 'function' ? 'upstream function' : `upstream ${JSON.stringify(upstream)}`
  const right =
    typeof upstream === 'string' && isDefined(upstream) ? `write '@${upstream}'` : "write missing: 'next'"
  throw optionError(
    optionAt({ path }, `static.tryFiles[${tryFiles.length - 1}]`),
    `'${last}' leads to the route's ${own}, not to the upstream ${JSON.stringify(name)}; ${right}, or make another route`
  )
}

/** Paths come in as the router sees them: decoded, without dot segments. A guard on another spelling would guard nothing. */
function* unreachable(url: string, path: string): Pitfalls {
  const verdict = parseTarget(url, '')
  if (verdict.kind === 'refused') yield optionError(path, `${url} never matches: ${verdict.reason}`)
  else if (url.includes('%')) yield optionError(path, `${url} never matches: write it decoded`)
  else if (url.includes('//')) yield optionError(path, `${url} has an empty segment`)
}

function* idle(options: RouteOptions, path: string): Pitfalls {
  const { upstream, static: files, redirect, access } = options
  if (upstream || files || redirect || access || HOOKS.some((hook) => options[hook] !== undefined)) return
  yield optionError(path, 'does nothing: it needs one of `upstream`, `static` and `redirect`')
}

/** What only an upstream gives a meaning to. */
const NEEDS_UPSTREAM = [
  'cache',
  'websocket',
  'rewritePrefix',
  'retry',
  'buffering',
  'interceptErrors'
] as const
/** What concerns the auth server's messages as well. */
const NEEDS_EITHER = ['forwarded', 'rewriteLocation', 'cookies'] as const
const NEEDS_EITHER_IN_TIMEOUTS = ['connect', 'send', 'read', 'body', 'try', 'total'] as const
const NEEDS_EITHER_IN_HEADERS = ['host', 'request', 'hide', 'pass'] as const

/** Options that the route itself sets and that do nothing on it. What it inherits may idle: defaults are for all routes. */
function* ignored(options: RouteOptions, own: RouteOptions, at: At): Pitfalls {
  yield* options.redirect ? besideRedirect(options, own, at) : unasked(options, own, at('upstream'))
  if (options.upstream && !options.redirect) return
  const without = 'does nothing without `upstream`'
  for (const name of NEEDS_UPSTREAM) if (isOn(own[name])) yield optionError(at(name), without)
  if (own.static && !options.redirect && goesOn(own.static)) {
    yield optionError(
      at('static'),
      'goes on to an upstream that is not there; without `upstream` missing is 404'
    )
  }
  if (!options.authRequest) yield* unsent(own, at, without)
}

function* unsent(own: RouteOptions, at: At, without: string): Pitfalls {
  for (const name of NEEDS_EITHER) if (isOn(own[name])) yield optionError(at(name), without)
  for (const name of NEEDS_EITHER_IN_TIMEOUTS) {
    if (isOn(own.timeouts?.[name])) yield optionError(at(`timeouts.${name}`), without)
  }
  for (const name of NEEDS_EITHER_IN_HEADERS) {
    if (isOn(own.headers?.[name])) yield optionError(at(`headers.${name}`), without)
  }
}

function* besideRedirect({ static: files }: RouteOptions, own: RouteOptions, at: At): Pitfalls {
  if (isOn(own.upstream)) yield optionError(at('upstream'), 'does nothing: the route has a `redirect`')
  if (files && answersAll(files)) {
    yield optionError(at('redirect'), "does nothing: `static` answers everything; it needs missing: 'next'")
  }
}

/** Files answer everything, so that the upstream would be there for WebSockets alone. */
function* unasked(options: RouteOptions, own: RouteOptions, path: string): Pitfalls {
  const { static: files, websocket } = options
  if (!isOn(own.upstream) || !files || !answersAll(files) || isOn(websocket)) return
  yield optionError(
    path,
    "is never asked: `static` answers everything; write missing: 'next' in `static` for what is no file, or leave `upstream` out"
  )
}

/** Switched off, removed or empty is no mistake. */
function isOn(value: unknown): boolean {
  if (value === undefined || value === null || value === false) return false
  return typeof value !== 'object' || Object.keys(value).length > 0
}

function* openLimit({ rateLimit }: RouteOptions, path: string): Pitfalls {
  if (!Array.isArray(rateLimit) || rateLimit.length > 0) return
  yield optionError(path, 'limits nobody: it is empty; write false to switch an inherited limit off')
}

/** As in nginx, an address that no rule matches is allowed. */
function* openAccess({ access }: RouteOptions, path: string): Pitfalls {
  if (!access || access.some((rule) => 'deny' in rule)) return
  yield optionError(path, "denies nobody: what no rule matches is allowed; end the list with { deny: 'all' }")
}

function* variables(options: RouteOptions, at: At): Pitfalls {
  const { headers = {}, redirect, rewritePrefix = '' } = options
  for (const [place, text] of [
    ['headers.host', headers.host] as const,
    ...textsOf('headers.request', headers.request),
    ...textsOf('headers.response', headers.response)
  ]) {
    if (typeof text !== 'string' || !NGINX_VARIABLE.test(text)) continue
    const habit = HABITS.find(([field, value]) => field.test(place) && value.test(text))?.[2]
    yield optionError(
      at(place),
      habit ?? `${JSON.stringify(text)} would be sent as it is; write a function of the request`
    )
  }
  if (/\$(?!(?:host|path|query)(?!\w))/.test(redirect?.to ?? '')) {
    yield optionError(
      at('redirect.to'),
      `${JSON.stringify(redirect?.to)} has a variable; known: $host, $path, $query`
    )
  }
  if (rewritePrefix.includes('$')) {
    yield optionError(at('rewritePrefix'), `${JSON.stringify(rewritePrefix)} is a path; it has no variables`)
  }
}

function textsOf(path: string, rules: Readonly<Record<string, unknown>> | undefined): [string, unknown][] {
  return Object.entries(rules ?? {}).map(([name, rule]) => [
    `${path}[${JSON.stringify(name)}]`,
    (rule as { append?: string } | null)?.append ?? rule
  ])
}
