// PURE. A server as its owner sees it (nginx Plus: the upstreams of its API).
import { type CheckResult, type Reason, type Server, whyNot } from './server'

/** A server as `sluice.upstream(name).servers()` shows it. */
export interface ServerState {
  readonly url: string
  /** Of the URL's name: one entry of `servers` is shown once for each address that its name has. A second one is what it falls back on. */
  readonly addresses: readonly string[]
  readonly weight: number
  readonly state: 'up' | Exclude<Reason, 'full'>
  readonly backup: boolean
  readonly active: number
  readonly fails: number
  readonly latencyMs: number | undefined
  /** The last failure, and how long ago it was; undefined before the first. */
  readonly lastError: string | undefined
  readonly lastErrorAgoMs: number | undefined
  /** The last check; undefined before the first and without checks. */
  readonly lastCheck: (CheckResult & { readonly agoMs: number }) | undefined
}

/** The public view. */
export function stateOf(server: Server, now: number): ServerState {
  const { url, addresses, weight, backup, active, fails, latencyMs, lastError, failedAt } = server
  return {
    url,
    addresses,
    weight,
    state: word(server, now),
    backup,
    active,
    fails,
    latencyMs,
    lastError,
    lastErrorAgoMs: lastError === undefined ? undefined : Math.round(now - failedAt),
    lastCheck: showCheck(server, now)
  }
}

function showCheck({ lastCheck }: Server, now: number): ServerState['lastCheck'] {
  if (lastCheck === undefined) return undefined
  const { ok, reason, durationMs, at } = lastCheck
  return { ok, reason, durationMs, agoMs: Math.round(now - at) }
}

function word(server: Server, now: number): ServerState['state'] {
  const reason = whyNot(server, now)
  return reason === undefined || reason === 'full' ? 'up' : reason
}
