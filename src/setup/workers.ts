// Workers of node:cluster: what one shares with the others through their primary, and the warning when they cannot.
import type { FastifyBaseLogger } from 'fastify'
import { NODE_TIMERS } from '../cache/lock'
import { type Spread, spreadPromptly } from '../cache/spread'
import { WorkerSpread } from '../cache/worker-spread'
import { type Channel, workerChannel } from '../cluster/channel'
import type { Registry } from './registry'

const NEXT = "import 'fastify-sluice/primary' in the primary process before it forks"

/** The way to the primary; undefined when there are no other workers. */
export function channelToPrimary(): Channel | undefined {
  return workerChannel(NODE_TIMERS)
}

/** How the purges of a zone spread, beside the file of its directory; undefined for one in memory when there are no other workers. */
export function spreadOf(zone: string, file: Spread): Spread
export function spreadOf(zone: string, file?: Spread): Spread | undefined
export function spreadOf(zone: string, file?: Spread): Spread | undefined {
  const channel = channelToPrimary()
  if (channel === undefined) return file
  const parts = { channel, zone, now: Date.now }
  return file === undefined
    ? new WorkerSpread({ ...parts, missed: 'all' })
    : spreadPromptly(file, new WorkerSpread({ ...parts, missed: 'learnt' }))
}

/** One line, as soon as it is known, when the primary does not relay what these caches and limits have to share. */
export async function warnWithoutPrimary(
  log: FastifyBaseLogger,
  { memoryCaches, ownLimits }: Pick<Registry, 'memoryCaches' | 'ownLimits'>
): Promise<void> {
  if (memoryCaches.length === 0 && ownLimits.length === 0) return
  const channel = channelToPrimary()
  if (channel === undefined || (await channel.joined())) return
  const lost: string[] = []
  const ways: string[] = []
  if (memoryCaches.length > 0) {
    lost.push('purges reach this worker only')
    ways.push('`disk` to the caches')
  }
  if (ownLimits.length > 0) {
    lost.push('rate limits count in this worker only')
    ways.push('`redis` to the limits')
  }
  log.warn(
    { caches: memoryCaches, limits: ownLimits },
    `cluster: ${lost.join(', ')}, the primary does not relay; ${NEXT}, or give ${ways.join(' and ')}`
  )
}
