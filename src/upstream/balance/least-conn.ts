// PURE. The server with the fewest exchanges under way for its weight (nginx: least_conn).
import type { Server } from '../server'
import { roundRobin } from './round-robin'

/** The least busy server of `eligible`; ties are shared out by round robin. */
export function leastConn(eligible: readonly Server[]): Server | undefined {
  let ties: Server[] = []
  for (const server of eligible) {
    const difference = ties[0] === undefined ? -1 : compareLoad(server, ties[0])
    if (difference < 0) ties = [server]
    else if (difference === 0) ties.push(server)
  }
  return ties.length > 1 ? roundRobin(ties) : ties[0]
}

/** Compares active/weight without dividing. */
function compareLoad(a: Server, b: Server): number {
  return a.active * b.weight - b.active * a.weight
}
