// A group of servers: chooses one per try and learns from how the try ended (nginx: upstream, ngx_http_upstream_round_robin).
import { sluiceError } from '../errors'
import type { Abort } from '../http/abort'
import type { Wish } from '../http/message'
import type { HashKey, ResolvedSticky } from './balance/options'
import { type Chooser, createChooser } from './choice'
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
  whyNot
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
  readonly #chooser: Chooser
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
    this.#chooser = createChooser(options, [...this.#members.keys()])
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
    return this.#chooser.line(server, overTls)
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
    const servers = [...this.#members.keys()]
    const isPrimaryUp = servers.some((server) => !server.backup && whyNot(server, now) === undefined)
    const spared = isPrimaryUp ? 'backup' : undefined
    return servers.map((server) => ({
      url: server.url,
      why: whyNot(server, now) ?? (server.backup ? spared : undefined)
    }))
  }

  #choose(tried: ReadonlySet<Server> | undefined, { key, cookie }: Wish): Lease | undefined {
    const now = this.#deps.now()
    const choice = this.#chooser.choose({ now, tried, key, random: this.#random }, cookie)
    const member = choice && this.#members.get(choice.server)
    if (member === undefined) return undefined
    take(member.server, now)
    return this.#lease(member, choice?.stick === true)
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
