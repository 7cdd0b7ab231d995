// Workers of node:cluster: how the zones of one share purges with the others, and the warning when they cannot.
import type { FastifyBaseLogger } from 'fastify'
import { NODE_TIMERS } from '../cache/lock'
import { WorkerSpread } from '../cache/worker-spread'
import { workerChannel } from '../cluster/channel'

const NEXT =
  "import 'fastify-sluice/primary' in the primary process before it forks, or give `disk` to the caches"

/** The way of a zone in memory only; undefined when there are no other workers. */
export function spreadToWorkers(zone: string): WorkerSpread | undefined {
  const channel = workerChannel(NODE_TIMERS)
  return channel && new WorkerSpread({ channel, zone, now: Date.now })
}

/** One line, as soon as it is known, when the primary does not relay the purges of these zones. */
export async function warnWithoutPrimary(log: FastifyBaseLogger, zones: readonly string[]): Promise<void> {
  const channel = zones.length === 0 ? undefined : workerChannel(NODE_TIMERS)
  if (channel === undefined || (await channel.joined())) return
  log.warn(
    { caches: zones },
    `cluster: purges reach this worker only, the primary does not relay them; ${NEXT}`
  )
}
