// Looks a name up under a root: regular files only, and none outside it (nginx `root`, `disable_symlinks`).
import type { Stats } from 'node:fs'
import { open, realpath, stat } from 'node:fs/promises'
import { isAbsolute, relative, sep } from 'node:path'
import { sluiceError } from '../errors'
import { type Coding, SUFFIX } from './accept-encoding'
import { contentType } from './content-type'

/** What of a file system is needed, so that a test can drive its faults. */
export interface FileSystem {
  realpath(path: string): Promise<string>
  stat(path: string): Promise<Stats>
  open(path: string): Promise<OpenFile>
}

/** Of an open file. */
export interface OpenFile {
  stat(): Promise<Stats>
  read(into: Buffer, offset: number, length: number, position: number): Promise<{ bytesRead: number }>
  close(): Promise<void>
}

/** A file as it was when it was looked up: plain data, the same for every client that takes this coding. */
export interface Found {
  /** Below the root, as it was asked for. */
  readonly path: string
  /** Where it lies once every link is followed. */
  readonly realPath: string
  readonly size: number
  readonly mtimeMs: number
  /** Of the last change to content, name or permissions; nobody can set it. */
  readonly ctimeMs: number
  readonly ino: number
  readonly dev: number
  readonly type: string
  readonly etag: string
  readonly coding: Coding | undefined
}

/** `other`: the name exists and is no regular file, or lies outside the root. */
export type LookupResult = Found | 'absent' | 'other'

/** The files below one root. */
export interface Lookup {
  /** The root's real path. Rejects with a SluiceError, resolves to undefined while there is none. */
  root(): Promise<string | undefined>
  /** The same when it has been looked at within `RECHECK_MS`. */
  knownRoot(now: number): string | undefined
  find(path: string, codings: readonly Coding[]): Promise<LookupResult>
}

/** Where to look, and with what. */
export interface LookupSettings {
  /** Absolute. */
  readonly root: string
  readonly symlinks: 'inside' | 'deny' | 'follow'
  readonly fileSystem: FileSystem
  clock(): number
}

/** Node's own file system. */
export const nodeFileSystem: FileSystem = { realpath, stat, open }

/** A deploy that swaps the root's link, or changes a file that is kept in memory, shows within this time. */
export const RECHECK_MS = 1000
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP', 'EINVAL'])
const DENIED = new Set(['EACCES', 'EPERM'])

/** Binds the lookup to a root. */
export function createLookup(settings: LookupSettings): Lookup {
  const root = createRoot(settings)

  const look = async (path: string): Promise<Regular | 'absent' | 'other'> => {
    try {
      const base = await root.check()
      const realPath = await resolveInside(settings, base, path)
      if (realPath === undefined) return 'other'
      const stats = await settings.fileSystem.stat(realPath)
      return stats.isFile() ? { realPath, stats } : 'other'
    } catch (error) {
      return absentOrThrow(error)
    }
  }

  return {
    root: async () => {
      try {
        return await root.check()
      } catch (error) {
        absentOrThrow(error)
        return undefined
      }
    },
    knownRoot: root.known,
    async find(path, codings) {
      const plain = await look(path)
      if (typeof plain === 'string') return plain
      for (const coding of codings) {
        const sibling = await look(path + SUFFIX[coding])
        if (typeof sibling !== 'string') return describe(path, sibling, coding)
      }
      return describe(path, plain, undefined)
    }
  }
}

interface Regular {
  readonly realPath: string
  readonly stats: Stats
}

/** Whether something that was seen then may pass for what is there now; a clock that was set back proves nothing. */
export function isRecent(seenAt: number, now: number): boolean {
  return now >= seenAt && now - seenAt < RECHECK_MS
}

interface Root {
  check(): string | Promise<string>
  known(now: number): string | undefined
}

function createRoot({ root, fileSystem, clock }: LookupSettings): Root {
  let real: string | undefined
  let checkedAt = Number.NEGATIVE_INFINITY
  const known = (now: number): string | undefined => (isRecent(checkedAt, now) ? real : undefined)
  const check = async (): Promise<string> => {
    real = await fileSystem.realpath(root)
    return real
  }
  return {
    known,
    check: () => {
      const now = clock()
      const base = known(now)
      if (base !== undefined) return base
      checkedAt = now
      return check()
    }
  }
}

/** The real path, or undefined when the links on the way are not to be followed. */
async function resolveInside(
  { root, symlinks, fileSystem }: LookupSettings,
  base: string,
  path: string
): Promise<string | undefined> {
  if (symlinks === 'follow') return join(root, path)
  const wanted = join(base, path)
  const real = await fileSystem.realpath(wanted)
  if (symlinks === 'deny') return real === wanted ? real : undefined
  return isInside(base, real) ? real : undefined
}

function join(base: string, path: string): string {
  const local = path.replaceAll('/', sep)
  return base.endsWith(sep) ? base + local.slice(1) : base + local
}

function isInside(base: string, real: string): boolean {
  if (real.startsWith(base) && (real[base.length] === sep || base.endsWith(sep))) return true
  // Windows may spell the same drive or folder in another case.
  const way = relative(base, real)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}

/** The entity tag is nginx's, from time and size, and strong; a coding has one of its own (RFC 9110 §8.8.3.3). */
function describe(path: string, { realPath, stats }: Regular, coding: Coding | undefined): Found {
  const { size, mtimeMs, ctimeMs, ino, dev } = stats
  const tag = `${Math.floor(mtimeMs).toString(16)}-${size.toString(16)}`
  const etag = coding === undefined ? `"${tag}"` : `"${tag}-${coding}"`
  const type = contentType(path)
  return { path, realPath, size, mtimeMs, ctimeMs, ino, dev, type, etag, coding }
}

function absentOrThrow(error: unknown): 'absent' {
  const errno = (error as NodeJS.ErrnoException).code ?? ''
  if (ABSENT.has(errno)) return 'absent'
  throw sluiceError(DENIED.has(errno) ? 'SLUICE_FORBIDDEN' : 'SLUICE_INTERNAL', { cause: error, errno })
}
