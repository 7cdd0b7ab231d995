// The `upstreams` option: groups of servers (nginx: upstream, server, keepalive).
import { optionError } from '../errors'
import { type Duration, durationMs } from '../units'
import {
  type BalanceOptions,
  balanceProperties,
  type ResolvedBalance,
  resolveBalance
} from './balance/options'
import { type BreakerOptions, breakerSchema, type ResolvedBreaker, resolveBreaker } from './breaker-options'
import { type ClientOptions, clientProperties, type ResolvedClient, resolveClient } from './client-options'
import { type ResolvedResolve, type ResolveOptions, resolveResolve, resolveSchema } from './dns/options'
import { type HealthOptions, healthSchema, type ResolvedHealth, resolveHealth } from './health-options'
import { type Origin, parseOrigin } from './origin'
import { type Protocol, protocolSchema, resolveProtocol } from './protocol'
import { type ResolvedTls, resolveTls, type UpstreamTlsOptions, upstreamTlsSchema } from './tls-options'

/** One server of a group. */
export interface ServerOptions {
  /** `http://host:port`, `https://host:port` or `unix:/path`, without a path. nginx: server. */
  url: string
  /** Share of the requests. nginx: weight. @default 1 */
  weight?: number
  /** Failures within `failTimeout` after which the server rests; 0 = never. nginx: max_fails. @default 3 */
  maxFails?: number
  /** The window in which failures add up, and the rest that follows. nginx: fail_timeout. @default '10s' */
  failTimeout?: Duration
  /** Used only when no other server can be. nginx: backup. @default false */
  backup?: boolean
  /** Never used. nginx: down. @default false */
  down?: boolean
  /** Exchanges at one time, above which the next server is taken; 0 = no limit. nginx: max_conns. @default 0 */
  maxConns?: number
  /** After a rest, when its checks pass again, and when it joins, its weight grows from nothing within this time; '0s' = at once. nginx: slow_start. @default '0s' */
  slowStart?: Duration
}

/** A group of servers. */
export interface UpstreamOptions extends BalanceOptions, ClientOptions {
  readonly servers: readonly (string | ServerOptions)[]
  /**
   * What the servers are asked in: `h2` is HTTP/2 over TLS, chosen by ALPN; `h2c` is HTTP/2 without TLS, known in advance.
   * nginx: grpc_pass grpcs:// and grpc://, proxy_http_version 2. @default 'http1'
   */
  protocol?: Protocol
  /** Idle connections kept per server; 0 closes each after use. nginx: keepalive. @default 32 */
  keepalive?: number
  /** Connections per server, above which requests wait; 0 = no limit. @default 0 */
  maxConnections?: number
  /** How long a connection may idle: less than the server's own limit (Node: 5s). nginx: keepalive_timeout. @default '4s' */
  keepaliveTimeout?: Duration
  tls?: UpstreamTlsOptions
  /** How names become addresses; `false`: by the platform, at each connect. nginx: resolve, resolver. @default {} */
  resolve?: ResolveOptions | false
  /**
   * Share of the servers, 0 to 1, that failures and checks may take out; one always stays. When more are out, health counts for nothing and all are
   * used: the failure is everywhere, or the verdict is wrong. nginx answers 502 then. @default 1
   */
  maxEjected?: number
  /** Asks each server again and again whether it is well. nginx: health_check. @default none */
  health?: HealthOptions
  /** Leaves the whole group alone for a while when too many requests fail. @default none */
  breaker?: BreakerOptions
}

/** A server with every default applied. */
export interface ResolvedServer {
  readonly origin: Origin
  /** The option that names it, for messages: `upstreams.app.servers[1]`. */
  readonly optionPath: string
  readonly weight: number
  readonly maxFails: number
  readonly failTimeoutMs: number
  readonly backup: boolean
  readonly down: boolean
  readonly maxConns: number
  readonly slowStartMs: number
  /** Of a peer: where its name leads. */
  readonly addresses?: readonly string[]
}

/** What every server of a group shares about its connections. */
export interface ResolvedConnections extends ResolvedClient {
  readonly protocol: Protocol
  readonly keepalive: number
  readonly maxConnections: number
  readonly keepaliveTimeoutMs: number
  readonly tls: ResolvedTls
}

/** A group with every default applied. */
export interface ResolvedUpstream extends ResolvedConnections, ResolvedBalance {
  readonly name: string
  readonly servers: readonly ResolvedServer[]
  readonly maxEjected: number
  /** Undefined: names are left to the platform. */
  readonly resolve: ResolvedResolve | undefined
  /** Undefined: no checks. */
  readonly health: ResolvedHealth | undefined
  /** Undefined: no breaker. */
  readonly breaker: ResolvedBreaker | undefined
  /** The option that defines it, for messages: `upstreams.app`. */
  readonly optionPath: string
  /** For the log at start. */
  readonly warnings: readonly string[]
}

const count = { type: 'integer', minimum: 0 } as const

/** Schema of one server as an object. */
const server = {
  type: 'object',
  additionalProperties: false,
  required: ['url'],
  properties: {
    url: { type: 'string' },
    weight: { type: 'integer', minimum: 1, maximum: 65535 },
    maxFails: count,
    failTimeout: { type: 'string', format: 'duration' },
    backup: { type: 'boolean' },
    down: { type: 'boolean' },
    maxConns: count,
    slowStart: { type: 'string', format: 'duration' }
  }
} as const

