// The way out over HTTP/2: the same interface, with streams in place of connections (RFC 9113; nginx: grpc_pass).
import { sluiceError } from '../../errors'
import type { ResolvedConnections } from '../options'
import type { Origin } from '../origin'
import { noting } from '../record'
import type { Transport } from '../transport'
import { Sessions } from './sessions'

/** One server's transport. */
export function openHttp2(origin: Origin, connections: ResolvedConnections): Transport {
  const sessions = new Sessions(origin, connections)
  return {
    send: async (call) => {
      const startedAt = performance.now()
      const session = await noting(call, startedAt, sessions.acquire(call))
      return session.send(call, startedAt)
    },
    // Start-up refuses `websocket` with such an upstream; a function may still choose one.
    upgrade: async () => {
      const detail = 'websocket: the upstream is asked in HTTP/2 (protocol), where nothing can be upgraded'
      throw sluiceError('SLUICE_INTERNAL', {
        server: origin.url,
        phase: 'choose',
        requestSent: false,
        detail
      })
    },
    close: () => sessions.close(),
    destroy: (error) => sessions.destroy(error)
  }
}
