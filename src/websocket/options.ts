// The `websocket` option of a route. nginx: `proxy_set_header Upgrade $http_upgrade` and what goes with it.
import { optionError } from '../errors'
import { type Duration, durationMs } from '../units'
import { type OriginRule, parseOriginRule } from './origin'

/** What a route does with a WebSocket handshake. */
export interface WebsocketOptions {
  /** A tunnel without a byte in either direction for this long is closed; `'0s'` = never. nginx: `proxy_read_timeout`. @default '1h' */
  idleTimeout?: Duration
  /**
   * Browser origins that may connect: `'https://example.com'`, `'https://*.example.com'`, `'null'`, or
   * `'same-host'` (the origin's host is the request's). Any other Origin is answered 403; a request without
   * Origin does not come from a page and passes. @default any origin, left to the upstream to judge
   */
  readonly allowedOrigins?: readonly string[]
  /** Tunnels of this route at a time, those being opened included; beyond it 503. nginx: `limit_conn`. @default no limit */
  maxConnections?: number
  /** How long a tunnel may take to end when the app closes, before it is cut. nginx: `worker_shutdown_timeout`. @default '5s' */
  closeGrace?: Duration
}

/** The option as the user writes it; `false` answers 426. */
export type WebsocketOption = boolean | WebsocketOptions

/** The option with every default applied. */
export interface ResolvedWebsocket {
  readonly enabled: boolean
  /** The option's path, for log lines. */
  readonly optionPath: string
  /** 0 = never. */
  readonly idleTimeoutMs: number
  /** undefined = any. */
  readonly allowedOrigins: readonly OriginRule[] | undefined
  /** Infinity = no limit. */
  readonly maxConnections: number
  readonly closeGraceMs: number
}

/** JSON Schema of the option. */
export const websocketSchema = {
  anyOf: [
    { type: 'boolean' },
    {
      type: 'object',
      additionalProperties: false,
      properties: {
        idleTimeout: { type: 'string', format: 'duration' },
        allowedOrigins: { type: 'array', items: { type: 'string', minLength: 1 } },
        maxConnections: { type: 'integer', minimum: 1 },
        closeGrace: { type: 'string', format: 'duration' }
      }
    }
  ]
} as const

/** setTimeout runs at once beyond this. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Applies the defaults; throws a SluiceError that names the option's path. */
export function resolveWebsocket(option: WebsocketOption | undefined, path: string): ResolvedWebsocket {
  const options = typeof option === 'object' ? option : {}
  const origins = options.allowedOrigins
  return {
    enabled: option !== undefined && option !== false,
    optionPath: path,
    idleTimeoutMs: timerMs(options.idleTimeout ?? '1h', `${path}.idleTimeout`),
    allowedOrigins: origins?.map((text, at) => originRule(text, `${path}.allowedOrigins[${at}]`)),
    maxConnections: options.maxConnections ?? Number.POSITIVE_INFINITY,
    closeGraceMs: timerMs(options.closeGrace ?? '5s', `${path}.closeGrace`)
  }
}

function timerMs(text: string, path: string): number {
  const ms = durationMs(text, path)
  if (ms > LONGEST_TIMER_MS) throw optionError(path, `"${text}" is more than a timer can wait; at most "24d"`)
  return ms
}

function originRule(text: string, path: string): OriginRule {
  const rule = parseOriginRule(text)
  if (rule !== undefined) return rule
  throw optionError(path, `"${text}" is not an origin such as "https://example.com", "null" or "same-host"`)
}
