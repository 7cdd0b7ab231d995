// What this process has open.
import { readdirSync, statSync } from 'node:fs'

/** How many descriptors are of this file; undefined where there is no /proc. */
export function openFiles(inode: number): number | undefined {
  try {
    return readdirSync('/proc/self/fd').filter((descriptor) => {
      try {
        return statSync(`/proc/self/fd/${descriptor}`).ino === inode
      } catch {
        return false
      }
    }).length
  } catch {
    return undefined
  }
}
