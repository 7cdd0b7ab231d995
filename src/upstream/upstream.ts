// A group of servers: chooses one per try and learns from how the try ended (nginx: upstream, ngx_http_upstream_round_robin).
import { leastConn } from './balance/least-conn'
import { roundRobin } from './balance/round-robin'
import { failureText, holdMs } from './failure'
import { type CheckClock, HealthCheck } from './health-check'
import { Intake, type IntakeDeps } from './intake'
import type { Failure } from './next-upstream'
import type { Balance, ResolvedServer, ResolvedUpstream } from './options'
import {
  answered,
  createServer,
  forgive,
  hold,
  isResting,
  noteLatency,
  type Outcome,
  outOfService,
  type Reason,
  release,
  type Server,
  type ServerState,
  stateOf,
  take,
  takeAnyway,
  whyNot,
  whyNotAtAll,
  whyOut
} from './server'
import type { Transport } from './transport'

/** The right to one exchange with one server. `done` must be called; only the first call counts. */
export interface Lease {
  readonly server: Server
  readonly transport: Transport
  /** The response head has come: a probe need not wait for the end of the content. */
  answered(): void
  /** `headMs`: time to the response head, for `latencyMs`; `failure`: how it failed. */
  done(outcome: Outcome, headMs?: number, failure?: Failure): void
}

/** What the group needs from outside. */
export interface UpstreamDeps extends IntakeDeps {
  readonly openTransport: (server: ResolvedServer) => Transport
  /** Told when a server begins to rest. */
  readonly onFailed?: (server: Server) => void
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

/** Says why a server may not take a request. */
type Rule = (server: Server, now: number) => Reason | undefined

/** What one look for a server goes by. */
interface Look {
  readonly tried: ReadonlySet<Server> | undefined
  readonly now: number
  readonly rule: Rule
}

const BALANCERS: Record<Balance, (eligible: readonly Server[]) => Server | undefined> = {
  'round-robin': roundRobin,
  'least-conn': leastConn
}

/** One group of `upstreams`. */
export class Upstream {
  readonly name: string
  /** Asked before a server is chosen. */
  readonly intake: Intake
  readonly #members: Map<Server, Member>
  readonly #primaries: readonly Server[]
  readonly #backups: readonly Server[]
  readonly #balance: (eligible: readonly Server[]) => Server | undefined
  readonly #maxEjected: number
  readonly #deps: UpstreamDeps

  constructor(options: ResolvedUpstream, deps: UpstreamDeps) {
    this.name = options.name
    this.#deps = deps
    this.#balance = BALANCERS[options.balance]
    this.#maxEjected = options.maxEjected
    this.intake = new Intake(options.breaker, deps)
    this.#members = new Map(
      options.servers.map((resolved) => {
        const server = createServer(resolved)
        const check = createCheck(server, resolved, { options, deps })
        return [server, { server, transport: deps.openTransport(resolved), check }]
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

  /**
   * A server that is not in `tried`, primaries before backups; undefined when none is left or none is in service. Only one that is `well` when the
   * caller has something to lose.
   */
  choose(tried?: ReadonlySet<Server>, who: 'any' | 'well' = 'any'): Lease | undefined {
    const now = this.#deps.now()
    const look = { tried, now, rule: who === 'well' ? whyNot : this.#rule(now, tried) }
    const server = this.#pick(this.#primaries, look) ?? this.#pick(this.#backups, look)
    const member = server === undefined ? undefined : this.#members.get(server)
    if (member === undefined) return undefined
    if (isResting(member.server, now)) takeAnyway(member.server, now)
    else take(member.server, now)
    return this.#lease(member)
  }

  /** Whether it is known, without asking anybody, that no request can be answered well. */
  isDown(): boolean {
    const { usable, out } = this.#census(this.#deps.now())
    return out === usable || this.intake.breaker === 'open'
  }

  /** The servers as they stand. */
  states(): ServerState[] {
    const now = this.#deps.now()
    return [...this.#members.keys()].map((server) => stateOf(server, now))
  }

  /** Takes a server out for good. */
  takeDown(url: string, reason: string): void {
    const now = this.#deps.now()
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

  /** The servers with why each could not be chosen now: its own state, or `backup` while a primary can be. */
  candidates(): { readonly url: string; readonly why: Reason | 'backup' | undefined }[] {
    const now = this.#deps.now()
    const rule = this.#rule(now)
    const look = { tried: undefined, now, rule }
    const spared = this.#eligible(this.#primaries, look).length > 0 ? 'backup' : undefined
    return [...this.#members.keys()].map((server) => ({
      url: server.url,
      why: rule(server, now) ?? (server.backup ? spared : undefined)
    }))
  }

  #stopChecks(): void {
    for (const { check } of this.#members.values()) check?.stop()
  }

  /**
   * When more servers are out than may be, the failure is everywhere or the verdict is wrong: health counts for nothing then. A request that has
   * tried some counts only the others: before it fails it asks those that are out.
   */
  #rule(now: number, tried?: ReadonlySet<Server>): Rule {
    const { usable, out } = this.#census(now, tried)
    const mayBeOut = Math.min(usable - 1, Math.floor(usable * this.#maxEjected))
    return out > mayBeOut ? whyNotAtAll : whyNot
  }

  /** How many servers are in service, and how many of those their health keeps out. */
  #census(now: number, tried?: ReadonlySet<Server>): { usable: number; out: number } {
    let usable = 0
    let out = 0
    for (const server of this.#members.keys()) {
      if (tried?.has(server) || outOfService(server) !== undefined) continue
      usable++
      if (whyOut(server, now) !== undefined) out++
    }
    return { usable, out }
  }

  #pick(group: readonly Server[], look: Look): Server | undefined {
    const eligible = this.#eligible(group, look)
    return eligible.length > 1 ? this.#balance(eligible) : eligible[0]
  }

  #eligible(group: readonly Server[], { tried, now, rule }: Look): Server[] {
    const eligible: Server[] = []
    for (const server of group) {
      if (!tried?.has(server) && rule(server, now) === undefined) eligible.push(server)
    }
    return eligible
  }

  #lease({ server, transport }: Member): Lease {
    let open = true
    return {
      server,
      transport,
      answered: () => answered(server),
      done: (outcome, headMs, failure) => {
        if (!open) return
        open = false
        this.#settle(server, outcome, failure)
        if (headMs !== undefined) noteLatency(server, headMs)
      }
    }
  }

  #settle(server: Server, outcome: Outcome, failure: Failure = {}): void {
    const now = this.#deps.now()
    const rested = isResting(server, now)
    const error = outcome === 'failed' ? failureText(failure) : undefined
    release(server, outcome, now, error)
    // nginx: with no other server to turn to, a rest would only make a short failure long.
    if (this.#members.size === 1) {
      forgive(server)
      return
    }
    hold(server, now + holdMs(failure))
    if (!rested && isResting(server, now)) this.#deps.onFailed?.(server)
  }
}

function createCheck(
  server: Server,
  resolved: ResolvedServer,
  { options: { health }, deps: { checks } }: { options: ResolvedUpstream; deps: UpstreamDeps }
): HealthCheck | undefined {
  if (health === undefined || checks === undefined || server.down) return undefined
  const { clock, openTransport, onChange = () => {} } = checks
  const { origin } = resolved
  const asked =
    health.port === undefined ? resolved : { ...resolved, origin: { ...origin, port: health.port } }
  server.health = health.initial
  return new HealthCheck({ server, transport: openTransport(asked), health, clock, onChange })
}
