// PURE. What a balancer is: servers in, one of them out. All that a choice depends on comes with the turn.
import type { Look, Server } from '../server'

/** One choice. */
export interface Turn extends Look {
  /** What `hash` and `ip-hash` go by; empty when the request has none. */
  readonly key: string
  /** 0 up to, but not, 1. */
  readonly random: () => number
}

/** Chooses among the servers that it was made for; undefined when none of them may take a request. */
export type Balancer = (turn: Turn) => Server | undefined

/** A balancer for a list of servers, in the order of the options; made anew when the list changes. */
export type CreateBalancer = (servers: readonly Server[]) => Balancer
