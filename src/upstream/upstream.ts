// A group of servers: chooses one per try and learns from how the try ended (nginx: upstream, ngx_http_upstream_round_robin).
import { leastConn } from './balance/least-conn'
import { roundRobin } from './balance/round-robin'
import type { Balance, ResolvedServer, ResolvedUpstream } from './options'
import {
  createServer,
  forgive,
  isResting,
  noteLatency,
  type Outcome,
  release,
  type Server,
  type ServerState,
  stateOf,
  take,
  whyNot
} from './server'
import type { Transport } from './transport'

/** The right to one exchange with one server. `done` must be called; only the first call counts. */
export interface Lease {
  readonly server: Server
  readonly transport: Transport
  /** `headMs`: time to the response head, for `latencyMs`; `error`: what a failure was, for `lastError`. */
  done(outcome: Outcome, headMs?: number, error?: string): void
}

/** What the group needs from outside. */
export interface UpstreamDeps {
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  readonly openTransport: (server: ResolvedServer) => Transport
  /** Told when a server begins to rest. */
  readonly onFailed?: (server: Server) => void
}

interface Member {
  readonly server: Server
  readonly transport: Transport
}

const BALANCERS: Record<Balance, (eligible: readonly Server[]) => Server | undefined> = {
  'round-robin': roundRobin,
  'least-conn': leastConn
}

/** One group of `upstreams`. */
export class Upstream {
  readonly name: string
  readonly #members: Map<Server, Member>
  readonly #primaries: readonly Server[]
  readonly #backups: readonly Server[]
  readonly #balance: (eligible: readonly Server[]) => Server | undefined
  readonly #deps: UpstreamDeps

  constructor(options: ResolvedUpstream, deps: UpstreamDeps) {
    this.name = options.name
    this.#deps = deps
    this.#balance = BALANCERS[options.balance]
    this.#members = new Map(
      options.servers.map((resolved) => {
        const server = createServer(resolved)
        return [server, { server, transport: deps.openTransport(resolved) }]
      })
    )
    const servers = [...this.#members.keys()]
    this.#primaries = servers.filter((server) => !server.backup)
    this.#backups = servers.filter((server) => server.backup)
  }

  /** How many servers there are, the bound of `tries`. */
  get size(): number {
    return this.#members.size
  }

  /** A server that is not in `tried`, primaries before backups; undefined when none is left or none is alive. */
  choose(tried?: ReadonlySet<Server>): Lease | undefined {
    const now = this.#deps.now()
    const server = this.#pick(this.#primaries, tried, now) ?? this.#pick(this.#backups, tried, now)
    const member = server === undefined ? undefined : this.#members.get(server)
    if (member === undefined) return undefined
    take(member.server, now)
    return this.#lease(member)
  }

  /** The servers as they stand. */
  states(): ServerState[] {
    const now = this.#deps.now()
    return [...this.#members.keys()].map((server) => stateOf(server, now))
  }

  /** Takes a server out for good. */
  takeDown(url: string, reason: string): void {
    const now = this.#deps.now()
    for (const server of this.#members.keys()) {
      if (server.url === url) Object.assign(server, { down: true, lastError: reason, failedAt: now })
    }
  }

  /** Lets exchanges end, then closes all connections. */
  async close(): Promise<void> {
    await Promise.all([...this.#members.values()].map(({ transport }) => transport.close()))
  }

  /** Ends all exchanges now. */
  destroy(error?: Error): void {
    for (const { transport } of this.#members.values()) transport.destroy(error)
  }

  /** The servers with why each could not be chosen now: its own state, or `backup` while a primary can be. */
  candidates(): { readonly url: string; readonly why: ReturnType<typeof whyNot> | 'backup' }[] {
    const now = this.#deps.now()
    const spared = this.#eligible(this.#primaries, undefined, now).length > 0 ? 'backup' : undefined
    return [...this.#members.keys()].map((server) => ({
      url: server.url,
      why: whyNot(server, now) ?? (server.backup ? spared : undefined)
    }))
  }

  #pick(group: readonly Server[], tried: ReadonlySet<Server> | undefined, now: number): Server | undefined {
    const eligible = this.#eligible(group, tried, now)
    return eligible.length > 1 ? this.#balance(eligible) : eligible[0]
  }

  #eligible(group: readonly Server[], tried: ReadonlySet<Server> | undefined, now: number): Server[] {
    const eligible: Server[] = []
    for (const server of group) {
      if (!tried?.has(server) && whyNot(server, now) === undefined) eligible.push(server)
    }
    return eligible
  }

  #lease({ server, transport }: Member): Lease {
    let open = true
    return {
      server,
      transport,
      done: (outcome, headMs, error) => {
        if (!open) return
        open = false
        this.#settle(server, outcome, error)
        if (headMs !== undefined) noteLatency(server, headMs)
      }
    }
  }

  #settle(server: Server, outcome: Outcome, error: string | undefined): void {
    const now = this.#deps.now()
    const rested = isResting(server, now)
    release(server, outcome, now, error)
    // nginx: with no other server to turn to, a rest would only make a short failure long.
    if (this.#members.size === 1) forgive(server)
    else if (!rested && isResting(server, now)) this.#deps.onFailed?.(server)
  }
}
