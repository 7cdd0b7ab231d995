// A small file as one Buffer that holds one version of it, and nothing of another.
import type { Stats } from 'node:fs'
import type { FileSystem, Found } from './lookup'

/** All that tells two versions of a file apart; `Stats` has it, and `Found`. */
export type Version = Pick<Stats, 'ino' | 'dev' | 'size' | 'mtimeMs' | 'ctimeMs'>

/** The time of the last change cannot be set: what is of the same length and date shows as well. */
export function isVersion(one: Version, other: Version): boolean {
  return (
    one.ino === other.ino &&
    one.size === other.size &&
    one.mtimeMs === other.mtimeMs &&
    one.ctimeMs === other.ctimeMs &&
    one.dev === other.dev
  )
}

/** Reads it from one descriptor; `changed` when that is, before or after, another version than the one that was found. */
export async function readWhole(fileSystem: FileSystem, file: Found): Promise<Buffer | 'changed'> {
  const handle = await fileSystem.open(file.realPath)
  try {
    if (!isVersion(file, await handle.stat())) return 'changed'
    // Not of Node's pool: a slice would keep 8 KiB of it alive.
    const bytes = Buffer.allocUnsafeSlow(file.size)
    for (let at = 0; at < bytes.length; ) {
      const { bytesRead } = await handle.read(bytes, at, bytes.length - at, at)
      if (bytesRead === 0) return 'changed'
      at += bytesRead
    }
    return isVersion(file, await handle.stat()) ? bytes : 'changed'
  } finally {
    await handle.close()
  }
}
