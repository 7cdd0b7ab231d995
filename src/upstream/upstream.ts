// A group of servers: chooses one per try, at once or after a wait in its queue (nginx: upstream, ngx_http_upstream_round_robin).
import { sluiceError } from '../errors'
import type { Wish } from '../http/message'
import type { HashKey, ResolvedSticky } from './balance/options'
import { type Chooser, createChooser } from './choice'
import { census, ruleFor } from './ejection'
import { Intake, type IntakeDeps } from './intake'
import { type Lease, type Lessor, openLease } from './lease'
import { type MemberDeps, Members, type Names } from './members'
import { findServer, refuseJoin, refuseLeave, reweigh } from './membership'
import type { ResolvedServer, ResolvedUpstream } from './options'
import { type Offer, type Patience, Queue, type QueueState, type SetTimer } from './queue'
import {
  type Changes,
  change,
  type HealthRule,
  type Reason,
  rise,
  type Server,
  whyNot,
  whyOut
} from './server'
import { type ServerState, stateOf } from './server-state'

/** What the group needs from outside. */
export interface UpstreamDeps extends IntakeDeps, MemberDeps {
  /** Told when a server begins to rest. */
  readonly onFailed?: (server: Server) => void
  /** Chance, and the timers of the queue; those of Node unless a test has its own. */
  readonly random?: () => number
  readonly setTimer?: SetTimer
}

type Tried = ReadonlySet<Server> | undefined

const ANY: Wish = { key: '', cookie: undefined }

const nodeTimer: SetTimer = (run, ms) => {
  const timer = setTimeout(run, ms)
  return () => clearTimeout(timer)
}

/** One group of `upstreams`. */
export class Upstream {
  readonly name: string
  /** Asked before a server is chosen. */
  readonly intake: Intake
  /** What `Wish.key` is made of; undefined = it is not looked at. */
  readonly key: HashKey | undefined
  /** Undefined: clients do not stick to servers. */
  readonly sticky: ResolvedSticky | undefined
  readonly #options: ResolvedUpstream
  readonly #members: Members
  #chooser: Chooser
  readonly #queue: Queue<Lease> | undefined
  readonly #lessor: Lessor
  readonly #maxEjected: number
  readonly #now: () => number
  readonly #random: () => number
  readonly #changes: Changes = { count: 0 }
  /** How many changes there had been when every server was found steady. */
  #steadyAt = -1

