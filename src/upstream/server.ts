// PURE. What is known of one server: failures, rest, weight, load (nginx: max_fails, fail_timeout, max_conns, backup, down).
import type { ResolvedServer } from './options'

/** How an exchange ended: `neutral` says nothing about the server (the client left, a 404). */
export type Outcome = 'ok' | 'failed' | 'neutral'

/** One server's state. Changed only by the functions of this file and by the balancers. */
export interface Server {
  readonly url: string
  readonly weight: number
  readonly maxFails: number
  readonly failTimeoutMs: number
  readonly maxConns: number
  /** Time in which the weight grows from nothing to its whole; 0 = at once. */
  readonly slowStartMs: number
  readonly backup: boolean
  down: boolean
  /** Finishes what it has, gets nothing new. */
  draining: boolean
  /** Falls with each failure, recovers by one with each choice. */
  effectiveWeight: number
  /** Smooth round robin's running sum. */
  currentWeight: number
  fails: number
  /** When the last failure was. */
  failedAt: number
  /** What the last failure was: `ECONNREFUSED (connect)`. */
  lastError: string | undefined
  /** When the window or the rest began; later than `failedAt` only while a probe is under way. */
  checkedAt: number
  /** Exchanges under way. */
  active: number
  /** Moving average of the time to the response head; undefined before the first. */
  latencyMs: number | undefined
  /** When the newest sample of it was taken. */
  latencyAt: number
  /** When the slow start began. */
  risingSince: number
}

/** A server as `sluice.upstream(name).servers()` shows it. */
export interface ServerState {
  readonly url: string
  readonly weight: number
  readonly state: 'up' | 'failed' | 'drain' | 'down'
  readonly backup: boolean
  readonly active: number
  readonly fails: number
  readonly latencyMs: number | undefined
  /** The last failure, and how long ago it was; undefined before the first. */
  readonly lastError: string | undefined
  readonly lastErrorAgoMs: number | undefined
}

/** Weight of the newest sample in the latency average. */
const LATENCY_SHARE = 0.2

/** A server that has never been used. */
export function createServer(options: ResolvedServer): Server {
  const { origin, weight, maxFails, failTimeoutMs, maxConns, slowStartMs, backup, down } = options
  return {
    url: origin.url,
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
    active: 0,
    latencyMs: undefined,
    latencyAt: 0,
    risingSince: Number.NEGATIVE_INFINITY
  }
}

/** Whether the server rests after `maxFails` failures. */
export function isResting(server: Server, now: number): boolean {
  return (
    server.maxFails > 0 && server.fails >= server.maxFails && now - server.checkedAt <= server.failTimeoutMs
  )
}

/** Why the server may not take a request; undefined when it may. `full`: it has `maxConns` exchanges. */
export function whyNot(server: Server, now: number): 'down' | 'drain' | 'failed' | 'full' | undefined {
  return server.draining && !server.down ? 'drain' : whyNotStay(server, now)
}

/** The same for a client that sticks to the server: one that drains keeps those it has. */
export function whyNotStay(server: Server, now: number): 'down' | 'failed' | 'full' | undefined {
  if (server.down) return 'down'
  if (isResting(server, now)) return 'failed'
  return server.maxConns > 0 && server.active >= server.maxConns ? 'full' : undefined
}

/** Whether the server may take a request that has tried others. */
export function mayTake(
  server: Server,
  { tried, now }: { readonly tried: ReadonlySet<Server> | undefined; readonly now: number }
): boolean {
  return whyNot(server, now) === undefined && tried?.has(server) !== true
}

/** The server is back, or new: its slow start begins. nginx: slow_start. */
export function rise(server: Server, now: number): void {
  server.risingSince = now
}

/** Whether the slow start is under way. */
export function isRising(server: Server, now: number): boolean {
  return now - server.risingSince < server.slowStartMs
}

/** The share of its weight that counts, 0 to 1. */
export function risenShare(server: Server, now: number): number {
  return isRising(server, now) ? (now - server.risingSince) / server.slowStartMs : 1
}

/** The server takes a request. The first one after the rest is the probe: it restarts the rest for all others. */
export function take(server: Server, now: number): void {
  server.active++
  if (now - server.checkedAt > server.failTimeoutMs) server.checkedAt = now
}

/** The request has ended. */
export function release(server: Server, outcome: Outcome, now: number, error?: string): void {
  server.active--
  if (outcome === 'failed') fail(server, now, error)
  else if (outcome === 'ok' && server.failedAt < server.checkedAt) recover(server, now)
}

/** Forgets all failures: a server that has no other beside it never rests. */
export function forgive(server: Server): void {
  server.fails = 0
  server.effectiveWeight = server.weight
}

/** Notes the time that a response head took. */
export function noteLatency(server: Server, latencyMs: number, now: number): void {
  server.latencyAt = now
  const previous = server.latencyMs ?? latencyMs
  server.latencyMs = previous + (latencyMs - previous) * LATENCY_SHARE
}

/** The public view. */
export function stateOf(server: Server, now: number): ServerState {
  const { url, weight, backup, active, fails, latencyMs, lastError, failedAt } = server
  const lastErrorAgoMs = lastError === undefined ? undefined : Math.round(now - failedAt)
  return {
    url,
    weight,
    state: word(server, now),
    backup,
    active,
    fails,
    latencyMs,
    lastError,
    lastErrorAgoMs
  }
}

function fail(server: Server, now: number, error: string | undefined): void {
  server.fails++
  server.lastError = error
  server.failedAt = now
  server.checkedAt = now
  if (server.maxFails === 0) return
  server.effectiveWeight = Math.max(0, server.effectiveWeight - server.weight / server.maxFails)
}

function recover(server: Server, now: number): void {
  if (server.maxFails > 0 && server.fails >= server.maxFails) rise(server, now)
  server.fails = 0
}

function word(server: Server, now: number): ServerState['state'] {
  const reason = whyNot(server, now)
  return reason === undefined || reason === 'full' ? 'up' : reason
}
