// One entry of `servers` and its peers: one for each address of its name, or the one that it is itself (nginx: server, resolve).
import { isIP, isIPv6 } from 'node:net'
import type { Names, OnChange, Watch } from './dns/names'
import type { ResolvedResolve } from './dns/options'
import { type PeerAddresses, peersOf } from './dns/peers'
import type { Member } from './member'
import type { ResolvedServer } from './options'
import type { Origin } from './origin'
import type { Server } from './server'

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

  /** The peers that there should be. */
  wanted(): ResolvedServer[] {
    const { watch, resolved } = this
    if (watch === undefined) return [resolved]
    const peers = peersOf(watch.resolution.addresses)
    if (peers.length > 0) return peers.map((addresses) => at(resolved, addresses, watch))
    return [{ ...resolved, origin: { ...resolved.origin, book: watch } }]
  }

  /** Peers that stay keep their connections and what is known of them; new ones take over what was decided about the server. */
  change(open: (peer: ResolvedServer) => Member): SeatChange {
    const before = this.peers
    const known = new Map(before.map((member) => [addressesText(member.resolved), member]))
    const fresh: Member[] = []
    this.peers = this.wanted().map((peer) => {
      const kept = known.get(addressesText(peer))
      if (kept !== undefined) return kept
      const member = open(peer)
      fresh.push(member)
      return member
    })
    const gone = before.filter((member) => !this.peers.includes(member))
    for (const { server } of fresh) inherit(server, before, { isAlone: fresh.length === this.peers.length })
    this.identify()
    return { gone, fresh }
  }

  /** A single peer is known by its server's name, whatever its address; several are told apart by theirs. */
  identify(): void {
    const isOne = this.peers.length === 1
    for (const { server, resolved } of this.peers) {
      server.identity = isOne ? this.url : identityOf(resolved.origin, server.addresses[0])
    }
  }
}

function at(resolved: ResolvedServer, addresses: PeerAddresses, watch: Watch): ResolvedServer {
  const book = { addresses: () => addresses, suspect: () => watch.suspect() }
  return { ...resolved, addresses, origin: { ...resolved.origin, book } }
}

function addressesText({ addresses }: ResolvedServer): string {
  return addresses?.join() ?? ''
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
  Object.assign(server, { weight, effectiveWeight: weight, down, draining })
  const wasUp = before.some((member) => member.server.health === 'up')
  if (isAlone && wasUp && server.health === 'checking') server.health = 'up'
}

/** The URL with the address in place of the name. */
function identityOf({ secure, port }: Origin, address = ''): string {
  const host = isIPv6(address) ? `[${address}]` : address
  return `${secure ? 'https' : 'http'}://${host}:${port}`
}
