// PURE. What `app.sluice.explain` answers, and the same as a short text with one verdict per line.
import type { BanOf } from '../cache/bans'
import type { CacheExplanation } from '../cache/explain'
import type { StoreDecision } from '../cache/storable'
import type { AccessRule } from '../guard/access'
import type { Fields } from '../http/message'
import type { StaticExplanation } from '../static/handler'
import { formatDuration } from '../units'
import type { QueueState } from '../upstream/queue'
import type { ServerState } from '../upstream/server-state'
import type { Verdict } from '../websocket/handshake'
import type { PurgeExplanation } from './explain-purge'
import type { ShownRoute } from './shown'

/** What becomes of a request, and why. Printed as text, it is one verdict per line. */
export interface Explanation {
  /** The request as it was understood. `address` is the client's, as `trustProxy` verified it. */
  readonly request: { readonly method: string; readonly url: string; readonly address: string }
  /** In one line: what the client would get, or whom the edge would ask. */
  readonly verdict: string
  /** A route of Sluice, a route of the app itself, nobody (the app's 404), or the router (400: escapes that are not UTF-8). */
  readonly answeredBy: 'route' | 'app' | 'nobody' | 'router'
  /** All that follows is there when a route of Sluice answers. */
  readonly route?: RouteExplanation
  /** Refused before anything else is asked. */
  readonly refused?: { readonly status: number; readonly code: string; readonly reason: string }
  readonly guards?: GuardExplanation
  /** What the method PURGE would do; nothing of what follows is asked then. */
  readonly purge?: PurgeExplanation
  readonly redirect?: { readonly status: number; readonly location: string }
  readonly static?: StaticExplanation
  readonly upstream?: UpstreamChoice
  /** The request as the upstream would get it; a field that a function of yours sets has that function's name. */
  readonly forwarded?: { readonly method: string; readonly path: string; readonly fields: Fields }
  readonly cache?: CacheChoice
  readonly websocket?: {
    readonly enabled: boolean
    /** What the request is as a handshake; undefined when it asks for no upgrade. */
    readonly handshake: Verdict | undefined
    readonly originAllowed: boolean
  }
  /** The route's options in force, as `routes()` shows them. */
  readonly options?: ShownRoute['options']
}

export interface RouteExplanation {
  /** Prefix or path. */
  readonly route: string
  /** Where it was written, such as `routes[2]`; empty for a flat registration. */
  readonly option: string
  /** The URL in the router's words that matched. */
  readonly pattern: string
  readonly why: string
}

export interface GuardExplanation {
  readonly access: { readonly verdict: 'allow' | 'deny'; readonly rule: AccessRule | null } | null
  /** Limits as they are set; nothing is counted. */
  readonly rateLimit: unknown
  readonly concurrency: unknown
  /** Would be asked; or false. */
  readonly authRequest: unknown
  /** The route's own hooks, which would run and may answer. */
  readonly hooks: readonly string[]
}

export interface UpstreamChoice {
  /** The group's name; that of your function when it decides. */
  readonly name: string
  readonly servers: readonly (ServerState & {
    /** Why it would not be chosen now; undefined = it may be. */
    readonly why: string | undefined
  })[]
  /** Who waits for a server with room; undefined without `queue`. */
  readonly queue?: QueueState | undefined
}

/** Without a key and a word where a function of yours decides on them. */
export interface CacheChoice extends Partial<Omit<CacheExplanation, 'zone'>> {
  readonly zone: string
  /** Options of this request that are functions; what is said here holds when they return nothing. */
  readonly functions: readonly string[]
}

/** The first part that decides, in the order of a request's life. */
export function verdictOf(parts: Omit<Explanation, 'verdict'>): string {
  const { answeredBy, refused, guards, purge, redirect, static: files, upstream, cache } = parts
  if (answeredBy === 'app') return 'a route of the app answers'
  if (answeredBy === 'nobody') return '404: no route'
  if (answeredBy === 'router') return '400: escapes that are not UTF-8'
  if (refused !== undefined) return `${refused.status}: ${refused.reason}`
  if (guards?.access?.verdict === 'deny') return '403: access'
  if (purge !== undefined) return purgeVerdict(purge)
  if (redirect !== undefined) return `${redirect.status} to ${redirect.location}`
  if (files?.outcome === 'sent') return `the file ${files.file}`
  if (files?.outcome === 'method') return '405: a file is there for GET and HEAD'
  if (upstream === undefined) return '404 of the app'
  if (cache?.word === 'ONLY-IF-CACHED') return '504: only-if-cached, and it would have to be fetched'
  if (cache?.word !== undefined && FROM_CACHE.has(cache.word)) return `${cache.word} from ${cache.zone}`
  return upstreamVerdict(upstream)
}

function purgeVerdict({ verdict, reason, zone, of }: PurgeExplanation): string {
  return verdict === 'deny' ? `403: ${reason}` : `purges ${purgeText(of)} from ${zone}`
}

function purgeText(of: BanOf): string {
  if ('tags' in of) return `the tags ${of.tags.join(', ')}`
  return 'url' in of ? of.url : JSON.stringify(of)
}

