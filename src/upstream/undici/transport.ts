// The way out over HTTP/1.1 on connections whose framing is undici's.
import type { UpstreamResponse } from '../../http/message'
import type { ResolvedConnections } from '../options'
import type { Origin } from '../origin'
import { Pool } from '../pool'
import type { Call, Transport } from '../transport'
import { upgrade } from '../upgrade'
import { Connection } from './connection'
import { Exchange } from './exchange'

/** One server's transport. */
export function openUndici(origin: Origin, connections: ResolvedConnections): Transport {
  const settings = {
    server: origin.url,
    authority: origin.authority,
    keepalive: connections.keepalive > 0,
    keepaliveTimeoutMs: Math.max(1, connections.keepaliveTimeoutMs)
  }
  const pool = new Pool<Exchange, Connection>(
    origin,
    connections,
    (socket, events) => new Connection(socket, { ...settings, ...events })
  )
  const send = (call: Call) =>
    new Promise<UpstreamResponse>((resolve, reject) =>
      pool.send(new Exchange(call, origin.url, { resolve, reject }))
    )
  return {
    send,
    upgrade: (call) => upgrade((other) => pool.dial(other), origin, call),
    close: () => pool.close(),
    destroy: (error) => pool.destroy(error)
  }
}
