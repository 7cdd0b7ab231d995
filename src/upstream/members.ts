// The servers of a group, each with its connections and its checks; they join and leave while it runs (nginx: upstream, health_check).
import { type CheckClock, HealthCheck } from './health-check'
import type { ResolvedServer, ResolvedUpstream } from './options'
import { createServer, rise, type Server } from './server'
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

/** What the group's servers are called. */
export interface Names {
  /** `host:port` of the servers, in lower case, for redirects that name them. */
  readonly authorities: ReadonlySet<string>
  /** The option that names each URL, for messages. */
  readonly serverPaths: ReadonlyMap<string, string>
}

interface Member {
  readonly server: Server
  readonly resolved: ResolvedServer
  /** None between two exchanges of a group that has been retired. */
  transport: Transport | undefined
  readonly check: HealthCheck | undefined
  /** Told when the server is taken out of the group. */
  readonly onRemoved: Set<() => void>
  /** Told when its last exchange has ended; set once it is to leave. */
  onFree: (() => void) | undefined
}

/** All servers of one group. */
export class Members {
  readonly #options: ResolvedUpstream
  readonly #deps: MemberDeps
  readonly #members = new Map<Server, Member>()
  /** Out of the group, with exchanges still under way. */
  readonly #leaving = new Map<Server, Member>()
  #servers: readonly Server[] = []
  #names: Names = { authorities: new Set(), serverPaths: new Map() }
  #checking = false
  /** Set once the group is retired. */
  #onRetired: (() => void) | undefined

  constructor(options: ResolvedUpstream, deps: MemberDeps) {
    this.#options = options
    this.#deps = deps
    for (const resolved of options.servers) this.#open(resolved)
    this.#refresh()
  }

  /** In the order of the options, later ones behind; another list after each change. */
  get servers(): readonly Server[] {
    return this.#servers
  }

  /** Those that leave are known until they have left: their answers are still under way. */
  get names(): Names {
    return this.#names
  }

  /** The connections of one of `servers`. */
  transport(server: Server): Transport {
    const member = this.#members.get(server) as Member
    member.transport ??= this.#deps.openTransport(member.resolved)
    return member.transport
  }

  /** A further server; its slow start begins. */
  add(resolved: ResolvedServer, now: number): void {
    const { server, check } = this.#open(resolved)
    rise(server, now)
    if (this.#checking) check?.start()
    this.#refresh()
  }

  /** Takes one of `servers` out at once; resolves when its last exchange has ended and its connections are closed. */
  async remove(server: Server): Promise<void> {
    const member = this.#members.get(server) as Member
    this.#members.delete(server)
    this.#leaving.set(server, member)
    this.#refresh()
    member.check?.stop()
    for (const tell of [...member.onRemoved]) tell()
    // Before that a request that has chosen it may still be about to ask for a connection.
    if (server.active > 0) {
      await new Promise<void>((resolve) => {
        member.onFree = resolve
      })
    }
    await member.transport?.close()
    this.#leaving.delete(server)
    this.#refresh()
  }

  /** An exchange with the server has ended. */
  ended(server: Server): void {
    if (server.active > 0) return
    this.#leaving.get(server)?.onFree?.()
    if (this.#onRetired !== undefined) this.#rest()
  }

  /**
   * Nobody will ask for the group any more, but those that have: it serves them all. Whenever a server is free its connections are closed. Resolves
   * when all are.
   */
  retire(): Promise<void> {
    this.#stopChecks()
    const retired = new Promise<void>((resolve) => {
      this.#onRetired = resolve
    })
    for (const { onRemoved } of this.#members.values()) for (const tell of [...onRemoved]) tell()
    this.#rest()
    return retired
  }

  /** Calls `tell` when the server of this URL is taken out, at once if there is none; what it returns takes that back. */
  whenRemoved(url: string, tell: () => void): () => void {
    const member = [...this.#members.values()].find(({ server }) => server.url === url)
    if (member === undefined || this.#onRetired !== undefined) {
      tell()
      return () => {}
    }
    member.onRemoved.add(tell)
    return () => member.onRemoved.delete(tell)
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
    this.#checking = true
    for (const { check } of this.#members.values()) check?.start()
  }

  /** Lets exchanges end, then closes all connections. */
  async close(): Promise<void> {
    this.#stopChecks()
    await Promise.all(this.#all().map(({ transport }) => transport?.close()))
  }

  /** Ends all exchanges now. */
  destroy(error?: Error): void {
    this.#stopChecks()
    for (const { transport } of this.#all()) transport?.destroy(error)
  }

  #open(resolved: ResolvedServer): Member {
    const server = createServer(resolved)
    const transport = this.#deps.openTransport(resolved)
    const check = createCheck(server, resolved, { options: this.#options, deps: this.#deps })
    const member = { server, resolved, transport, check, onRemoved: new Set<() => void>(), onFree: undefined }
    this.#members.set(server, member)
    return member
  }

  #rest(): void {
    for (const member of this.#members.values()) {
      if (member.server.active > 0) continue
      void member.transport?.close()
      member.transport = undefined
    }
    if (this.#all().every(({ server }) => server.active === 0)) this.#onRetired?.()
  }

  #refresh(): void {
    const all = this.#all().map(({ resolved }) => resolved)
    this.#servers = [...this.#members.keys()]
    this.#names = {
      authorities: new Set(all.map(({ origin }) => origin.authority.toLowerCase())),
      serverPaths: new Map(all.map(({ origin, optionPath }) => [origin.url, optionPath]))
    }
  }

  #all(): Member[] {
    return [...this.#leaving.values(), ...this.#members.values()]
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
