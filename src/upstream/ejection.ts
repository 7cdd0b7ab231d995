// PURE. How many servers of a group their health may take out at one time (`maxEjected`).
import { type HealthRule, isSteady, type Look, outOfService, type Server, whyHeld, whyOut } from './server'

/** The servers of a group that are in service, and how many of those their health keeps out. */
export interface Census {
  readonly usable: number
  readonly out: number
  /** How many of them only a change can take out. */
  readonly steady: number
}

/** Counts those that the request has not tried. */
export function census(servers: readonly Server[], { now, tried }: Omit<Look, 'rule'>): Census {
  let usable = 0
  let out = 0
  let steady = 0
  for (const server of servers) {
    if (tried?.has(server)) continue
    if (isSteady(server, now)) {
      usable++
      steady++
      continue
    }
    if (outOfService(server) !== undefined) continue
    usable++
    if (whyOut(server, now) !== undefined) out++
  }
  return { usable, out, steady }
}

/**
 * When more servers are out than may be, the failure is everywhere or the verdict is wrong: health counts for nothing then. A request that has
 * tried some counts only the others: before it fails it asks those that are out.
 */
export function ruleFor({ usable, out }: Pick<Census, 'usable' | 'out'>, maxEjected: number): HealthRule {
  const mayBeOut = Math.min(usable - 1, Math.floor(usable * maxEjected))
  return out > mayBeOut ? whyHeld : whyOut
}
