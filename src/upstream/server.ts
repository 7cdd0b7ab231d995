// PURE. What is known of one server: failures, rest, checks, weight, load (nginx: max_fails, fail_timeout, max_conns, backup, down).
import type { ResolvedServer } from './options'

/** What the checks say of a server; `checking`: its first result is still to come, and it is not used before. */
export type Health = 'up' | 'unhealthy' | 'checking'

/** One check, as `servers()` shows it. */
export interface CheckResult {
  readonly ok: boolean
  /** Why it failed: `status 500`, `ECONNREFUSED (connect)`; undefined when it passed. */
  readonly reason: string | undefined
  readonly durationMs: number
}

/** How an exchange ended: `neutral` says nothing about the server (the client left, a 404). */
export type Outcome = 'ok' | 'failed' | 'neutral'

/** Counts the changes of a group's servers: while it stands still, what was found once for all of them holds. */
export interface Changes {
  count: number
}

/** One server's state. What is readonly here changes through `change` only. */
export interface Server {
  readonly url: string
  /** Where its URL's name leads, this one's own first; none for what is no name, and while no address is known. */
  addresses: readonly string[]
  /** What cookies and rings know it by: its URL, with the address for the name where that has several. */
  identity: string
  /** A look has found nothing that keeps a request away, and nothing that only time changes; until the next change that is so. */
  steady: boolean
  /** The group's. */
  readonly changes: Changes
  readonly weight: number
  readonly maxFails: number
  readonly failTimeoutMs: number
  readonly maxConns: number
  /** Time in which the weight grows from nothing to its whole; 0 = at once. */
  readonly slowStartMs: number
  readonly backup: boolean
  readonly down: boolean
  /** Finishes what it has, gets nothing new. */
  readonly draining: boolean
  /** Falls with each failure, recovers by one with each choice. */
  effectiveWeight: number
  /** Smooth round robin's running sum. */
  currentWeight: number
  readonly fails: number
  /** When the last failure was. */
  failedAt: number
  /** What the last failure was: `ECONNREFUSED (connect)`. */
  lastError: string | undefined
  /** When the window or the rest began; later than `failedAt` only while a probe is under way. */
  checkedAt: number
  /** Not dialled before: the last dial has shown that there is nobody. */
  readonly heldUntil: number
  /** What the checks say; `up` without checks. */
  readonly health: Health
  lastCheck: (CheckResult & { readonly at: number }) | undefined
  /** Exchanges under way. */
  active: number
  /** Moving average of the time to the response head; undefined before the first. */
  latencyMs: number | undefined
  /** When the newest sample of it was taken. */
  latencyAt: number
  /** When the slow start began. */
  readonly risingSince: number
}

/**
 * Why a server may not take a request: `down`, `drain`, `checking`: it is not in service. `unhealthy`, `failed`: checks or failures have taken it
 * out. `held`: nobody was there a moment ago. `full`: it has `maxConns` exchanges.
 */
export type Reason = 'down' | 'drain' | 'checking' | 'held' | 'unhealthy' | 'failed' | 'full'

/** Weight of the newest sample in the latency average. */
const LATENCY_SHARE = 0.2

/** A server that has never been used. */
export function createServer(options: ResolvedServer, changes: Changes = { count: 0 }): Server {
  const {
    origin,
    addresses = [],
    weight,
    maxFails,
    failTimeoutMs,
    maxConns,
    slowStartMs,
    backup,
    down
  } = options
  return {
    url: origin.url,
    addresses,
    identity: origin.url,
    steady: false,
    changes,
    weight,
    maxFails,
    failTimeoutMs,
    maxConns,
    slowStartMs,
    backup,
    down,
    draining: false,
    effectiveWeight: weight,
    currentWeight: 0,
    fails: 0,
    failedAt: Number.NEGATIVE_INFINITY,
    lastError: undefined,
    checkedAt: Number.NEGATIVE_INFINITY,
    heldUntil: Number.NEGATIVE_INFINITY,
    health: 'up',
    lastCheck: undefined,
    active: 0,
    latencyMs: undefined,
    latencyAt: 0,
    risingSince: Number.NEGATIVE_INFINITY
  }
}

/** The only door to what decides whether a server may take a request. */
export function change(server: Server, parts: Partial<Server>): void {
  Object.assign(server, parts)
  server.steady = false
  server.changes.count++
}

/** The look at one server of many that each request takes: what it has found once need not be looked for again. */
export function isSteady(server: Server, now: number): boolean {
  return server.steady || settles(server, now)
}

function settles(server: Server, now: number): boolean {
  const { maxConns, fails, effectiveWeight, weight } = server
  const whole = maxConns === 0 && fails === 0 && effectiveWeight === weight && !isRising(server, now)
  const steady = whole && whyNot(server, now) === undefined
  server.steady = steady
  return steady
}

