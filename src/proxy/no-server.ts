// What a request is told that no server was asked for: none can take it, or the breaker is open.
import { type SluiceError, sluiceError } from '../errors'
import type { ServerState } from '../upstream/server-state'
import type { Upstream } from '../upstream/upstream'

/** Every server is out of service, not there, or full. */
export function noServer(upstream: Upstream): SluiceError {
  return sluiceError('SLUICE_NO_SERVER', {
    phase: 'choose',
    detail: `${upstream.name}: ${upstream.states().map(serverText).join('; ')}`
  })
}

/** The breaker lets nobody through for so long. */
export function circuitOpen(upstream: Upstream, waitMs: number): SluiceError {
  return sluiceError('SLUICE_CIRCUIT_OPEN', {
    phase: 'choose',
    retryAfterSeconds: Math.ceil(waitMs / 1000),
    detail: `${upstream.name}: its breaker is in state ${upstream.intake.breaker}`
  })
}

/** One that is up and was not chosen has as many exchanges under way as `maxConns` allows. */
function serverText({ url, addresses, state, active, lastError, lastErrorAgoMs = 0 }: ServerState): string {
  const server = addresses.length === 0 ? url : `${url} (${addresses.join(', ')})`
  if (state === 'up') return `${server} full, ${active} exchanges under way`
  if (lastError === undefined) return `${server} ${state}`
  return `${server} ${state}, ${Math.round(lastErrorAgoMs / 1000)} s ago: ${lastError}`
}
