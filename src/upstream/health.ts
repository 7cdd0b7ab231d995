// PURE. What a run of checks makes of a server, and when the next one is due (nginx Plus: fails, passes, interval, jitter).
import type { CheckAnswer, ResolvedHealth } from './health-options'
import { type CheckResult, change, rise, type Server } from './server'

/** How many checks in a row ended the same way. */
export interface Streak {
  passed: number
  failed: number
}

/** Notes a check in the server. Gives what it is from now on, when that has changed. */
export function noteCheck(
  server: Server,
  { streak, health, now }: { streak: Streak; health: ResolvedHealth; now: number },
  result: CheckResult
): 'up' | 'unhealthy' | undefined {
  server.lastCheck = { ...result, at: now }
  streak.passed = result.ok ? streak.passed + 1 : 0
  streak.failed = result.ok ? 0 : streak.failed + 1
  const next = stateAfter(server, streak, health)
  if (next === server.health) return undefined
  change(server, { health: next })
  if (next === 'up') rise(server, now)
  return next === 'checking' ? undefined : next
}

/** The first check of a server in `checking` decides by itself: there is nothing to lose. */
function stateAfter({ health: before }: Server, streak: Streak, health: ResolvedHealth): Server['health'] {
  if (before === 'up') return streak.failed >= health.fails ? 'unhealthy' : 'up'
  if (streak.passed >= health.passes) return 'up'
  return streak.failed > 0 ? 'unhealthy' : before
}

/** Wait from the end of a check to the next; `random` is in [0, 1). */
export function nextCheckMs({ health: state }: Server, health: ResolvedHealth, random: number): number {
  const base = state === 'up' ? health.intervalMs : health.unhealthyIntervalMs
  return Math.max(1, base * (1 + health.jitter * (2 * random - 1)))
}

/** Why an answer does not pass; undefined when it does. */
export function problemOf(answer: CheckAnswer, { expect, body }: ResolvedHealth): string | undefined {
  if (!expect(answer)) return `status ${answer.status}`
  return body === undefined || body.test(answer.body) ? undefined : `content does not match ${body}`
}