  constructor(options: ResolvedUpstream, deps: UpstreamDeps) {
    const { name, key, sticky, queue, breaker, maxEjected } = options
    const { now, onFailed = () => {}, random: chance = Math.random, setTimer = nodeTimer } = deps
    this.name = name
    this.#options = options
    this.key = key
    this.sticky = sticky
    this.#maxEjected = maxEjected
    this.#now = now
    this.#random = chance
    this.intake = new Intake(breaker, deps)
    this.#queue = queue && new Queue(queue, setTimer)
    const onRoom = (): void => this.#queue?.serve()
    const onPeers = (): void => this.#changed()
    this.#members = new Members(options, {
      ...servingAfterChecks(deps, onRoom),
      onPeers,
      changes: this.#changes
    })
    this.#chooser = createChooser(options, this.#members.servers)
    const onEnded = (server: Server): void => this.#members.ended(server)
    this.#lessor = { now, size: () => this.size, onFailed, onRoom, onEnded }
  }

  /** How many servers there are, the bound of `tries`. */
  get size(): number {
    return this.#members.servers.length
  }

  /**
   * A server that is not in `tried`, primaries before backups; undefined when none is left or none is in service. Only one that is `well` when the
   * caller has something to lose.
   */
  choose(tried?: Tried, wish: Wish = ANY, who: 'any' | 'well' = 'any'): Lease | undefined {
    // Nobody overtakes: what those who wait can use is taken by them first.
    this.#queue?.serve()
    return this.#choose(tried, wish, who === 'well' ? whyOut : this.#rule(tried))
  }

  /** After `choose` in vain: waits while a server is full, else undefined at once. Rejects with SLUICE_QUEUE, or the reason of its `abort`. */
  async wait(patience: Patience, tried?: Tried, wish: Wish = ANY): Promise<Lease | undefined> {
    if (this.#queue === undefined || !this.#isBusy(tried)) return undefined
    const offer = (): Offer<Lease> => {
      const lease = this.#choose(tried, wish, this.#rule(tried))
      if (lease !== undefined) return { lease }
      return this.#isBusy(tried) ? 'none' : 'hopeless'
    }
    return this.#queue.wait({ offer, takesAny: tried === undefined || tried.size === 0, ...patience })
  }

  /** Whether it is known, without asking anybody, that no request can be answered well. */
  isDown(): boolean {
    const { usable, out } = census(this.#members.servers, { now: this.#now(), tried: undefined })
    return out === usable || this.intake.breaker === 'open'
  }

  /** Undefined without `queue`. */
  get queue(): QueueState | undefined {
    return this.#queue?.state
  }

  /** The Set-Cookie line that brings a client back to the server; undefined without `sticky`. */
  stickyLine(server: Server, overTls: boolean): string | undefined {
    return this.#chooser.line(server, overTls)
  }

  /** The servers as they stand. */
  states(): ServerState[] {
    const now = this.#now()
    return this.#members.servers.map((server) => stateOf(server, now))
  }

  /** The servers, in the order of `states`, with why each could not be chosen now: its own state, or `backup` while a primary can be. */
  candidates(): { readonly url: string; readonly why: Reason | 'backup' | undefined }[] {
    const now = this.#now()
    const rule = this.#rule(undefined)
    const { servers } = this.#members
    const isPrimaryUp = servers.some((server) => !server.backup && whyNot(server, now, rule) === undefined)
    const spared = isPrimaryUp ? 'backup' : undefined
    return servers.map((server) => ({
      url: server.url,
      why: whyNot(server, now, rule) ?? (server.backup ? spared : undefined)
    }))
  }

  /** What the servers are called. */
  get names(): Names {
    return this.#members.names
  }

  /** A further server, in use at once or when its checks pass. Throws when it cannot be one of the group. */
  add(server: ResolvedServer): void {
    refuseJoin(server, this.#members.servers, this.#options)
    this.#members.add(server)
    this.#changed()
  }

  /** No request gets the server from now on; resolves when its last exchange has ended and its connections are closed. */
  remove(url: string, path: string): Promise<void> {
    const { servers } = this.#members
    const { url: found } = findServer(servers, url, path)[0] as Server
    refuseLeave(found, servers, path)
    const gone = this.#members.remove(found)
    this.#changed()
    return gone
  }

  /** On: the server keeps the clients that stick to it and gets no others. Off: it is back, with its slow start. */
  drain(url: string, isOn: boolean, path: string): void {
    for (const server of findServer(this.#members.servers, url, path)) {
      if (server.draining && !isOn) rise(server, this.#now())
      change(server, { draining: isOn })
    }
    this.#queue?.serve()
  }

  /** The server's share from now on. */
  weigh(url: string, weight: number, path: string): void {
    const { servers } = this.#members
    const peers = findServer(servers, url, path)
    reweigh(peers, weight, { servers, balance: this.#options.balance, path })
    this.#changed()
  }

  /** Calls `tell` when the server of this URL is taken out, at once if there is none; what it returns takes that back. */
  whenRemoved(url: string, tell: () => void): () => void {
    return this.#members.whenRemoved(url, tell)
  }

  /** The group has no name any more; requests that have it already are served. Resolves when the last one has ended. */
  retire(): Promise<void> {
    return this.#members.retire()
  }

  /** Takes a server out for good. */
  takeDown(url: string, reason: string): void {
    this.#members.takeDown(url, reason)
    this.#queue?.serve()
  }

  /** Checks begin, and names are asked for; a group without either has nothing to start. */
  start(): void {
    this.#members.start()
  }

  /** Lets exchanges end, then closes all connections. */
  async close(): Promise<void> {
    this.#queue?.close(sluiceError('SLUICE_CLOSING'))
    await this.#members.close()
  }

  /** Ends all exchanges now. */
  destroy(error?: Error): void {
    this.#queue?.close(error ?? sluiceError('SLUICE_CLOSING'))
    this.#members.destroy(error)
  }

  /** Rings, wheels and cookies are laid out anew; turns and failures are kept with the servers. */
  #changed(): void {
    this.#changes.count++
    this.#chooser = createChooser(this.#options, this.#members.servers)
    this.#queue?.serve()
  }

  #choose(tried: Tried, { key, cookie }: Wish, rule: HealthRule): Lease | undefined {
    const turn = {
      now: this.#now(),
      tried: tried?.size === 0 ? undefined : tried,
      rule,
      key,
      random: this.#random
    }
    const choice = this.#chooser.choose(turn, cookie)
    if (choice === undefined) return undefined
    const { server, stick } = choice
    return openLease({ server, transport: this.#members.transport(server), stick }, this.#lessor)
  }

  #rule(tried: Tried): HealthRule {
    if (this.#steadyAt === this.#changes.count) return whyOut
    const { servers } = this.#members
    const counted = census(servers, { now: this.#now(), tried })
    if (counted.steady === servers.length) this.#steadyAt = this.#changes.count
    return ruleFor(counted, this.#maxEjected)
  }

  /** Whether a server would take the request if it had room. */
  #isBusy(tried: Tried): boolean {
    const now = this.#now()
    const rule = this.#rule(tried)
    return this.#members.servers.some(
      (server) => tried?.has(server) !== true && whyNot(server, now, rule) === 'full'
    )
  }
}

/** Who waits is served when checks bring a server back, and sent on when they take the last one out. */
function servingAfterChecks(deps: MemberDeps, onRoom: () => void): MemberDeps {
  const { checks } = deps
  if (checks === undefined) return deps
  const onChange = (server: Server): void => {
    checks.onChange?.(server)
    onRoom()
  }
  return { ...deps, checks: { ...checks, onChange } }
}