/** Whether the server rests after `maxFails` failures. */
export function isResting(server: Server, now: number): boolean {
  return (
    server.maxFails > 0 && server.fails >= server.maxFails && now - server.checkedAt <= server.failTimeoutMs
  )
}

/** What of its health keeps a server from being used. */
export type HealthRule = (server: Server, now: number) => 'held' | 'unhealthy' | 'failed' | undefined

/** One look for a server. */
export interface Look {
  readonly now: number
  /** Servers that this request has tried. */
  readonly tried: ReadonlySet<Server> | undefined
  readonly rule: HealthRule
}

/** The rule as a rule. */
export function whyOut(server: Server, now: number): ReturnType<HealthRule> {
  if (server.health === 'unhealthy') return 'unhealthy'
  return isResting(server, now) ? 'failed' : whyHeld(server, now)
}

/** The rule where health counts for nothing: all but one that is not there. */
export function whyHeld(server: Server, now: number): 'held' | undefined {
  return now < server.heldUntil ? 'held' : undefined
}

/** Why the server may not take a request; undefined when it may. */
export function whyNot(server: Server, now: number, rule: HealthRule = whyOut): Reason | undefined {
  return outOfService(server) ?? rule(server, now) ?? whyFull(server)
}

/** The same for a client that sticks to the server: one that drains keeps those it has. */
export function whyNotStay(
  server: Server,
  now: number,
  rule: HealthRule = whyOut
): Exclude<Reason, 'drain'> | undefined {
  return notInUse(server) ?? rule(server, now) ?? whyFull(server)
}

/** Whether somebody has decided that the server gets nothing new, whatever its health. */
export function outOfService(server: Server): 'down' | 'drain' | 'checking' | undefined {
  return server.draining && !server.down ? 'drain' : notInUse(server)
}

function notInUse({ down, health }: Server): 'down' | 'checking' | undefined {
  if (down) return 'down'
  return health === 'checking' ? 'checking' : undefined
}

function whyFull({ maxConns, active }: Server): 'full' | undefined {
  return maxConns > 0 && active >= maxConns ? 'full' : undefined
}

/** Whether the server may take the request that looks for one. */
export function mayTake(server: Server, look: Look): boolean {
  if (look.tried?.has(server)) return false
  return isSteady(server, look.now) || whyNot(server, look.now, look.rule) === undefined
}

/** The server is back, or new: its slow start begins. nginx: slow_start. */
export function rise(server: Server, now: number): void {
  change(server, { risingSince: now })
}

/** Whether the slow start is under way. */
export function isRising(server: Server, now: number): boolean {
  return now - server.risingSince < server.slowStartMs
}

/** The share of its weight that counts, 0 to 1. */
export function risenShare(server: Server, now: number): number {
  return !server.steady && isRising(server, now) ? (now - server.risingSince) / server.slowStartMs : 1
}

/** The server takes a request. The first one after the rest is the probe: it restarts the rest for all others. */
export function take(server: Server, now: number): void {
  server.active++
  if (now - server.checkedAt > server.failTimeoutMs) server.checkedAt = now
}

/** The same for one that rests, when all do: an answer from now on shows that it is back. */
export function takeAnyway(server: Server, now: number): void {
  server.active++
  server.checkedAt = now
}

/** The server gets no connection for a while. */
export function hold(server: Server, untilMs: number): void {
  change(server, { heldUntil: Math.max(server.heldUntil, untilMs) })
}

/** A response head has come: somebody is there, and a probe has succeeded. */
export function answered(server: Server, now: number): void {
  if (server.steady) return
  change(server, { heldUntil: Number.NEGATIVE_INFINITY })
  if (server.failedAt >= server.checkedAt) return
  if (server.maxFails > 0 && server.fails >= server.maxFails) rise(server, now)
  change(server, { fails: 0 })
}

/** The request has ended. */
export function release(server: Server, outcome: Outcome, now: number, error?: string): void {
  server.active--
  if (outcome === 'failed') fail(server, now, error)
  else if (outcome === 'ok') answered(server, now)
}

/** Forgets all failures: a server that has no other beside it never rests. */
export function forgive(server: Server): void {
  if (!server.steady) change(server, { fails: 0, effectiveWeight: server.weight })
}

/** Notes the time that a response head took. */
export function noteLatency(server: Server, latencyMs: number, now: number): void {
  server.latencyAt = now
  const previous = server.latencyMs ?? latencyMs
  server.latencyMs = previous + (latencyMs - previous) * LATENCY_SHARE
}

function fail(server: Server, now: number, error: string | undefined): void {
  const { maxFails, weight, effectiveWeight } = server
  server.lastError = error
  server.failedAt = now
  server.checkedAt = now
  const left = maxFails === 0 ? effectiveWeight : Math.max(0, effectiveWeight - weight / maxFails)
  change(server, { fails: server.fails + 1, effectiveWeight: left })
}
