// PURE. Servers by their share of the whole weight: position → server, by binary search.
import type { Server } from '../server'

/** The servers laid out by weight: server n has the positions from the sum of the weights before it. */
export interface Wheel {
  /** The sum of all weights. */
  readonly total: number
  /** `position` is below `total`. Undefined only for a wheel without servers. */
  at(position: number): Server | undefined
}

/** Servers that are down keep their place, as in nginx: whom the others get does not depend on it. */
export function createWheel(servers: readonly Server[]): Wheel {
  const ends = new Float64Array(servers.length)
  let total = 0
  for (const [index, { weight }] of servers.entries()) {
    total += weight
    ends[index] = total
  }
  return { total, at: (position) => servers[firstAbove(ends, position)] }
}

/** Index of the first element above `value` in a sorted list; its length when there is none. */
export function firstAbove(sorted: Float64Array | Uint32Array, value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as number) > value) high = middle
    else low = middle + 1
  }
  return low
}
