// PURE. Smooth weighted round robin, in nginx's exact sequence: 5:1:1 is a a b a c a a.
import type { Server } from '../server'

/** The next server of `eligible`, in turn by weight; ties go to the first. */
export function roundRobin(eligible: readonly Server[]): Server | undefined {
  let best: Server | undefined
  let total = 0
  for (const server of eligible) {
    server.currentWeight += server.effectiveWeight
    total += server.effectiveWeight
    if (server.effectiveWeight < server.weight) {
      server.effectiveWeight = Math.min(server.weight, server.effectiveWeight + 1)
    }
    if (best === undefined || server.currentWeight > best.currentWeight) best = server
  }
  if (best !== undefined) best.currentWeight -= total
  return best
}
