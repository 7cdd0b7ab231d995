// A group of servers: chooses one per try and learns from how the try ended (nginx: upstream, ngx_http_upstream_round_robin).
import { sluiceError } from '../errors'
import type { Abort } from '../http/abort'
import type { Wish } from '../http/message'
import type { Balancer, CreateBalancer, Turn } from './balance/balancer'
import { consistentHash } from './balance/consistent-hash'
import { hash } from './balance/hash'
import { ipHash } from './balance/ip-hash'
import { leastConn } from './balance/least-conn'
import { leastTime } from './balance/least-time'
import type { HashKey, ResolvedBalance, ResolvedSticky } from './balance/options'
import { random } from './balance/random'
import { roundRobin } from './balance/round-robin'
import { createSticky, type Sticking, type Sticky } from './balance/sticky'
import type { ResolvedServer, ResolvedUpstream } from './options'
import { type Offer, Queue, type SetTimer } from './queue'
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
  whyNot,
  whyNotStay
} from './server'
import type { Transport } from './transport'

/** The right to one exchange with one server. `done` must be called; only the first call counts. */
export interface Lease {
  readonly server: Server
  readonly transport: Transport
  /** The client is to be told to come back to this server. */
  readonly stick: boolean
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
  /** Chance, and the timers of the queue; those of Node unless a test has its own. */
  readonly random?: () => number
  readonly setTimer?: SetTimer
}

interface Member {
  readonly server: Server
  readonly transport: Transport
}

/** Servers that are chosen among, before or after others. */
interface Tier {
  readonly backup: boolean
  readonly servers: readonly Server[]
  readonly balance: Balancer
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

const ANY: Wish = { key: '', cookie: undefined }

const nodeTimer: SetTimer = (run, ms) => {
  const timer = setTimeout(run, ms)
  return () => clearTimeout(timer)
}

/** One group of `upstreams`. */
export class Upstream {
  readonly name: string
  /** What `Wish.key` is made of; undefined = it is not looked at. */
  readonly key: HashKey | undefined
  /** Undefined: clients do not stick to servers. */
  readonly sticky: ResolvedSticky | undefined
  readonly #members: Map<Server, Member>
  readonly #primaries: Tier
  readonly #backups: Tier
  readonly #tokens: Sticky | undefined
  readonly #queue: Queue<Lease> | undefined
  readonly #random: () => number
  readonly #deps: UpstreamDeps

  constructor(options: ResolvedUpstream, deps: UpstreamDeps) {
    const { name, key, sticky, queue } = options
    const { random: chance = Math.random, setTimer = nodeTimer } = deps
    this.name = name
    this.key = key
    this.sticky = sticky
    this.#deps = deps
    this.#random = chance
    this.#members = new Map(
      options.servers.map((resolved) => {
        const server = createServer(resolved)
        return [server, { server, transport: deps.openTransport(resolved) }]
      })
    )
    const servers = [...this.#members.keys()]
    this.#primaries = createTier(servers, options.balance, { backup: false })
    this.#backups = createTier(servers, options.balance, { backup: true })
    this.#tokens = sticky && createSticky(sticky, servers)
    this.#queue = queue && new Queue(queue, setTimer)
  }

  /** How many servers there are, the bound of `tries`. */
  get size(): number {
    return this.#members.size
  }

  /** A server that is not in `tried`, primaries before backups; undefined when none is left or none is alive. */
  choose(tried?: ReadonlySet<Server>, wish: Wish = ANY): Lease | undefined {
    // Nobody overtakes: what those who wait can use is taken by them first.
    this.#queue?.serve()
    return this.#choose(tried, wish)
  }

