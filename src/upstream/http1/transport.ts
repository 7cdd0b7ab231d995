// The way out over HTTP/1.1 on connections of our own (nginx: proxy_pass, keepalive).

import type { UpstreamResponse } from '../../http/message'
import type { ResolvedConnections } from '../options'
import type { Origin } from '../origin'
import { badRequest } from '../record'
import type { Call, Transport } from '../transport'
import { upgrade } from '../upgrade'
import { Exchange } from './exchange'
import { Pool } from './pool'
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
  const faults = connections.tolerate
  const tolerance = faults.length > 0 ? { faults, counts: tolerated } : undefined
  const pool = new Pool(origin, connections, tolerance)
  const connection = connections.keepalive > 0 ? 'keep-alive' : 'close'
  const settings = { authority: origin.authority, connection } as const
  const send = (call: Call) =>
    new Promise<UpstreamResponse>((resolve, reject) => {
      const head = requestHead(call.request, settings)
      if (typeof head === 'string') reject(badRequest(call.record, origin.url, head))
      else pool.send(new Exchange(call, head, { resolve, reject }))
    })
  return {
    send,
    upgrade: (call) => upgrade((asked) => pool.dial(asked), { ...origin, tolerance }, call),
    close: () => pool.close(),
    destroy: (error) => pool.destroy(error)
  }
}
