// PURE. The server by a hash of the key on a ring (ketama), the points of nginx's `hash … consistent`.
import { crc32 } from 'node:zlib'
import { mayTake, type Server } from '../server'
import type { Balancer } from './balancer'
import { roundRobin } from './round-robin'
import { firstAbove } from './wheel'

/** Points on the ring for each unit of weight. */
export const POINTS_PER_WEIGHT = 160
/** Then the next in turn. */
const MAX_STEPS = 20
/** Point and index of its server in one number that sorts by the point. */
const INDEX_SPAN = 2 ** 20

/** One server for one key; when a server joins or leaves only its own keys move. Without a key: in turn. */
export function consistentHash(servers: readonly Server[]): Balancer {
  const { points, owners } = createRing(servers)
  const inTurn = roundRobin(servers)
  return (turn) => {
    if (turn.key === '') return inTurn(turn)
    // The first point at or above the hash.
    const start = firstAbove(points, crc32(turn.key) - 1)
    for (let step = 0; step <= MAX_STEPS; step++) {
      const server = servers[owners[(start + step) % points.length] as number]
      if (server !== undefined && mayTake(server, turn)) return server
    }
    return inTurn(turn)
  }
}

/** A weight counts once for each address of a name: beyond this sum all get fewer points. */
const MAX_WEIGHT = 10_000

interface Ring {
  readonly points: Uint32Array
  /** Whose point it is, as an index. */
  readonly owners: Uint32Array
}

function createRing(servers: readonly Server[]): Ring {
  const weight = servers.reduce((sum, server) => sum + server.weight, 0)
  const density = Math.max(1, Math.floor(POINTS_PER_WEIGHT * Math.min(1, MAX_WEIGHT / weight)))
  const count = weight * density
  const pairs = new Float64Array(count)
  let end = 0
  for (const [index, server] of servers.entries()) {
    for (const point of pointsOf(server, density)) pairs[end++] = point * INDEX_SPAN + index
  }
  pairs.sort()
  const points = new Uint32Array(count)
  const owners = new Uint32Array(count)
  let length = 0
  for (const pair of pairs) {
    const point = Math.floor(pair / INDEX_SPAN)
    // Of two servers with one point the first has it.
    if (length > 0 && points[length - 1] === point) continue
    points[length] = point
    owners[length++] = pair % INDEX_SPAN
  }
  return { points: points.subarray(0, length), owners: owners.subarray(0, length) }
}

/** Each from the one before: crc32(HOST NUL PORT PREVIOUS). */
function* pointsOf({ identity, weight }: Server, density: number): Generator<number> {
  const base = crc32(hashedName(identity))
  const previous = Buffer.alloc(4)
  for (let n = 0; n < weight * density; n++) {
    const point = crc32(previous, base)
    previous.writeUInt32LE(point)
    yield point
  }
}

/** `http://host:port` as nginx knows the server; its socket's path for `unix:`. */
function hashedName(url: string): string {
  if (url.startsWith('unix:')) return `${url.slice('unix:'.length)}\0`
  const [, host = '', port = ''] = /^https?:\/\/(.*?)(?::(\d+))?$/.exec(url) ?? []
  return `${host}\0${port}`
}
