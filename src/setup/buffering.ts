// Read-ahead as the routes share it: one budget for the process, one spill per directory.
import { resolve } from 'node:path'
import type { FastifyBaseLogger } from 'fastify'
import { optionError } from '../errors'
import { type Buffering, resolveBuffering } from '../proxy/buffering'
import { Budget } from '../spool/budget'
import { openSpill, type Spill } from '../spool/spill'
import type { SpoolOptions } from '../spool/spool'
import type { NamedRoute } from './routes'

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
    const place = pathOf(route)
    const { spill } = resolveBuffering(route.options.buffering, place)
    if (spill === undefined) continue
    const path = resolve(spill.path)
    if (!spills.has(path)) spills.set(path, await open(path, `${place}.spill.path`, log))
  }
}

/** A route's buffering; a directory that has not been opened is left out. */
export function bufferingOf(route: NamedRoute, spills: ReadonlyMap<string, Spill>): Buffering {
  const { on, memoryBytes, spill } = resolveBuffering(route.options.buffering, pathOf(route))
  const openFile = spill && spills.get(resolve(spill.path))?.open
  return { on, spool: { memoryBytes, budget: BUDGET, openFile, fileBytes: spill?.maxBytes } }
}

function pathOf({ path }: NamedRoute): string {
  return path === '' ? 'buffering' : `${path}.buffering`
}

async function open(path: string, option: string, log: FastifyBaseLogger): Promise<Spill> {
  const onTrouble = (err: Error & { code?: string }): void =>
    log.error(
      { err, path },
      `buffering.spill: ${path} fails (${err.code}); large answers to slow clients hold their servers until it works`
    )
  try {
    return await openSpill(path, { now: () => performance.now(), onTrouble })
  } catch (error) {
    throw optionError(option, `${path} cannot be used (${(error as { code?: string }).code})`)
  }
}
