// Opens a cache zone: its memory tier, and the disk tier behind it.
import type { FastifyBaseLogger } from 'fastify'
import { BanFile } from '../cache/ban-file'
import { NODE_TIMERS } from '../cache/lock'
import type { ResolvedCacheZone } from '../cache/options'
import { openDiskStore } from '../cache/store/disk'
import { createMemoryStore } from '../cache/store/memory'
import { createTieredStore } from '../cache/store/tiered'
import { CacheZone } from '../cache/zone'
import { isSluiceError, optionError } from '../errors'
import { openTemporaryFile } from '../spool/temporary-file'
import { diskFault } from './disk-fault'
import { spreadOf } from './workers'

/** Where a zone is defined, and where its disk's troubles are told. */
export interface ZonePlace {
  /** The zone's option, `caches.pages`. */
  readonly path: string
  readonly log: FastifyBaseLogger
}

/** A directory that cannot be used is an option error. */
export async function openZone(
  name: string,
  options: ResolvedCacheZone,
  place: ZonePlace
): Promise<CacheZone> {
  const { memoryBytes, maxObjectBytes, disk, version } = options
  const memory = createMemoryStore({ maxBytes: memoryBytes, maxObjectBytes })
  if (disk === undefined) {
    const spread = spreadOf(name)
    const parts = { version, objectBytes: maxObjectBytes, now: Date.now, ...(spread && { spread }) }
    return started(new CacheZone(name, memory, parts))
  }
  const onState = reporter(name, disk.path, place)
  try {
    const store = await openDiskStore({ ...disk, version, now: Date.now, onState })
    const zone = new CacheZone(name, createTieredStore(memory, store), {
      version,
      objectBytes: maxObjectBytes,
      openFile: () => openTemporaryFile(disk.path),
      spread: spreadOf(name, openBans(name, disk.path, place)),
      now: Date.now
    })
    return await started(zone)
  } catch (error) {
    const problem = isSluiceError(error)
      ? error.message.replace(/^disk\.path: /, '')
      : String((error as Error).message)
    throw optionError(`${place.path}.disk.path`, problem)
  }
}

/** What has been opened is closed again when it cannot be used. */
async function started(zone: CacheZone): Promise<CacheZone> {
  try {
    await zone.start()
    return zone
  } catch (error) {
    await zone.close()
    throw error
  }
}

function openBans(cache: string, directory: string, { path, log }: ZonePlace): BanFile {
  return new BanFile({
    directory,
    timers: NODE_TIMERS,
    now: Date.now,
    onState: (errno) => {
      if (errno === undefined)
        log.info({ cache, directory }, `cache ${cache}: purges of other processes are seen again`)
      else {
        const facts = { cache, directory, errno, ...diskFault(errno, directory, `${path}.disk`) }
        log.error(facts, `cache ${cache}: purges of other processes are not seen for now (${errno})`)
      }
    }
  })
}

/** A line when the disk goes off and one when it is back: never one for each request. */
function reporter(cache: string, directory: string, { path, log }: ZonePlace) {
  return (what: 'reading' | 'writing', errno: string | undefined): void => {
    if (errno === undefined) {
      log.info({ cache, directory }, `cache ${cache}: the disk is back for ${what}`)
    } else {
      const facts = { cache, directory, errno, ...diskFault(errno, directory, `${path}.disk`) }
      log.error(facts, `cache ${cache}: no ${what} on disk for now (${errno}); answers go on without it`)
    }
  }
}
