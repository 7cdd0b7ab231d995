// PURE. Smooth weighted round robin, in nginx's exact sequence: 5:1:1 is a a b a c a a.
import { mayTake, risenShare, type Server } from '../server'
import type { Balancer, Turn } from './balancer'

/** The servers in turn, by weight; ties go to the first. */
export function roundRobin(servers: readonly Server[]): Balancer {
  return (turn) => nextInTurn(servers, turn)
}

/** The next of `servers` that may take the request and is one of `among`. */
export function nextInTurn(
  servers: readonly Server[],
  turn: Turn,
  among?: (server: Server) => boolean
): Server | undefined {
  let best: Server | undefined
  let most = 0
  let total = 0
  for (const server of servers) {
    if (!mayTake(server, turn) || among?.(server) === false) continue
    const weight = server.steady ? server.weight : recovering(server, turn.now)
    const current = server.currentWeight + weight
    server.currentWeight = current
    total += weight
    if (best === undefined || current > most) {
      best = server
      most = current
    }
  }
  if (best !== undefined) best.currentWeight -= total
  return best
}

/** The share of its weight that counts this time; what failures took off comes back by one. */
function recovering(server: Server, now: number): number {
  const weight = server.effectiveWeight * risenShare(server, now)
  if (server.effectiveWeight < server.weight) {
    server.effectiveWeight = Math.min(server.weight, server.effectiveWeight + 1)
  }
  return weight
}
