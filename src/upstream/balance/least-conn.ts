// PURE. The server with the fewest exchanges under way for its weight (nginx: least_conn).
import { isRising, mayTake, risenShare, type Server } from '../server'
import type { Balancer, Turn } from './balancer'
import { lowest } from './lowest'

/** The least busy server; ties are shared out by round robin. */
export function leastConn(servers: readonly Server[]): Balancer {
  return (turn) => {
    const { now } = turn
    // Without the request in hand in the sum, an idle server at the start of its slow start would get every one.
    const own = servers.some((server) => isRising(server, now) && mayTake(server, turn)) ? 1 : 0
    return lowest(servers, turn, (server) => load(server, own, now))
  }
}

function load(server: Server, own: number, now: Turn['now']): number {
  return (server.active + own) / (server.weight * risenShare(server, now))
}
