// PURE. From a failure to what an operator can do about it: which option of ours it concerns, and the next step.
import type { SluiceErrorCode } from '../errors'
import type { UpstreamResponse } from '../http/message'
import { ANSWER_FAULTS } from './faults/answer'
import { EDGE_FAULTS } from './faults/edge'
import type { Fault, FaultFacts } from './faults/fault'
import { REACH_FAULTS } from './faults/reach'
import type { ResolvedHeaders } from './options'

/** Added to the record of a failure. */
export interface Diagnosis {
  /** `upstreams.app.servers[1]`, `routes[2].timeouts.read`. */
  readonly option?: string
  readonly next: string
}

/** Where the options of a request are written. */
export interface Places {
  /** `routes[2].`, or nothing for a flat registration. */
  readonly prefix: string
  /** The upstream that was asked; without an `optionPath` it is a URL in an option of the route. */
  readonly upstream:
    | { readonly optionPath: string | undefined; readonly serverPaths: ReadonlyMap<string, string> }
    | undefined
  /** The route's option that such a URL is in. */
  readonly urlOption: 'upstream' | 'authRequest.upstream'
}

/** The whole table; README "Troubleshooting" shows it. */
export const FAULTS: readonly Fault[] = [...REACH_FAULTS, ...ANSWER_FAULTS, ...EDGE_FAULTS]

const BY_CODE = new Map<SluiceErrorCode, Fault[]>()
for (const fault of FAULTS) BY_CODE.set(fault.code, [...(BY_CODE.get(fault.code) ?? []), fault])

/** What to do next; undefined for what only the client can mend. */
export function diagnose(facts: FaultFacts, places: Places): Diagnosis | undefined {
  const fault = faultOf(facts)
  return fault && explain(fault, facts, places)
}

/** The row of the table for a failure. */
export function faultOf(facts: FaultFacts): Fault | undefined {
  return BY_CODE.get(facts.code)?.find(({ when }) => when === undefined || when(facts))
}

/** A row's texts with the names of this failure in them. */
export function explain({ option, next }: Fault, facts: FaultFacts, places: Places): Diagnosis {
  const path = option === undefined ? undefined : optionPath(option, facts.server, places)
  const words: Readonly<Record<string, string | undefined>> = {
    ...addressWords(facts.server),
    option: path,
    detail: facts.detail
  }
  const filled = next.replace(/\{(\w+)\}/g, (gap, word: string) => words[word] ?? gap)
  return { ...(path !== undefined && { option: path }), next: filled }
}

function optionPath(option: string, server: string | undefined, places: Places): string {
  const { prefix, upstream, urlOption } = places
  const [scope = '', ...rest] = option.split('.')
  if (scope !== 'server' && scope !== 'group') return prefix + option
  if (upstream?.optionPath === undefined) {
    // Options of a group have no place on a route: the URL has to become a group first.
    return rest.length === 0 ? prefix + urlOption : ['upstreams.NAME', ...rest].join('.')
  }
  const own = scope === 'server' && server !== undefined ? upstream.serverPaths.get(server) : undefined
  return own ?? [upstream.optionPath, ...rest].join('.')
}

function addressWords(server: string | undefined): Record<string, string> {
  if (server === undefined) return {}
  if (server.startsWith('unix:')) {
    const socket = server.slice('unix:'.length)
    return {
      address: socket,
      host: socket,
      socket,
      curl: `curl -v --unix-socket ${socket} http://localhost/`
    }
  }
  const [scheme = '', authority = ''] = server.split('://')
  const match = /^(.*?)(?::(\d+))?$/.exec(authority)
  const host = (match?.[1] ?? '').replace(/^\[|\]$/g, '')
  const port = match?.[2] ?? (scheme === 'https' ? '443' : '80')
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
  return { address, host, port, curl: `curl -v ${server}/` }
}

/** nginx, Apache, Node and Go, to HTTP where TLS was meant. */
const HTTP_TO_HTTPS = /HTTPS (?:port|server)|SSL-enabled server port/

/** What an answer of the server says about our options, though to us it is an answer like any other. */
export function diagnoseAnswer(
  { status, body }: Pick<UpstreamResponse, 'status' | 'body'>,
  { host, secure, places, server }: AnswerFacts
): Diagnosis | undefined {
  if (status === 421) {
    const option = `${places.prefix}headers.host`
    const sent = hostWords(host, secure)
    return {
      option,
      next: `the server has no site of the name that it was sent (${sent}): set ${option} to one that it has`
    }
  }
  if (status !== 400 || secure || !Buffer.isBuffer(body) || !HTTP_TO_HTTPS.test(body.toString('latin1')))
    return undefined
  const option = optionPath('server', server, places)
  return { option, next: `the server speaks TLS at this port: write https:// in ${option}` }
}

/** A limit that takes a proxy in front for the client; `peer` is its address. */
export function diagnoseBucket(peer: string): Diagnosis {
  const next = `all clients of the proxy at ${peer} count as one: give Fastify a trustProxy that holds it, as in Fastify({ trustProxy: ['${peer}'] })`
  return { option: 'trustProxy', next }
}

/** How it was asked. */
interface AnswerFacts {
  readonly host: ResolvedHeaders['host']
  readonly secure: boolean
  readonly server: string | undefined
  readonly places: Places
}

function hostWords(host: ResolvedHeaders['host'], secure: boolean): string {
  if (typeof host === 'function') return 'what the function returned'
  if (typeof host === 'object') return host.text
  return host === 'client' || (host === 'auto' && !secure) ? 'the client’s Host' : 'the host of its URL'
}
