// One entry of `servers` and its peers: one for each address of its name, or the one that it is itself (nginx: server, resolve).
import { isIP, isIPv6 } from 'node:net'
import type { Names, OnChange, Watch } from './dns/names'
import type { ResolvedResolve } from './dns/options'
import { type PeerAddresses, peersOf } from './dns/peers'
import type { Member } from './member'
import type { ResolvedServer } from './options'
import type { AddressBook, Origin } from './origin'
import { change, type Server } from './server'

/** What joins and what leaves when a name changes. */
export interface SeatChange {
  readonly gone: readonly Member[]
  readonly fresh: readonly Member[]
}

/** A server as the options name it. There is always at least one peer: while no address is known, one that waits for them. */
export class Seat {
  readonly resolved: ResolvedServer
  /** Told when the server is taken out of the group. */
  readonly onRemoved = new Set<() => void>()
  peers: readonly Member[] = []
  /** Undefined for what is no name, and for names that the platform is asked for at each connect. */
  watch: Watch | undefined
  #waiting: PeerBook | undefined

  constructor(resolved: ResolvedServer) {
    this.resolved = resolved
  }

  get url(): string {
    return this.resolved.origin.url
  }

  /** Follows the name from `watch.start` on; does nothing for an address or a socket. */
  watchName(
    { dns, resolve }: { readonly dns: Names; readonly resolve: ResolvedResolve },
    onChange: OnChange
  ): void {
    const { socketPath, hostname } = this.resolved.origin
    if (socketPath !== undefined || isIP(hostname) !== 0) return
    this.watch = dns.watch(hostname, resolve, onChange)
  }

  /** The peers at the start. */
  open(open: (peer: ResolvedServer) => Member): void {
    this.peers = this.#wanted().map((addresses) => open(this.#peer(addresses)))
    this.#identify()
  }

  /** Peers that stay keep their connections and what is known of them; new ones take over what was decided about the server. */
  change(open: (peer: ResolvedServer) => Member): SeatChange {
    const before = this.peers
    const wanted = this.#wanted()
    this.#settle(wanted)
    const known = new Map(before.map((member) => [member.server.addresses.join(), member]))
    const fresh: Member[] = []
    this.peers = wanted.map((addresses) => {
      const kept = known.get(addresses.join())
      if (kept !== undefined) return kept
      const member = open(this.#peer(addresses))
      fresh.push(member)
      return member
    })
    const gone = before.filter((member) => !this.peers.includes(member))
    for (const { server } of fresh) inherit(server, before, { isAlone: fresh.length === this.peers.length })
    this.#identify()
    return { gone, fresh }
  }

  /** Without addresses one that waits for them. */
  #wanted(): readonly PeerAddresses[] {
    const peers = this.watch === undefined ? [] : peersOf(this.watch.resolution.addresses)
    return peers.length > 0 ? peers : [[]]
  }

  #peer(addresses: PeerAddresses): ResolvedServer {
    const { resolved, watch } = this
    if (watch === undefined) return resolved
    const book = new PeerBook(watch, addresses)
    if (addresses.length === 0) this.#waiting = book
    return { ...resolved, addresses, origin: { ...resolved.origin, book } }
  }

  /** Where a name leads to one peer only, the one that has waited is that peer: its connections go there. */
  #settle([only, ...others]: readonly PeerAddresses[]): void {
    const [peer] = this.peers
    if (peer === undefined || peer.server.addresses.length > 0 || only === undefined) return
    if (others.length > 0 || only.length === 0) return
    peer.server.addresses = only
    this.#waiting?.settle(only)
  }

  /** A single peer is known by its server's name, whatever its address; several are told apart by theirs. */
  #identify(): void {
    const isOne = this.peers.length === 1
    for (const { server, resolved } of this.peers) {
      server.identity = isOne ? this.url : identityOf(resolved.origin, server.addresses[0])
    }
  }
}

/** One peer's addresses; while it has none, whatever the name comes to. */
class PeerBook implements AddressBook {
  readonly #watch: Watch
  #own: PeerAddresses

  constructor(watch: Watch, own: PeerAddresses) {
    this.#watch = watch
    this.#own = own
  }

  settle(addresses: PeerAddresses): void {
    this.#own = addresses
  }

  addresses(): PeerAddresses | Promise<PeerAddresses> {
    return this.#own.length > 0 ? this.#own : this.#watch.addresses()
  }

  suspect(): void {
    this.#watch.suspect()
  }
}

/** Without a peer that was there before, one that has to pass a check first would leave nobody: it goes on as its forerunners. */
function inherit(
  server: Server,
  before: readonly Member[],
  { isAlone }: { readonly isAlone: boolean }
): void {
  const [brother] = before
  if (brother === undefined) return
  const { weight, down, draining } = brother.server
  change(server, { weight, effectiveWeight: weight, down, draining })
  const wasUp = before.some((member) => member.server.health === 'up')
  if (isAlone && wasUp && server.health === 'checking') change(server, { health: 'up' })
}

/** The URL with the address in place of the name. */
function identityOf({ secure, port }: Origin, address = ''): string {
  const host = isIPv6(address) ? `[${address}]` : address
  return `${secure ? 'https' : 'http'}://${host}:${port}`
}
