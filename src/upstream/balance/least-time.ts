// PURE. The server that answers soonest: average time to the head, times what it has under way, for its weight (nginx: least_time header).
import { risenShare, type Server } from '../server'
import type { Balancer } from './balancer'
import { lowest } from './lowest'

/** Differences below this are noise. */
const STEP_MS = 20
/** From here on slow is slow. */
const LONGEST_MS = 5000

/** The soonest server; ties are shared out by round robin. A server that was never used counts as quick. */
export function leastTime(servers: readonly Server[]): Balancer {
  return (turn) => lowest(servers, turn, (server) => expected(server, turn.now))
}

function expected(server: Server, now: number): number {
  const steps = 1 + Math.floor(remembered(server, now) / STEP_MS)
  return (steps * (1 + server.active)) / (server.weight * risenShare(server, now))
}

/** Its average, halved with each `failTimeout` in which nothing was measured: a server that was slow gets another chance. */
function remembered({ latencyMs = 0, latencyAt, failTimeoutMs }: Server, now: number): number {
  const time = Math.min(latencyMs, LONGEST_MS)
  return failTimeoutMs === 0 ? time : time / 2 ** Math.floor((now - latencyAt) / failTimeoutMs)
}
