// PURE. Two servers by chance, the less busy of them (nginx: random two least_conn).
import { mayTake, type Server } from '../server'
import type { Balancer } from './balancer'
import { roundRobin } from './round-robin'
import { createWheel } from './wheel'

/** Beyond this many draws so many servers are out that the rest had better be looked for. nginx has the same. */
const MAX_DRAWS = 20

/** By chance and weight. Knows nothing of what others choose, so that many processes do not all choose the same server. */
export function random(servers: readonly Server[]): Balancer {
  const wheel = createWheel(servers)
  const inTurn = roundRobin(servers)
  return (turn) => {
    let first: Server | undefined
    for (let draws = 0; draws < MAX_DRAWS; draws++) {
      const server = wheel.at(Math.floor(turn.random() * wheel.total))
      if (server === undefined || server === first || !mayTake(server, turn)) continue
      if (first !== undefined) return lessBusy(first, server)
      first = server
    }
    return first ?? inTurn(turn)
  }
}

/** By exchanges for the weight, without dividing. */
function lessBusy(first: Server, second: Server): Server {
  return second.active * first.weight < first.active * second.weight ? second : first
}
