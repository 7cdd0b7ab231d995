// The `upstreams.NAME.client` option, and what only connections of our own can (nginx: keepalive_requests, keepalive_time).
import { optionError } from '../errors'
import { type Duration, durationMs } from '../units'
import { FAULTS, type Fault } from './http1/tolerance'
import type { Protocol } from './protocol'

/** What carries HTTP/1.1. */
export type Client = 'http1' | 'undici'

/** A group's options about it. */
export interface ClientOptions {
  /**
   * What carries HTTP/1.1: `http1`, connections of our own, which cost less and know whether a byte of a request was sent, or `undici`.
   * @default 'http1'
   */
  client?: Client
  /** Requests that one connection carries, 0 = no limit; not with `client: 'undici'`. nginx: keepalive_requests. @default 1000 */
  keepaliveRequests?: number
  /** Age at which a connection is used no more, '0s' = none; not with `client: 'undici'`. nginx: keepalive_time. @default '1h' */
  keepaliveTime?: Duration
  /**
   * Faults in the heads of answers that are let through, for old servers; each such answer ends its connection and is counted in `servers()`. `bare-lf`: lines ended by
   * LF alone; `obs-fold`: fields folded over several lines; `space-before-colon`. Not with `client: 'undici'`. @default []
   */
  tolerate?: readonly Fault[]
}

/** The same with every default applied. */
export interface ResolvedClient {
  readonly client: Client
  readonly keepaliveRequests: number
  readonly keepaliveTimeMs: number
  readonly tolerate: readonly Fault[]
}

/** Schema properties of a group. */
export const clientProperties = {
  client: { enum: ['http1', 'undici'] },
  keepaliveRequests: { type: 'integer', minimum: 0 },
  keepaliveTime: { type: 'string', format: 'duration' },
  tolerate: { type: 'array', items: { enum: FAULTS }, uniqueItems: true }
} as const

/** Applies the defaults. An option that would mean nothing is an error. */
export function resolveClient(options: ClientOptions, protocol: Protocol, path: string): ResolvedClient {
  const { client = 'http1', keepaliveRequests, keepaliveTime, tolerate = [] } = options
  if (options.client !== undefined && protocol !== 'http1') {
    throw optionError(`${path}.client`, `is about HTTP/1.1, and protocol is '${protocol}'`)
  }
  for (const name of ['keepaliveRequests', 'keepaliveTime', 'tolerate'] as const) {
    if (options[name] === undefined) continue
    if (client === 'undici') throw optionError(`${path}.${name}`, "does not go with client: 'undici'")
    if (protocol !== 'http1') {
      throw optionError(`${path}.${name}`, `is about HTTP/1.1, and protocol is '${protocol}'`)
    }
  }
  return {
    client,
    keepaliveRequests: keepaliveRequests ?? 1000,
    keepaliveTimeMs: durationMs(keepaliveTime ?? '1h', `${path}.keepaliveTime`),
    tolerate
  }
}
