// The `upstreams.NAME.protocol` option: what servers are asked in (nginx: grpc_pass, proxy_http_version).
import { optionError } from '../errors'
import type { Origin } from './origin'

/** What a server is asked in. */
export type Protocol = 'http1' | 'h2' | 'h2c'

/** Schema of `protocol`. */
export const protocolSchema = { enum: ['http1', 'h2', 'h2c'] } as const

/** Applies the default. Whether TLS is spoken is said by the servers' URLs; the protocol must agree. */
export function resolveProtocol(
  protocol: Protocol = 'http1',
  servers: readonly { readonly origin: Origin }[],
  path: string
): Protocol {
  const secure = servers[0]?.origin.secure === true
  if (protocol === 'h2' && !secure) {
    throw optionError(path, "'h2' is HTTP/2 over TLS, for https:// servers; without TLS it is 'h2c'")
  }
  if (protocol === 'h2c' && secure) {
    throw optionError(path, "'h2c' is HTTP/2 without TLS; for https:// servers it is 'h2'")
  }
  return protocol
}