  /** After `choose` in vain: waits while a server is full, else undefined at once. Rejects with SLUICE_QUEUE, or the reason of `abort`. */
  async wait(abort: Abort, tried?: ReadonlySet<Server>, wish: Wish = ANY): Promise<Lease | undefined> {
    if (this.#queue === undefined || !this.#isBusy(tried)) return undefined
    const offer = (): Offer<Lease> => {
      const lease = this.#choose(tried, wish)
      if (lease !== undefined) return { lease }
      return this.#isBusy(tried) ? 'none' : 'hopeless'
    }
    return this.#queue.wait({ offer, takesAny: tried === undefined || tried.size === 0, abort })
  }

  /** Requests in the queue. */
  get waiting(): number {
    return this.#queue?.length ?? 0
  }

  /** The Set-Cookie line that brings a client back to the server; undefined without `sticky`. */
  stickyLine(server: Server, overTls: boolean): string | undefined {
    return this.#tokens?.line(server, overTls)
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
    this.#queue?.serve()
  }

  /** Lets exchanges end, then closes all connections. */
  async close(): Promise<void> {
    this.#queue?.close(sluiceError('SLUICE_CLOSING'))
    await Promise.all([...this.#members.values()].map(({ transport }) => transport.close()))
  }

  /** Ends all exchanges now. */
  destroy(error?: Error): void {
    this.#queue?.close(error ?? sluiceError('SLUICE_CLOSING'))
    for (const { transport } of this.#members.values()) transport.destroy(error)
  }

  /** The servers with why each could not be chosen now: its own state, or `backup` while a primary can be. */
  candidates(): { readonly url: string; readonly why: ReturnType<typeof whyNot> | 'backup' }[] {
    const now = this.#deps.now()
    const isPrimaryUp = this.#primaries.servers.some((server) => whyNot(server, now) === undefined)
    const spared = isPrimaryUp ? 'backup' : undefined
    return [...this.#members.keys()].map((server) => ({
      url: server.url,
      why: whyNot(server, now) ?? (server.backup ? spared : undefined)
    }))
  }

  #choose(tried: ReadonlySet<Server> | undefined, { key, cookie }: Wish): Lease | undefined {
    const now = this.#deps.now()
    const stuck = cookie === undefined ? undefined : this.#tokens?.find(cookie)
    const turn: Turn = { now, tried, key, random: this.#random }
    const server = pick(this.#primaries, turn, stuck?.server) ?? pick(this.#backups, turn, stuck?.server)
    const member = server && this.#members.get(server)
    if (member === undefined) return undefined
    // Asked before the server is taken: with this request it may be full.
    const stick = this.#isToStick(member.server, stuck, now)
    take(member.server, now)
    return this.#lease(member, stick)
  }

  /** A server that is only full is worth coming back to. */
  #isToStick(server: Server, stuck: Sticking | undefined, now: number): boolean {
    if (this.sticky === undefined) return false
    if (stuck?.server === server) return !stuck.current || this.sticky.ttlMs > 0
    return stuck === undefined || whyNotStay(stuck.server, now) !== 'full'
  }

  #isBusy(tried: ReadonlySet<Server> | undefined): boolean {
    const now = this.#deps.now()
    for (const server of this.#members.keys()) {
      if (tried?.has(server) !== true && whyNot(server, now) === 'full') return true
    }
    return false
  }

  #lease({ server, transport }: Member, stick: boolean): Lease {
    let open = true
    return {
      server,
      transport,
      stick,
      done: (outcome, headMs, error) => {
        if (!open) return
        open = false
        if (headMs !== undefined) noteLatency(server, headMs, this.#deps.now())
        this.#settle(server, outcome, error)
        this.#queue?.serve()
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

function createTier(
  all: readonly Server[],
  balance: ResolvedBalance['balance'],
  { backup }: Pick<Tier, 'backup'>
): Tier {
  const servers = all.filter((server) => server.backup === backup)
  return { backup, servers, balance: BALANCERS[balance](servers) }
}

/** The client's own server if that may have it, else by the rule of the group. */
function pick({ backup, balance }: Tier, turn: Turn, own: Server | undefined): Server | undefined {
  const isOwnHere = own?.backup === backup && turn.tried?.has(own) !== true
  return isOwnHere && whyNotStay(own, turn.now) === undefined ? own : balance(turn)
}
