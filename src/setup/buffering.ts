// Read-ahead as the routes share it: one budget for the process, one spill per directory.
import { resolve } from 'node:path'
import type { FastifyBaseLogger } from 'fastify'
import { inTime } from '../cache/store/deadline'
import { optionError } from '../errors'
import { type Buffering, resolveBuffering } from '../proxy/buffering'
import { Budget } from '../spool/budget'
import { openSpill, Spill, type SpillParts } from '../spool/spill'
import type { SpoolOptions } from '../spool/spool'
import { diskFault } from './disk-fault'
import { type NamedRoute, optionAt } from './routes'

/** Memory for all bodies that are read ahead, of every app in the process. */
export const BUDGET = new Budget(64 * 1024 * 1024)

/** What the app's own handlers answer on its way into a cache. */
export const HANDLER_AHEAD: SpoolOptions = { memoryBytes: 1024 * 1024, budget: BUDGET }

/** Opens the directories that routes name and nobody has opened; one that cannot be used is an option error. */
export async function openSpills(
  routes: readonly NamedRoute[],
  spills: Map<string, Spill>,
  log: FastifyBaseLogger
): Promise<void> {
  for (const route of routes) {
    const path = spillPath(route)
    if (path !== undefined && !spills.has(path)) spills.set(path, await open(path, route, log))
  }
}

/** The same for a route that comes with a request: the directory is made for its first file, and trouble costs no answer. */
export function addSpill(route: NamedRoute, spills: Map<string, Spill>, log: FastifyBaseLogger): void {
  const path = spillPath(route)
  if (path !== undefined && !spills.has(path)) spills.set(path, new Spill(path, partsOf(path, route, log)))
}

function spillPath(route: NamedRoute): string | undefined {
  const { spill } = resolveBuffering(route.options.buffering, pathOf(route))
  return spill && resolve(spill.path)
}

/** A route's buffering; without a directory that is not among the spills, as in a check of options. */
export function bufferingOf(route: NamedRoute, spills: ReadonlyMap<string, Spill>): Buffering {
  const { on, memoryBytes, spill } = resolveBuffering(route.options.buffering, pathOf(route))
  const openFile = spill && spills.get(resolve(spill.path))?.open
  return { on, spool: { memoryBytes, budget: BUDGET, openFile, fileBytes: spill?.maxBytes } }
}

function pathOf(route: NamedRoute): string {
  return optionAt(route, 'buffering')
}

async function open(path: string, route: NamedRoute, log: FastifyBaseLogger): Promise<Spill> {
  let errno: string | undefined = 'ETIMEDOUT'
  try {
    const spill = await inTime<Spill | undefined>(openSpill(path, partsOf(path, route, log)), () => undefined)
    if (spill !== undefined) return spill
  } catch (error) {
    errno = (error as { code?: string }).code
  }
  throw optionError(`${pathOf(route)}.spill.path`, `${path} cannot be used (${errno})`)
}

function partsOf(directory: string, route: NamedRoute, log: FastifyBaseLogger): SpillParts {
  const onTrouble = (error: Error & { code?: string }): void => {
    const { code: errno = error.message } = error
    log.error(
      { directory, errno, ...diskFault(errno, directory, `${pathOf(route)}.spill`) },
      `buffering.spill: ${directory} fails (${errno}); large answers to slow clients hold their servers until it works`
    )
  }
  return { now: () => performance.now(), onTrouble }
}
