// The handshake that turns a connection into something else (RFC 9110 §7.8), on connections of our own, whatever `client` says.
import type { Socket } from 'node:net'
import { Connection } from './http1/connection'
import { Exchange } from './http1/exchange'
import { requestHead } from './http1/request-head'
import { assertStrict } from './http1/self-test'
import type { Tolerance } from './http1/tolerance'
import type { Origin } from './origin'
import { badRequest } from './record'
import type { Call, UpgradeResult } from './transport'

/** For this exchange alone: the connection switches, or ends with the refusal. */
const ALONE = {
  keepalive: false,
  idleMs: 0,
  maxRequests: 1,
  maxAgeMs: 0,
  onFree: nothing,
  onStale: nothing,
  onGone: nothing
}

/** Asks for `request.fields.upgrade` on a socket that is dialled for it, and belongs to the caller once it has switched. */
export function upgrade(
  dial: (call: Call) => Promise<Socket>,
  to: Pick<Origin, 'url' | 'authority'> & { readonly tolerance?: Tolerance | undefined },
  call: Call
): Promise<UpgradeResult> {
  return new Promise((resolve, reject) => {
    assertStrict()
    const head = requestHead(call.request, { authority: to.authority, connection: 'upgrade' })
    if (typeof head === 'string') {
      reject(badRequest(call.record, to.url, head))
      return
    }
    const exchange = new Exchange(call, head, {
      resolve: (response) => resolve({ kind: 'refused', response }),
      reject,
      switched: (switched) => resolve({ kind: 'switched', ...switched })
    })
    dial(call).then(
      (socket) =>
        carry(exchange, new Connection(socket, { ...ALONE, server: to.url, tolerance: to.tolerance })),
      (error: Error) => exchange.fail(error)
    )
  })
}

function carry(exchange: Exchange, connection: Connection): void {
  exchange.listen()
  if (exchange.over) connection.destroy(new Error('nothing to send'))
  else connection.carry(exchange)
}

function nothing(): void {}
