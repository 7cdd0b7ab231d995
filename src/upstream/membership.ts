// Who may join a group, leave it, and change its weight, while it runs: the rules that `servers` follows at start.
import { optionError } from '../errors'
import { type ResolvedBalance, refuseHeavyRing, refuseMismatch } from './balance/options'
import type { ResolvedServer, ResolvedUpstream } from './options'
import { parseOrigin } from './origin'
import { change, type Server } from './server'

/** As in the schema of a server. */
const MAX_WEIGHT = 65_535

/** Throws an option error when the server may not join. */
export function refuseJoin(
  { origin, weight, ...server }: ResolvedServer,
  servers: readonly Server[],
  { balance, health }: Pick<ResolvedUpstream, 'balance' | 'health'>
): void {
  const { optionPath } = server
  if (servers.some(({ url }) => url === origin.url)) {
    throw optionError(
      optionPath,
      `${origin.url} is already in the group; remove it first, or give it a weight`
    )
  }
  const isSecure = servers.some(({ url }) => url.startsWith('https:'))
  if (origin.secure !== isSecure) {
    const rule = isSecure ? 'are https://, so must this one be' : 'are not https://, nor may this one be'
    throw optionError(optionPath, `the servers of the group ${rule}, for Host follows from it: ${origin.url}`)
  }
  if (health?.port !== undefined && origin.socketPath !== undefined) {
    throw optionError(optionPath, 'the checks of the group go to a port, and a unix socket has none')
  }
  refuseMismatch(balance, server)
  refuseHeavyRing(balance, weightOf(servers) + weight, optionPath)
}

/** The peers of the server of that URL, at least one; throws an option error that names those that are there. */
export function findServer(servers: readonly Server[], url: string, path: string): readonly Server[] {
  const wanted = parseOrigin(url, path).url
  const found = servers.filter((server) => server.url === wanted)
  if (found.length > 0) return found
  const there = new Set(servers.map((server) => server.url))
  throw optionError(path, `the group has no server ${wanted}; it has: ${[...there].join(', ')}`)
}

/** Throws when nobody but backups would be left: a group never runs empty by mistake. */
export function refuseLeave(url: string, servers: readonly Server[], path: string): void {
  if (servers.some((server) => server.url !== url && !server.backup)) return
  throw optionError(
    path,
    `${url} is the last server of the group that is no backup; add another one first, or delete the upstream`
  )
}

/** The server's share from now on, that of each of its peers; throws for one that cannot be. */
export function reweigh(
  peers: readonly Server[],
  weight: number,
  { servers, balance, path }: { servers: readonly Server[]; path: string } & Pick<ResolvedBalance, 'balance'>
): void {
  if (!Number.isInteger(weight) || weight < 1 || weight > MAX_WEIGHT) {
    throw optionError(path, `a weight is a whole number from 1 to ${MAX_WEIGHT}; drain takes a server out`)
  }
  refuseHeavyRing(balance, weightOf(servers) - weightOf(peers) + weight * peers.length, path)
  for (const server of peers) change(server, { weight, effectiveWeight: weight })
}

function weightOf(servers: readonly Server[]): number {
  return servers.reduce((sum, { weight }) => sum + weight, 0)
}
