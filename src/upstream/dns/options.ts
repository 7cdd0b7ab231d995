// The `upstreams.NAME.resolve` option: how servers' names become addresses (nginx: resolve, resolver, valid=, ipv6=off).
import { isIP } from 'node:net'
import { optionError } from '../../errors'
import { parseAddress } from '../../http/address'
import { type Duration, durationMs } from '../../units'

/** Names are asked for again and again while the app runs. */
export interface ResolveOptions {
  /** An answer holds no shorter than this, whatever its TTL says. nginx: valid. @default '1s' */
  min?: Duration
  /** And no longer than this. nginx: valid. @default '5m' */
  max?: Duration
  /** DNS servers, `address` or `address:port`, in place of the platform's; the hosts file is not looked at then. nginx: resolver. @default the platform's */
  servers?: readonly string[]
  /** Addresses of one family only. nginx: ipv6=off, ipv4=off. @default 'any' */
  family?: 4 | 6 | 'any'
  /** `false`: an answer with a private, loopback or link-local address is not believed: for names that others decide on. @default true */
  private?: boolean
}

/** With every default applied. */
export interface ResolvedResolve {
  readonly minMs: number
  readonly maxMs: number
  /** Undefined: those of the platform. */
  readonly servers: readonly string[] | undefined
  readonly family: 4 | 6 | 'any'
  readonly allowsPrivate: boolean
}

/** Below this a DNS server would be asked without pause. */
const LEAST_MIN_MS = 1000

/** Schema of `resolve`. */
export const resolveSchema = {
  anyOf: [
    { const: false },
    {
      type: 'object',
      additionalProperties: false,
      properties: {
        min: { type: 'string', format: 'duration' },
        max: { type: 'string', format: 'duration' },
        servers: { type: 'array', minItems: 1, items: { type: 'string' } },
        family: { enum: [4, 6, 'any'] },
        private: { type: 'boolean' }
      }
    }
  ]
} as const

/** Applies the defaults; undefined: the platform is asked at each connect. */
export function resolveResolve(
  options: ResolveOptions | false | undefined,
  path: string
): ResolvedResolve | undefined {
  if (options === false) return undefined
  const { min = '1s', max = '5m', servers, family = 'any' } = options ?? {}
  const minMs = durationMs(min, `${path}.min`)
  const maxMs = durationMs(max, `${path}.max`)
  if (minMs < LEAST_MIN_MS) throw optionError(`${path}.min`, "must be '1s' or longer")
  if (maxMs < minMs) throw optionError(`${path}.max`, `must be no shorter than min, which is '${min}'`)
  for (const [index, server] of (servers ?? []).entries())
    refuseNoAddress(server, `${path}.servers[${index}]`)
  return { minMs, maxMs, servers, family, allowsPrivate: options?.private ?? true }
}

/** A DNS server that is named would have to be asked for by name. */
function refuseNoAddress(server: string, path: string): void {
  const [, inner = ''] = /^(?:\[(.+)\]|([\d.]+))(?::\d{1,5})?$/.exec(server)?.filter(Boolean) ?? []
  if (isIP(server) !== 0 || parseAddress(inner) !== undefined) return
  throw optionError(path, `"${server}" is no address; write '10.0.0.2', '10.0.0.2:5353' or '[fd00::2]:53'`)
}
