// The servers of a group and the peers that they stand for, each with its connections and its checks; they join and leave while it runs (nginx: upstream, resolve, health_check).
import type { Names as DnsNames } from './dns/names'
import type { Resolution } from './dns/resolution'
import { createMember, type Member, type PeerDeps } from './member'
import type { ResolvedServer, ResolvedUpstream } from './options'
import { Seat } from './seat'
import { change, rise, type Server } from './server'
import type { Transport } from './transport'

/** What the servers need from outside. */
export interface MemberDeps extends PeerDeps {
  readonly now: () => number
  /** Asked for the addresses of names; without it the platform is, at each connect. */
  readonly dns?: DnsNames
  /** Told what has become of a server's name. */
  readonly onResolution?: (server: ResolvedServer, resolution: Resolution, before: Resolution) => void
  /** Told when names have other addresses than before. */
  readonly onPeers?: () => void
}

/** What the group's servers are called. */
export interface Names {
  /** `host:port` of the servers, in lower case, for redirects that name them. */
  readonly authorities: ReadonlySet<string>
  /** The option that names each URL, for messages. */
  readonly serverPaths: ReadonlyMap<string, string>
}

/** All servers of one group. */
export class Members {
  readonly #options: ResolvedUpstream
  readonly #deps: MemberDeps
  /** By URL. */
  readonly #seats = new Map<string, Seat>()
  readonly #members = new Map<Server, Member>()
  /** Out of the group, with exchanges still under way. */
  readonly #leaving = new Map<Server, Member>()
  #servers: readonly Server[] = []
  #names: Names = { authorities: new Set(), serverPaths: new Map() }
  #started = false
  /** Set once the group is retired. */
  #onRetired: (() => void) | undefined

  constructor(options: ResolvedUpstream, deps: MemberDeps) {
    this.#options = options
    this.#deps = deps
    for (const resolved of options.servers) this.#seat(resolved)
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
  add(resolved: ResolvedServer): void {
    const seat = this.#seat(resolved)
    for (const { server, check } of seat.peers) {
      rise(server, this.#deps.now())
      if (this.#started) check?.start()
    }
    if (this.#started) seat.watch?.start()
    this.#refresh()
  }

  /** Takes the server of that URL out at once; resolves when its last exchange has ended and its connections are closed. */
  async remove(url: string): Promise<void> {
    const seat = this.#seats.get(url) as Seat
    this.#seats.delete(url)
    seat.watch?.stop()
    const gone = Promise.all(seat.peers.map((member) => this.#leave(member)))
    this.#refresh()
    for (const tell of [...seat.onRemoved]) tell()
    await gone
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
    this.#stop()
    const retired = new Promise<void>((resolve) => {
      this.#onRetired = resolve
    })
    for (const { onRemoved } of this.#seats.values()) for (const tell of [...onRemoved]) tell()
    this.#rest()
    return retired
  }

  /** Calls `tell` when the server of this URL is taken out, at once if there is none; what it returns takes that back. */
  whenRemoved(url: string, tell: () => void): () => void {
    const seat = this.#seats.get(url)
    if (seat === undefined || this.#onRetired !== undefined) {
      tell()
      return () => {}
    }
    seat.onRemoved.add(tell)
    return () => seat.onRemoved.delete(tell)
  }

  /** Takes a server out for good. */
  takeDown(url: string, reason: string): void {
    for (const { server, check } of this.#seats.get(url)?.peers ?? []) {
      change(server, { down: true, lastError: reason, failedAt: this.#deps.now() })
      check?.stop()
    }
  }

  /** Checks begin, and names are asked for; a group without either has nothing to start. */
  start(): void {
    this.#started = true
    for (const { check } of this.#members.values()) check?.start()
    for (const { watch } of this.#seats.values()) watch?.start()
  }

  /** Lets exchanges end, then closes all connections. */
  async close(): Promise<void> {
    this.#stop()
    await Promise.all(this.#all().map(({ transport }) => transport?.close()))
  }

  /** Ends all exchanges now. */
  destroy(error?: Error): void {
    this.#stop()
    for (const { transport } of this.#all()) transport?.destroy(error)
  }

  #seat(resolved: ResolvedServer): Seat {
    const seat = new Seat(resolved)
    this.#seats.set(seat.url, seat)
    const { dns } = this.#deps
    const { resolve } = this.#options
    if (dns !== undefined && resolve !== undefined) {
      seat.watchName({ dns, resolve }, (now, before) => this.#onName(seat, now, before))
    }
    seat.open((peer) => this.#open(peer))
    return seat
  }

  #open(resolved: ResolvedServer): Member {
    const member = createMember(resolved, this.#options, this.#deps)
    this.#members.set(member.server, member)
    return member
  }

  #onName(seat: Seat, resolution: Resolution, before: Resolution): void {
    this.#deps.onResolution?.(seat.resolved, resolution, before)
    const { gone, fresh } = seat.change((peer) => this.#open(peer))
    if (gone.length === 0 && fresh.length === 0) return
    for (const member of gone) void this.#leave(member)
    for (const { server, check } of fresh) {
      if (before.addresses.length > 0) rise(server, this.#deps.now())
      if (this.#started && !server.down) check?.start()
    }
    this.#refresh()
    this.#deps.onPeers?.()
  }

  /** No request gets it from now on. */
  async #leave(member: Member): Promise<void> {
    const { server } = member
    this.#members.delete(server)
    this.#leaving.set(server, member)
    member.check?.stop()
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
    this.#servers = [...this.#seats.values()].flatMap(({ peers }) => peers.map(({ server }) => server))
    this.#names = {
      authorities: new Set(all.map(({ origin }) => origin.authority.toLowerCase())),
      serverPaths: new Map(all.map(({ origin, optionPath }) => [origin.url, optionPath]))
    }
  }

  #all(): Member[] {
    return [...this.#leaving.values(), ...this.#members.values()]
  }

  #stop(): void {
    for (const { check } of this.#members.values()) check?.stop()
    for (const { watch } of this.#seats.values()) watch?.stop()
  }
}
