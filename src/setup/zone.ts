// Opens a cache zone: its memory tier, and the disk tier behind it.
import type { ResolvedCacheZone } from '../cache/options'
import { openDiskStore } from '../cache/store/disk'
import { createMemoryStore } from '../cache/store/memory'
import { createTieredStore } from '../cache/store/tiered'
import { CacheZone } from '../cache/zone'
import { isSluiceError, optionError } from '../errors'
import { sweepTemporaryFiles } from '../spool/spill'
import { openTemporaryFile } from '../spool/temporary-file'

/** A directory that cannot be used is an option error; `path` is the zone's. */
export async function openZone(name: string, options: ResolvedCacheZone, path: string): Promise<CacheZone> {
  const { memoryBytes, maxObjectBytes, disk, version } = options
  const memory = createMemoryStore({ maxBytes: memoryBytes, maxObjectBytes })
  if (disk === undefined) return new CacheZone(name, memory, { version })
  try {
    const store = createTieredStore(memory, await openDiskStore({ ...disk, now: Date.now }))
    await sweepTemporaryFiles(disk.path)
    return new CacheZone(name, store, {
      version,
      openFile: () => openTemporaryFile(disk.path)
    })
  } catch (error) {
    const problem = isSluiceError(error)
      ? error.message.replace(/^disk\.path: /, '')
      : String((error as Error).message)
    throw optionError(`${path}.disk.path`, problem)
  }
}
