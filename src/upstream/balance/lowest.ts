// PURE. The server with the lowest score, ties in turn: what least-conn and least-time have in common.
import { mayTake, type Server } from '../server'
import type { Turn } from './balancer'
import { nextInTurn } from './round-robin'

/** `score` is asked up to twice for each server that may take the request. */
export function lowest(
  servers: readonly Server[],
  turn: Turn,
  score: (server: Server) => number
): Server | undefined {
  let best: Server | undefined
  let least = Number.POSITIVE_INFINITY
  let ties = 0
  for (const server of servers) {
    if (!mayTake(server, turn)) continue
    const own = score(server)
    if (best === undefined || own < least) {
      best = server
      least = own
      ties = 1
    } else if (own === least) ties += 1
  }
  return ties > 1 ? nextInTurn(servers, turn, (server) => score(server) === least) : best
}
