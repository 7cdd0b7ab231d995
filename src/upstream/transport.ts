// The only way out: dials, times, aborts, and turns every failure into a code of errors.ts.
import type { Duplex } from 'node:stream'
import type { Abort } from '../http/abort'
import type { Fields, Try, UpstreamRequest, UpstreamResponse } from '../http/message'
import type { FaultCounts } from './http1/tolerance'
import { openHttp1 } from './http1/transport'
import { openHttp2 } from './http2/transport'
import type { ResolvedConnections } from './options'
import type { Origin } from './origin'
import { openUndici } from './undici/transport'

/** Milliseconds, 0 = off. `connect` covers TCP and TLS; `send` and `read` are idle times between two chunks (nginx's meaning). */
export interface Timeouts {
  readonly connect: number
  readonly send: number
  readonly read: number
}

/** One call of one server. */
export interface Call {
  readonly request: UpstreamRequest
  readonly timeouts: Timeouts
  /** A response with Content-Length up to this many bytes that does not ask to flow comes as a Buffer, anything else as a stream; 0 = always a stream. */
  readonly collect: number
  /** Ends the call in every phase; the promise rejects with, or the body errors with, `abort.reason`. */
  readonly abort: Abort
  /** Filled as the call goes on: status or error, and the times. */
  readonly record: Try
  /** Only a connection that has carried nothing yet will do: one that had idled was dead, and its brothers may be. */
  readonly fresh?: boolean
  /** 1xx responses but 100 and 101, before the final one. */
  readonly onInformation?: ((status: number, fields: Fields) => void) | undefined
}

/** The answer to an upgrade: the joined connection, or the server's refusal, which is an ordinary response. */
export type UpgradeResult =
  | { readonly kind: 'switched'; readonly fields: Fields; readonly socket: Duplex; readonly head: Buffer }
  | { readonly kind: 'refused'; readonly response: UpstreamResponse }

/** One server's connections. Rejections are SluiceErrors with server, phase, errno, requestSent, reused. */
export interface Transport {
  send(call: Call): Promise<UpstreamResponse>
  upgrade(call: Call): Promise<UpgradeResult>
  /** Resolves when every exchange has ended. */
  close(): Promise<void>
  /** Ends every exchange now. */
  destroy(error?: Error): void
}

/** One server's transport. Nothing is dialled before the first call; unusable certificates throw here. */
export function openTransport(
  origin: Origin,
  connections: ResolvedConnections,
  tolerated: FaultCounts = {}
): Transport {
  if (connections.protocol !== 'http1') return openHttp2(origin, connections)
  if (connections.client === 'undici') return openUndici(origin, connections)
  return openHttp1(origin, connections, tolerated)
}
