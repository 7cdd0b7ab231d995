// Goes over all files of a directory, one at a time: what is gone by the rules of whoever sweeps is deleted, of the rest the age is told.
import { scanDirectory } from './disk-directory'
import { type DiskIo, errnoOf, isForeign } from './disk-io'
import { entryPath } from './disk-name'
import { readPrefix } from './disk-read'
import type { IsGone, Sweep } from './store'

const START_BYTES = 8_192

/** What the files are, and how one of them goes. */
export interface SweepParts {
  readonly io: DiskIo
  readonly root: string
  /** False: the disk is off, closed, or looked after by another process. */
  readonly mayGoOn: () => boolean
  /** Runs when nothing else is done to the file. */
  readonly inOrder: <T>(digest: Buffer, task: () => Promise<T>) => Promise<T>
  readonly unlink: (digest: Buffer) => Promise<unknown>
}

/** All files; a disk in trouble ends it early. */
export async function* sweepFiles(parts: SweepParts, isGone: IsGone): Sweep {
  const { io, root, mayGoOn, inOrder } = parts
  if (!mayGoOn()) return false
  for await (const digests of scanDirectory(io, root)) {
    for (const digest of digests) {
      if (!mayGoOn()) return false
      yield await inOrder(digest, () => sweepFile(digest, parts, isGone))
    }
  }
  return mayGoOn()
}

/** The time of its response; undefined = there is none, any more. */
async function sweepFile(
  digest: Buffer,
  { io, root, unlink }: SweepParts,
  isGone: IsGone
): Promise<number | undefined> {
  const prefix = await prefixOf(io, entryPath(root, digest))
  if (prefix === undefined) return undefined
  const { key, record } = prefix
  if (record.kind === 'vary') return record.vary.storedAt
  if (!isGone(key, record.head)) return record.head.requestTime
  await unlink(digest)
  return undefined
}

/** What is no file of ours is left to the lookup that finds it. */
async function prefixOf(io: DiskIo, path: string) {
  try {
    const fd = await io.open(path, 'read')
    const start = await readPrefix(io, fd, START_BYTES).finally(() => io.close(fd))
    return typeof start === 'string' ? undefined : start.prefix
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || isForeign(error)) return undefined
    throw error
  }
}
