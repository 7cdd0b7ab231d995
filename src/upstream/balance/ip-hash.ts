// PURE. The server by the client's address: 24 bits of IPv4, all of IPv6, the numbers that nginx's ip_hash comes to.
import { isIPv4 } from 'node:net'
import { parseAddress } from '../../http/address'
import { mayTake, type Server } from '../server'
import type { Balancer } from './balancer'
import { roundRobin } from './round-robin'
import { createWheel } from './wheel'

const SEED = 89
const FACTOR = 113
const MODULUS = 6271
/** Then the next in turn. */
const MAX_REHASHES = 20
/** Clients on a unix socket have no address and all one server. */
const NO_ADDRESS = [0, 0, 0]

/** One server for all clients of a network; the next one when it is out. The key is the client's address. */
export function ipHash(servers: readonly Server[]): Balancer {
  const wheel = createWheel(servers)
  const inTurn = roundRobin(servers)
  return (turn) => {
    const bytes = hashedBytes(turn.key)
    let hash = SEED
    for (let rehashes = 0; rehashes <= MAX_REHASHES; rehashes++) {
      for (const byte of bytes) hash = (hash * FACTOR + byte) % MODULUS
      const server = wheel.at(hash % wheel.total)
      if (server !== undefined && mayTake(server, turn)) return server
    }
    return inTurn(turn)
  }
}

function hashedBytes(key: string): readonly number[] {
  if (isIPv4(key)) return key.split('.', 3).map(Number)
  const address = parseAddress(key)
  return address?.family === 6 ? address.groups.flatMap((group) => [group >> 8, group & 0xff]) : NO_ADDRESS
}
