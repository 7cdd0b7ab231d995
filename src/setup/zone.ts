// Opens a cache zone: its memory tier, and the disk tier behind it.

import type { ResolvedCacheZone } from '../cache/options'
import { openDiskStore } from '../cache/store/disk'
import { createMemoryStore } from '../cache/store/memory'
import { createTieredStore } from '../cache/store/tiered'
import { CacheZone } from '../cache/zone'

/** A directory that cannot be used is an option error at `path`. */
export async function openZone(name: string, options: ResolvedCacheZone, path: string): Promise<CacheZone> {
  const memory = createMemoryStore({ maxBytes: options.memoryBytes, maxObjectBytes: options.maxObjectBytes })
  if (options.disk === undefined) return new CacheZone(name, memory, options)
  const disk = await openDiskStore({ ...options.disk, now: Date.now })
  return new CacheZone(name, createTieredStore(memory, disk, options), options)
}