/** Schema of an entry of `servers`. */
export const serverSchema = { anyOf: [{ type: 'string' }, server] } as const

/** Schema of `upstreams`. */
export const upstreamsSchema = {
  type: 'object',
  additionalProperties: {
    anyOf: [
      { type: 'string' },
      {
        type: 'object',
        additionalProperties: false,
        required: ['servers'],
        properties: {
          servers: {
            type: 'array',
            minItems: 1,
            description: 'must be a list, and needs at least one server',
            items: serverSchema
          },
          protocol: protocolSchema,
          ...clientProperties,
          ...balanceProperties,
          keepalive: count,
          maxConnections: count,
          keepaliveTimeout: { type: 'string', format: 'duration' },
          health: healthSchema,
          breaker: breakerSchema,
          maxEjected: { type: 'number', minimum: 0, maximum: 1 },
          tls: upstreamTlsSchema,
          resolve: resolveSchema
        }
      }
    ]
  }
} as const

/** Applies defaults to the whole `upstreams` option; throws an option error for what the schema cannot say. */
export function resolveUpstreams(
  options: Record<string, string | UpstreamOptions>,
  path: string
): Map<string, ResolvedUpstream> {
  return new Map(
    Object.entries(options).map(([name, group]) => [name, resolveUpstream(name, group, `${path}.${name}`)])
  )
}

/** Applies defaults to one group; a text is a group of one server. */
export function resolveUpstream(
  name: string,
  group: string | UpstreamOptions,
  path: string
): ResolvedUpstream {
  const options = typeof group === 'string' ? { servers: [group] } : group
  const serversPath = typeof group === 'string' ? undefined : `${path}.servers`
  const servers = resolveServers(options.servers, serversPath, path)
  const health = resolveHealth(options.health, `${path}.health`)
  if (health?.port !== undefined && servers.some(({ origin }) => origin.socketPath !== undefined)) {
    throw optionError(`${path}.health.port`, 'a unix socket has no port')
  }
  const tls = resolveTls(options.tls, `${path}.tls`)
  if (options.tls !== undefined && !servers.some(({ origin }) => origin.secure)) {
    throw optionError(`${path}.tls`, 'no server of this group is https://')
  }
  const protocol = resolveProtocol(options.protocol, servers, `${path}.protocol`)
  return {
    name,
    servers,
    protocol,
    ...resolveClient(options, protocol, path),
    ...resolveBalance(options, servers, path),
    maxEjected: options.maxEjected ?? 1,
    resolve: resolveResolve(options.resolve, `${path}.resolve`),
    health,
    breaker: resolveBreaker(options.breaker, `${path}.breaker`),
    optionPath: path,
    keepalive: options.keepalive ?? 32,
    maxConnections: options.maxConnections ?? 0,
    keepaliveTimeoutMs: durationMs(options.keepaliveTimeout ?? '4s', `${path}.keepaliveTimeout`),
    tls,
    warnings: tls.rejectUnauthorized
      ? []
      : [
          `${path}.tls.rejectUnauthorized is false: anyone on the way to the servers of "${name}" can read and change what is sent`
        ]
  }
}

/** Applies defaults to one server. */
export function resolveServer(server: string | ServerOptions, path: string): ResolvedServer {
  const options = typeof server === 'string' ? { url: server } : server
  const urlPath = typeof server === 'string' ? path : `${path}.url`
  return {
    origin: parseOrigin(options.url, urlPath),
    optionPath: path,
    weight: options.weight ?? 1,
    maxFails: options.maxFails ?? 3,
    failTimeoutMs: durationMs(options.failTimeout ?? '10s', `${path}.failTimeout`),
    backup: options.backup ?? false,
    down: options.down ?? false,
    maxConns: options.maxConns ?? 0,
    slowStartMs: durationMs(options.slowStart ?? '0s', `${path}.slowStart`)
  }
}

function resolveServers(
  entries: readonly (string | ServerOptions)[],
  serversPath: string | undefined,
  path: string
): ResolvedServer[] {
  const pathOf = (index: number) => (serversPath === undefined ? path : `${serversPath}[${index}]`)
  const servers = entries.map((entry, index) => resolveServer(entry, pathOf(index)))
  const seen = new Map<string, number>()
  for (const [index, { origin }] of servers.entries()) {
    const first = seen.get(origin.url)
    if (first !== undefined) {
      throw optionError(
        pathOf(index),
        `${origin.url} is already ${pathOf(first)}; give one of them a weight instead`
      )
    }
    seen.set(origin.url, index)
  }
  const [first] = servers
  const other = servers.find(({ origin }) => origin.secure !== first?.origin.secure)
  if (first !== undefined && other !== undefined) {
    throw optionError(
      serversPath ?? path,
      `${first.origin.url} and ${other.origin.url}: the servers of a group are all https:// or none, for Host follows from it`
    )
  }
  if (servers.every((server) => server.backup)) {
    throw optionError(serversPath ?? path, 'needs at least one server that is not a backup')
  }
  return servers
}
