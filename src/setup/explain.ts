// `app.sluice.explain`: what becomes of a request, said by the rules that decide it. No hook and no function of a route's options runs.
import { inspect } from 'node:util'
import type { FastifyRequest } from 'fastify'
import { evaluateTests } from '../cache/turn'
import { clientAddress } from '../http/address'
import type { Target } from '../http/target'
import { type Sendable, upstreamRequest } from '../proxy/answer'
import { judgeRequest } from '../proxy/begin'
import { cacheFacts, pathBelow, redirectLocation } from '../proxy/handler'
import { publicAuthority } from '../proxy/request'
import type { Route, UpstreamRef } from '../proxy/route'
import { splitText } from '../proxy/split'
import { judge } from '../websocket/handshake'
import { originAllowed } from '../websocket/origin'
import { explainPurge } from './explain-purge'
import {
  type CacheChoice,
  type Explanation,
  formatExplanation,
  type GuardExplanation,
  type UpstreamChoice,
  verdictOf
} from './explanation'
import { functionName } from './plain'
import { type ExplainRequest, pretend } from './pretend'
import type { Mounted, Registry } from './registry'
import { type Answering, answering } from './router'
import { type ShownRoute, showRoute } from './shown'

/** What is known of a request on one of our routes. */
interface Case {
  readonly request: FastifyRequest
  readonly target: Target
  readonly mounted: Mounted
  readonly shown: ShownRoute
  /** Undefined: none, or a function of the user's chooses. */
  readonly upstream: UpstreamRef | undefined
}

/** Throws SLUICE_OPTIONS for a URL that is none. */
export async function explain(registry: Registry, asked: ExplainRequest): Promise<Explanation> {
  const request = pretend(registry.app, asked)
  const answer = answering(registry, request.raw)
  const facts = {
    request: {
      method: request.method,
      url: `${request.protocol}://${request.host}${request.raw.url}`,
      address: addressOf(request)
    },
    answeredBy: answer.kind
  }
  const parts =
    answer.kind === 'route' ? { ...facts, ...(await explainRoute(registry, request, answer)) } : facts
  return printable({ ...parts, verdict: verdictOf(parts) })
}

/** As text where text is wanted, as data for JSON. */
function printable(explanation: Explanation): Explanation {
  const text = (): string => formatExplanation(explanation)
  return Object.defineProperties(explanation, {
    toString: { value: text },
    [inspect.custom]: { value: text }
  })
}

async function explainRoute(
  registry: Registry,
  request: FastifyRequest,
  { mounted, pattern }: Extract<Answering, { kind: 'route' }>
): Promise<Partial<Explanation>> {
  const { named, route } = mounted
  const { target, problem } = judgeRequest(request, route)
  const shown = showRoute(mounted, registry.parts.catchAll)
  const place = { route: route.name, option: named.path, pattern, why: whyChosen(mounted, request) }
  const seen = { route: place, options: shown.options }
  if (problem !== undefined) {
    const { statusCode: status, code, detail, message } = problem
    return { ...seen, refused: { status, code, reason: detail ?? message } }
  }
  const known: Case = { request, target, mounted, shown, upstream: fixedUpstream(mounted, request) }
  const purge = explainPurge(request, target, mounted)
  if (purge !== undefined) return { ...seen, guards: guardsOf(known), ...purge }
  return { ...seen, guards: guardsOf(known), ...(await destinationOf(known)), websocket: websocketOf(known) }
}

function whyChosen({ named, route }: Mounted, request: FastifyRequest): string {
  const { hosts, constraints, methods } = named.options
  const reasons = [route.mount.exact ? 'the exact path' : 'the longest prefix']
  if (hosts !== undefined) reasons.push(`the host ${request.host} is one of ${hosts.join(', ')}`)
  if (methods !== undefined) reasons.push(`methods ${methods.join(', ')}`)
  if (constraints !== undefined) reasons.push(`constraints ${Object.keys(constraints).join(', ')}`)
  return reasons.join('; ')
}

function addressOf({ ip, raw }: FastifyRequest): string {
  return clientAddress(ip, raw.socket.remoteAddress)
}

/** A function of the user's, or a split, looks at the request; it is not asked. */
function fixedUpstream({ named, route }: Mounted, request: FastifyRequest): UpstreamRef | undefined {
  const isFixed = route.upstream !== null && typeof named.options.upstream === 'string'
  return isFixed ? (route.upstream?.(request) as UpstreamRef) : undefined
}

function guardsOf({ request, mounted, shown }: Case): GuardExplanation {
  const { options } = mounted.named
  const { access } = mounted.route.guards
  const match = access?.match(addressOf(request))
  const rules = options.access || []
  const { rateLimit, concurrency, authRequest } = shown.options
  return {
    access: match === undefined ? null : { verdict: match.verdict, rule: rules[match.rule ?? -1] ?? null },
    rateLimit,
    concurrency,
    authRequest,
    hooks: (['onRequest', 'preParsing', 'preValidation', 'preHandler'] as const).flatMap((name) =>
      [options[name] ?? []].flat().map((hook) => `${name} ${functionName(hook)}`)
    )
  }
}