function upstreamVerdict({ name, servers, queue }: UpstreamChoice): string {
  const idle = servers.length > 0 && servers.every(({ why }) => why !== undefined)
  if (!idle) return `asks ${name}`
  const isFull = servers.some(({ why }) => why === 'full')
  if (!isFull || queue === undefined) return `502: no server of ${name} may be asked`
  if (queue.waiting >= queue.size) return `503: ${queue.waiting} requests wait for ${name} already`
  return `waits for a server of ${name} with room, behind ${queue.waiting} others`
}

const FROM_CACHE: ReadonlySet<string> = new Set(['HIT', 'STALE', 'UPDATING'])

/** One verdict per line. */
export function formatExplanation(explanation: Explanation): string {
  const { request, verdict } = explanation
  const lines: [name: string, text: string][] = []
  for (const [name, text] of linesOf(explanation)) if (text !== undefined) lines.push([name, text])
  const width = Math.max(0, ...lines.map(([name]) => name.length)) + 2
  const head = `${request.method} ${request.url} from ${request.address}\n→ ${verdict}`
  return [head, ...lines.map(([name, text]) => `  ${name.padEnd(width)}${text}`)].join('\n')
}

function linesOf(explanation: Explanation): [name: string, text: string | undefined][] {
  const { route, refused, purge, redirect, static: files, forwarded, websocket } = explanation
  return [
    ['route', route && `${route.route}${route.option && ` (${route.option})`}: ${route.why}`],
    ['refused', refused && `${refused.status} ${refused.code}: ${refused.reason}`],
    ...guardLines(explanation.guards),
    [
      'purge',
      purge && `${purge.verdict}: ${purge.rule === null ? 'no rule matches' : JSON.stringify(purge.rule)}`
    ],
    ['redirect', redirect && `${redirect.status} ${redirect.location}`],
    ['static', files && staticText(files)],
    ['upstream', explanation.upstream && upstreamText(explanation.upstream)],
    ['sends', forwarded && `${forwarded.method} ${forwarded.path}`],
    ...Object.entries(forwarded?.fields ?? {}).map(([name, value]): [string, string] => [
      '',
      `${name}: ${value}`
    ]),
    ...cacheLines(explanation.cache),
    ['websocket', websocket && websocketText(websocket)]
  ]
}

function guardLines(guards: GuardExplanation | undefined): [string, string | undefined][] {
  if (guards === undefined) return []
  const { access, rateLimit, concurrency, authRequest, hooks } = guards
  const set = (value: unknown, note: string): string | undefined =>
    value === false || (Array.isArray(value) && value.length === 0)
      ? undefined
      : `${JSON.stringify(value)}, ${note}`
  return [
    [
      'access',
      access
        ? `${access.verdict}: ${access.rule === null ? 'no rule matches' : JSON.stringify(access.rule)}`
        : undefined
    ],
    ['rateLimit', set(rateLimit, 'not counted')],
    ['concurrency', set(concurrency, 'not counted')],
    ['authRequest', set(authRequest, 'not asked')],
    ['hooks', hooks.length === 0 ? undefined : `${hooks.join(', ')}, not run`]
  ]
}

function staticText({ outcome, reason, tried, file }: StaticExplanation): string {
  const names = tried.length === 0 ? '' : `, tried ${tried.join(', ')}`
  return `${file ?? (outcome === 'next' ? 'no file, the route goes on' : `no file: ${outcome}`)}${reason ? ` (${reason})` : ''}${names}`
}

function upstreamText({ name, servers, queue }: UpstreamChoice): string {
  const list = servers.map(({ url, why }) => (why === undefined ? url : `${url} (not now: ${why})`))
  if (queue !== undefined) list.push(`${queue.waiting} of ${queue.size} in the queue`)
  return list.length === 0 ? name : `${name}: ${list.join(', ')}`
}

function cacheLines(cache: CacheChoice | undefined): [string, string | undefined][] {
  if (cache === undefined) return []
  const { zone, functions, key, word, reason, stored, admit } = cache
  const verdict = word === undefined ? (reason ?? 'not told') : `${word}${reason ? ` (${reason})` : ''}`
  return [
    [
      'cache',
      `${zone}: ${verdict}${functions.length === 0 ? '' : `, unless ${functions.join(', ')} decide otherwise`}`
    ],
    ['key', key],
    [
      'stored',
      stored &&
        `${stored.status}, ${stored.bytes} bytes, age ${stored.ageSeconds}s, ttl ${stored.ttlSeconds}s by ${stored.freshBy}`
    ],
    [
      'admits',
      admit &&
        `an answer that says nothing: ${storeText(admit.silent)}; max-age: ${storeText(admit.maxAge)}; public, max-age: ${storeText(admit.public)}`
    ]
  ]
}

function storeText(decision: StoreDecision): string {
  if (!decision.store) return `no (${decision.reason})`
  return decision.validForMs === undefined ? 'yes' : `for ${formatDuration(decision.validForMs)} by valid`
}

function websocketText({ enabled, handshake, originAllowed }: NonNullable<Explanation['websocket']>): string {
  const origin = originAllowed ? '' : ', origin refused'
  if (handshake === undefined) return `${enabled ? 'yes' : 'no'}${origin}`
  const what = typeof handshake === 'string' ? handshake : `${handshake.refuse}: ${handshake.reason}`
  return `${enabled ? what : `no, ${handshake === 'ordinary' ? 'ordinary' : '426'}`}${origin}`
}
