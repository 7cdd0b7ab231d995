// Opens a group of servers: its connections, what it says in the log, and what routes hold of it.
import type { FastifyBaseLogger } from 'fastify'
import type { UpstreamRef } from '../proxy/route'
import type { Names } from '../upstream/dns/names'
import type { CheckClock } from '../upstream/health-check'
import type { ResolvedUpstream } from '../upstream/options'
import type { Server } from '../upstream/server'
import { openTransport } from '../upstream/transport'
import { Upstream } from '../upstream/upstream'
import { resolutionLog } from './resolution-log'

/** What a group shares with the others of its server. */
export interface Around {
  readonly log: FastifyBaseLogger
  /** What servers' names lead to. */
  readonly dns: Names
  /** Names of the sticky cookies of all groups; that of this one is added. */
  readonly edgeCookies: Set<string>
}

/** Time and chance as they are. */
export const NODE_CLOCK: CheckClock = {
  now: () => performance.now(),
  setTimeout,
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
  random: Math.random
}

function logHealth(log: FastifyBaseLogger, upstream: string, { url, health, lastCheck }: Server): void {
  const facts = { upstream, server: url, reason: lastCheck?.reason }
  if (health === 'up') log.info(facts, `upstream ${upstream}: ${url} is well, its checks pass`)
  else log.warn(facts, `upstream ${upstream}: ${url} is taken out, its checks fail: ${lastCheck?.reason}`)
}

/** The group as routes know it. */
export function openGroup(resolved: ResolvedUpstream, around: Around): UpstreamRef {
  const { name, servers, warnings } = resolved
  const { log, dns, edgeCookies } = around
  for (const warning of warnings) log.warn(warning)
  const group = new Upstream(resolved, {
    now: () => performance.now(),
    openTransport: ({ origin }, tolerated) => openTransport(origin, resolved, tolerated),
    dns,
    onResolution: resolutionLog(log, name),
    onFailed: ({ url, addresses, fails, lastError }) =>
      log.warn(
        { upstream: name, server: url, addresses, lastError },
        `upstream ${name}: ${url} rests after ${fails} failures`
      ),
    onOpen: () =>
      log.warn({ upstream: name }, `upstream ${name}: too many requests fail, its breaker is open`),
    checks: {
      clock: NODE_CLOCK,
      openTransport: ({ origin }, tolerated) =>
        openTransport(origin, { ...resolved, keepalive: 0, maxConnections: 0 }, tolerated),
      onChange: (server) => logHealth(log, name, server)
    }
  })
  if (resolved.sticky !== undefined) edgeCookies.add(resolved.sticky.cookie)
  return {
    name,
    group,
    secure: servers[0]?.origin.secure ?? false,
    edgeCookies,
    protocol: resolved.protocol,
    get authorities() {
      return group.names.authorities
    },
    optionPath: name === servers[0]?.origin.url ? undefined : resolved.optionPath,
    get serverPaths() {
      return group.names.serverPaths
    }
  }
}
