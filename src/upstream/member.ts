// One peer of a group: its state, its connections, its checks.
import { type CheckClock, HealthCheck } from './health-check'
import type { ResolvedServer, ResolvedUpstream } from './options'
import { type Changes, change, createServer, type Server } from './server'
import type { Transport } from './transport'

/** What a peer needs from outside. */
export interface PeerDeps {
  readonly changes?: Changes
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

/** One peer. */
export interface Member {
  readonly server: Server
  readonly resolved: ResolvedServer
  /** None between two exchanges of a group that has been retired. */
  transport: Transport | undefined
  readonly check: HealthCheck | undefined
  /** Told when its last exchange has ended; set once it is to leave. */
  onFree: (() => void) | undefined
}

/** A peer that has never been used; its checks have yet to start. */
export function createMember(resolved: ResolvedServer, options: ResolvedUpstream, deps: PeerDeps): Member {
  const server = createServer(resolved, deps.changes)
  const transport = deps.openTransport(resolved)
  return {
    server,
    resolved,
    transport,
    check: createCheck(server, resolved, { options, deps }),
    onFree: undefined
  }
}

function createCheck(
  server: Server,
  resolved: ResolvedServer,
  { options: { health }, deps: { checks } }: { options: ResolvedUpstream; deps: PeerDeps }
): HealthCheck | undefined {
  if (health === undefined || checks === undefined || server.down) return undefined
  const { clock, openTransport, onChange = () => {} } = checks
  const { origin } = resolved
  const asked =
    health.port === undefined ? resolved : { ...resolved, origin: { ...origin, port: health.port } }
  change(server, { health: health.initial })
  return new HealthCheck({ server, transport: openTransport(asked), health, clock, onChange })
}
