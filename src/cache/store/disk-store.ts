// What the disk tier is to the tier above it.
import type { CacheStore } from './store'

/** What a tier above wants to know of, by `idOf(digestOf(key))`. */
export interface DiskWatcher {
  /** Deleted to make room. */
  gone(id: string): void
  /** True: it is in use above, take another one. */
  spare(id: string): boolean
}

/** A store on disk. */
export interface DiskStore extends CacheStore {
  watch(watcher: DiskWatcher): void
  /** Whether a file is known to be there; without a look at the disk. */
  knows(key: string): boolean
}