const NO_HOST = { status: 400, code: 'SLUICE_BAD_REQUEST', reason: 'redirect: no host to redirect to' }

/** What the handler would come to: a redirect, a file, the cache, the upstream. */
async function destinationOf(known: Case): Promise<Partial<Explanation>> {
  const { request, target, mounted, upstream } = known
  const { redirect, static: files, upstream: choose } = mounted.route
  const found = files === null ? undefined : await files.explain(request, pathBelow(mounted.route, target))
  const parts = found === undefined ? {} : { static: found }
  if (found !== undefined && found.outcome !== 'next') return parts
  if (redirect !== null) {
    const location = redirectLocation(redirect.to, target, publicAuthority(request))
    if (location === undefined) return { ...parts, refused: NO_HOST }
    return { ...parts, redirect: { status: redirect.status, location } }
  }
  if (choose === null) return parts
  const cache = await cacheOf(known)
  return {
    ...parts,
    upstream: upstream === undefined ? chosenByFunction(mounted) : serversOf(upstream),
    forwarded: forwardedOf(known),
    ...(cache !== undefined && { cache })
  }
}

function chosenByFunction({ named }: Mounted): UpstreamChoice {
  const { upstream } = named.options
  if (typeof upstream === 'object') return { name: splitText(upstream), servers: [] }
  return { name: functionName(upstream as () => unknown), servers: [] }
}

function serversOf({ name, group }: UpstreamRef): UpstreamChoice {
  const candidates = group.candidates()
  const servers = group.states().map((server, index) => ({ ...server, why: candidates[index]?.why }))
  return { name, servers, queue: group.queue }
}

/** The route without the functions of the user's; their fields are filled in by name. */
function forwardedOf(known: Case): NonNullable<Explanation['forwarded']> {
  const { mounted, upstream } = known
  const { headers } = mounted.route
  const { host } = headers
  const decided = typeof host === 'function' || (host === 'auto' && upstream === undefined)
  const settings: Route = {
    ...mounted.route,
    headers: {
      ...headers,
      host: decided ? 'upstream' : host,
      request: headers.request.filter(([, rule]) => typeof rule !== 'function')
    }
  }
  const to = upstream ?? ({ name: '', secure: false, edgeCookies: new Set() } as object as UpstreamRef)
  const { method, path, fields } = upstreamRequest(sendable(known, settings), to, null)
  for (const [name, rule] of headers.request)
    if (typeof rule === 'function') fields[name] = functionName(rule)
  if (typeof host === 'function') fields.host = functionName(host)
  else if (fields.host === undefined) fields.host = decided ? '(as the upstream is)' : '(the server’s own)'
  for (const name of mounted.route.authNames) fields[name] ??= '(from authRequest)'
  return { method, path, fields: { ...fields } }
}

function sendable({ request, target, mounted }: Case, settings: Route): Sendable {
  const authFields = mounted.route.guards.auth === null ? undefined : {}
  const cacheFacts = settings.cache?.route.handles(request.method) ? {} : undefined
  return { request, target, settings, authFields, cacheFacts }
}

/** Undefined: the route has no cache, or the method is none of its business. */
async function cacheOf(known: Case): Promise<CacheChoice | undefined> {
  const { request, mounted, upstream } = known
  const { cache } = mounted.route
  if (cache === null || !cache.route.handles(request.method)) return undefined
  const { key, bypass, noStore, zone } = cache.policy
  const functions = Object.entries({ key, bypass, noStore }).flatMap(([name, test]) =>
    typeof test === 'function' ? [name] : []
  )
  if (upstream === undefined) functions.push('upstream')
  if (upstream === undefined || key !== undefined) return { zone, functions }
  const lists = {
    key: undefined,
    bypass: typeof bypass === 'function' ? undefined : bypass,
    noStore: typeof noStore === 'function' ? undefined : noStore
  }
  const facts = cacheFacts(sendable(known, mounted.route), upstream)
  const tests = evaluateTests(lists, request, facts.fields)
  return { ...(await cache.route.explain({ ...facts, ...tests }, Date.now())), functions }
}

function websocketOf({ request, mounted }: Case): NonNullable<Explanation['websocket']> {
  const { websocket } = mounted
  const asks = request.raw.headers.upgrade !== undefined
  return {
    enabled: websocket.enabled && mounted.route.upstream !== null,
    handshake: asks ? judge(request.raw) : undefined,
    originAllowed: originAllowed(request.headers.origin, websocket.allowedOrigins, request.host)
  }
}
