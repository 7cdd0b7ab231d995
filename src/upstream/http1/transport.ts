// The way out over HTTP/1.1 on connections of our own (nginx: proxy_pass, keepalive).
import type { UpstreamResponse } from '../../http/message'
import type { ResolvedConnections } from '../options'
import type { Origin } from '../origin'
import { Pool } from '../pool'
import { badRequest } from '../record'
import type { Call, Transport } from '../transport'
import { upgrade } from '../upgrade'
import { Connection } from './connection'
import { Exchange } from './exchange'
import { requestHead } from './request-head'
import { assertStrict } from './self-test'
import type { FaultCounts } from './tolerance'

/** One server's transport. A parser that cannot be relied on throws here. */
export function openHttp1(
  origin: Origin,
  connections: ResolvedConnections,
  tolerated: FaultCounts
): Transport {
  assertStrict()
  const { keepalive, tolerate: faults } = connections
  const tolerance = faults.length > 0 ? { faults, counts: tolerated } : undefined
  const settings = {
    server: origin.url,
    keepalive: keepalive > 0,
    idleMs: Math.max(1, connections.keepaliveTimeoutMs),
    maxRequests: connections.keepaliveRequests,
    maxAgeMs: connections.keepaliveTimeMs,
    tolerance
  }
  const pool = new Pool<Exchange, Connection>(
    origin,
    connections,
    (socket, events) => new Connection(socket, { ...settings, ...events })
  )
  const asked = { authority: origin.authority, connection: keepalive > 0 ? 'keep-alive' : 'close' } as const
  const send = (call: Call) =>
    new Promise<UpstreamResponse>((resolve, reject) => {
      const head = requestHead(call.request, asked)
      if (typeof head === 'string') reject(badRequest(call.record, origin.url, head))
      else pool.send(new Exchange(call, head, { resolve, reject }))
    })
  return {
    send,
    upgrade: (call) => upgrade((other) => pool.dial(other), { ...origin, tolerance }, call),
    close: () => pool.close(),
    destroy: (error) => pool.destroy(error)
  }
}
