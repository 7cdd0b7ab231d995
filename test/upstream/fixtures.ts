// Builders that the tests of this folder share.

import type { Balancer, Turn } from '../../src/upstream/balance/balancer'
import { type ResolvedServer, resolveServer, type ServerOptions } from '../../src/upstream/options'
import { createServer, type Server, whyOut } from '../../src/upstream/server'

/** A resolved server with a made-up address. */
export function resolved(name: string, options: Partial<ServerOptions> = {}): ResolvedServer {
  return resolveServer({ url: `http://${name}:80`, ...options }, 'servers[0]')
}

/** A server that has never been used. */
export function server(name: string, options: Partial<ServerOptions> = {}): Server {
  return createServer(resolved(name, options))
}

/** The host's name of a server's URL. */
export function nameOf(url: string): string {
  return url.slice('http://'.length)
}

/** A choice long after all starts and failures, of a request that has tried nothing. */
export function turn(parts: Partial<Turn> = {}): Turn {
  return { now: 1e9, tried: undefined, rule: whyOut, key: '', random: () => 0, ...parts }
}

/** The names of so many choices, one after the other. */
export function choices(balance: Balancer, count: number, parts: Partial<Turn> = {}): string[] {
  return Array.from({ length: count }, () => nameOf(balance(turn(parts))?.url ?? 'http://-'))
}

/** `count` servers: s0, s1, … */
export function servers(
  count: number,
  options: (index: number) => Partial<ServerOptions> = () => ({})
): Server[] {
  return Array.from({ length: count }, (_, index) => server(`s${index}`, options(index)))
}

/** How often each name occurs. */
export function tally(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** Numbers from 0 to 1 that look random and are the same in each run (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
