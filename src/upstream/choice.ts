// PURE. Whom a request of a group goes to: the client's own server, else by the balancer; primaries before backups (nginx: backup, sticky).
import type { CreateBalancer, Turn } from './balance/balancer'
import { consistentHash } from './balance/consistent-hash'
import { hash } from './balance/hash'
import { ipHash } from './balance/ip-hash'
import { leastConn } from './balance/least-conn'
import { leastTime } from './balance/least-time'
import type { ResolvedBalance } from './balance/options'
import { random } from './balance/random'
import { roundRobin } from './balance/round-robin'
import { createSticky, type Sticking } from './balance/sticky'
import { type Server, whyNotStay } from './server'

/** A server for one request. */
export interface Choice {
  readonly server: Server
  /** The client is to be told to come back to this server. */
  readonly stick: boolean
}

/** Chooses among a list of servers; made anew when the list changes. */
export interface Chooser {
  /** Undefined when none of them may take the request. `cookie`: the value of the client's sticky cookie. */
  choose(turn: Turn, cookie: string | undefined): Choice | undefined
  /** The Set-Cookie line that brings a client back to the server; undefined without `sticky`. */
  line(server: Server, overTls: boolean): string | undefined
}

const BALANCERS: Record<ResolvedBalance['balance'], CreateBalancer> = {
  'round-robin': roundRobin,
  'least-conn': leastConn,
  'least-time': leastTime,
  random,
  'ip-hash': ipHash,
  hash,
  'consistent-hash': consistentHash
}

/** Lays out rings, weights and cookies once. */
export function createChooser(
  { balance, sticky }: Pick<ResolvedBalance, 'balance' | 'sticky'>,
  servers: readonly Server[]
): Chooser {
  const cookies = sticky && createSticky(sticky, servers)
  const renews = sticky !== undefined && sticky.ttlMs > 0
  const tiers = [false, true].map((backup) => ({
    backup,
    balance: BALANCERS[balance](servers.filter((server) => server.backup === backup))
  }))
  return {
    choose(turn, cookie) {
      const stuck = cookie === undefined ? undefined : cookies?.find(cookie)
      for (const tier of tiers) {
        const isOwn = stuck?.server.backup === tier.backup && mayStay(stuck.server, turn)
        const server = isOwn ? stuck.server : tier.balance(turn)
        if (server === undefined) continue
        return { server, stick: cookies !== undefined && moves(server, stuck, { renews, turn }) }
      }
      return undefined
    },
    line: (server, overTls) => cookies?.line(server, overTls)
  }
}

function mayStay(server: Server, { tried, now, rule }: Turn): boolean {
  return tried?.has(server) !== true && whyNotStay(server, now, rule) === undefined
}

/** Whether a cookie is due. A server that is only full is worth coming back to. */
function moves(
  server: Server,
  stuck: Sticking | undefined,
  { renews, turn: { now, rule } }: { readonly renews: boolean; readonly turn: Turn }
): boolean {
  if (stuck?.server === server) return renews || !stuck.current
  return stuck === undefined || whyNotStay(stuck.server, now, rule) !== 'full'
}
