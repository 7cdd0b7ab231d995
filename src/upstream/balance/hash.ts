// PURE. The server by a hash of the key, modulo the weights, as nginx's `hash` without `consistent`.
import { crc32 } from 'node:zlib'
import { mayTake, type Server } from '../server'
import type { Balancer } from './balancer'
import { roundRobin } from './round-robin'
import { createWheel } from './wheel'

/** Then the next in turn. */
const MAX_REHASHES = 20

/** One server for one key, an even spread, and nearly every key elsewhere when a server joins or leaves. Without a key: in turn. */
export function hash(servers: readonly Server[]): Balancer {
  const wheel = createWheel(servers)
  const inTurn = roundRobin(servers)
  return (turn) => {
    const { key } = turn
    let sum = 0
    for (let rehash = 0; key !== '' && rehash <= MAX_REHASHES; rehash++) {
      sum += (crc32(rehash === 0 ? key : rehash + key) >>> 16) & 0x7fff
      const server = wheel.at(sum % wheel.total)
      if (server !== undefined && mayTake(server, turn)) return server
    }
    return inTurn(turn)
  }
}
