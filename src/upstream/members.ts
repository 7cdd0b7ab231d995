// The servers of a group, each with its connections and its checks (nginx: upstream, health_check).
import { type CheckClock, HealthCheck } from './health-check'
import type { ResolvedServer, ResolvedUpstream } from './options'
import { createServer, type Server } from './server'
import type { Transport } from './transport'

/** What the servers need from outside. */
export interface MemberDeps {
  readonly openTransport: (server: ResolvedServer) => Transport
  /** For the checks of servers, where the group has them. */
  readonly checks?: {
    readonly clock: CheckClock
    /** Connections of their own; the port may be another one. */
    readonly openTransport: (server: ResolvedServer) => Transport
    /** Told when the checks of a server come to another verdict. */
    readonly onChange?: (server: Server) => void
  }
}

interface Member {
  readonly server: Server
  readonly transport: Transport
  readonly check: HealthCheck | undefined
}

/** All servers of one group. */
export class Members {
  /** In the order of the options. */
  readonly servers: readonly Server[]
  readonly #members: ReadonlyMap<Server, Member>

  constructor(options: ResolvedUpstream, deps: MemberDeps) {
    this.#members = new Map(
      options.servers.map((resolved) => {
        const server = createServer(resolved)
        const check = createCheck(server, resolved, { options, deps })
        return [server, { server, transport: deps.openTransport(resolved), check }]
      })
    )
    this.servers = [...this.#members.keys()]
  }

  /** The connections of one of `servers`. */
  transport(server: Server): Transport {
    return (this.#members.get(server) as Member).transport
  }

  /** Takes a server out for good. */
  takeDown(url: string, reason: string, now: number): void {
    for (const { server, check } of this.#members.values()) {
      if (server.url !== url) continue
      Object.assign(server, { down: true, lastError: reason, failedAt: now })
      check?.stop()
    }
  }

  /** The checks begin; a group without them has nothing to start. */
  startChecks(): void {
    for (const { check } of this.#members.values()) check?.start()
  }

  /** Lets exchanges end, then closes all connections. */
  async close(): Promise<void> {
    this.#stopChecks()
    await Promise.all([...this.#members.values()].map(({ transport }) => transport.close()))
  }

  /** Ends all exchanges now. */
  destroy(error?: Error): void {
    this.#stopChecks()
    for (const { transport } of this.#members.values()) transport.destroy(error)
  }

  #stopChecks(): void {
    for (const { check } of this.#members.values()) check?.stop()
  }
}

function createCheck(
  server: Server,
  resolved: ResolvedServer,
  { options: { health }, deps: { checks } }: { options: ResolvedUpstream; deps: MemberDeps }
): HealthCheck | undefined {
  if (health === undefined || checks === undefined || server.down) return undefined
  const { clock, openTransport, onChange = () => {} } = checks
  const { origin } = resolved
  const asked =
    health.port === undefined ? resolved : { ...resolved, origin: { ...origin, port: health.port } }
  server.health = health.initial
  return new HealthCheck({ server, transport: openTransport(asked), health, clock, onChange })
}
