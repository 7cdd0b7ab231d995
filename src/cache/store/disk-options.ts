// What a disk tier is made with, and what it has to tell the tier above.
import type { DiskFs } from './disk-io'
import type { CacheStore } from './store'

/** Resolved options of a disk tier, its clock and its file system. */
export interface DiskOptions {
  readonly path: string
  readonly maxBytes: number
  /** What has not been used for so long is deleted; undefined or 0: never. */
  readonly inactiveMs?: number | undefined
  /** What was stored under another version is deleted some time after the change. */
  readonly version?: string | undefined
  readonly now: () => number
  readonly fs?: DiskFs
  /** Told when the tier goes off for a while, with the reason, and when it is back. */
  readonly onState?: (what: 'reading' | 'writing', errno: string | undefined) => void
}

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
