// The cache directory: made and marked at start, temporary files of dead processes swept, entries listed.
import { isTemporaryName } from '../../spool/temporary-file'
import { type DiskIo, errnoOf, type Listed } from './disk-io'
import { digestOfName, isShard, ownerOf } from './disk-name'

/** Its presence says that the directory is ours to delete in. */
export const MARKER = '.sluice-cache'
/** Where files are until they are committed; on the same file system, so that rename is atomic. */
export const TEMPORARY = 'tmp'
// A mount point may hold it.
const HARMLESS = 'lost+found'
const OTHERS_MAY_WRITE = 0o022
/** In place of an errno: what is in the directory is not ours. */
const FOREIGN = 'FOREIGN'
// Looks at that many files at once: the thread pool has four threads, and requests want them too.
const SCAN_WIDTH = 4

/** Makes the directory usable; rejects with what is wrong with it, and an errno. */
export async function prepareDirectory(io: DiskIo, root: string): Promise<void> {
  try {
    await io.makeDirectory(root)
    // The dot follows a link: the operator may have put one there.
    const facts = await io.stat(`${root}/.`)
    if ((facts.mode & OTHERS_MAY_WRITE) !== 0) {
      throw refusal(root, 'other users may write to it; use a directory of its own inside it', 'EPERM')
    }
    const owner = process.getuid?.()
    if (owner !== undefined && owner !== facts.uid) throw refusal(root, 'it belongs to another user', 'EPERM')
    await claim(io, root)
    await io.makeDirectory(`${root}/${TEMPORARY}`)
  } catch (error) {
    if (error instanceof Error && 'refused' in error) throw error
    throw refusal(root, `it cannot be used (${errnoOf(error)})`, errnoOf(error))
  }
}

/** Removes what processes that are gone have left; `living` are the stores of this process. */
export async function sweepTemporary(io: DiskIo, root: string, living: ReadonlySet<string>): Promise<void> {
  const directory = `${root}/${TEMPORARY}`
  for (const { name } of await listOrNothing(io, directory)) {
    const owner = ownerOf(name)
    if (owner === undefined || isAlive(owner, living)) continue
    await io.unlink(`${directory}/${name}`).catch(() => false)
  }
  // A living process needs its file, not the name.
  for (const { name, kind } of await listOrNothing(io, root)) {
    if (kind === 'file' && isTemporaryName(name)) await io.unlink(`${root}/${name}`).catch(() => false)
  }
}

/** The sizes of files that are being written, of whom `wanted` says; by `<pid>-<start>`. */
export async function* temporaryFiles(
  io: DiskIo,
  root: string,
  wanted: (id: string) => boolean
): AsyncGenerator<number> {
  const directory = `${root}/${TEMPORARY}`
  for (const { name } of await listOrNothing(io, directory)) {
    const owner = ownerOf(name)
    if (owner === undefined || !wanted(`${owner.pid}-${owner.start}`)) continue
    const facts = await io.stat(`${directory}/${name}`).catch(() => undefined)
    if (facts !== undefined) yield facts.bytes
  }
}

/** The names of all files of ours, some at a time, in no particular order. What cannot be read is left out. */
export async function* scanDirectory(io: DiskIo, root: string): AsyncGenerator<readonly Buffer[]> {
  for (const first of await shardsIn(io, root)) {
    for (const second of await shardsIn(io, `${root}/${first}`)) {
      const listed = await listOrNothing(io, `${root}/${first}/${second}`)
      const found = listed.map(({ name }) => digestOfName(first + second, name))
      const digests = found.filter((digest) => digest !== undefined)
      for (let at = 0; at < digests.length; at += SCAN_WIDTH) yield digests.slice(at, at + SCAN_WIDTH)
    }
  }
}

async function claim(io: DiskIo, root: string): Promise<void> {
  const names = (await io.list(root)).filter(({ name }) => name !== HARMLESS)
  if (names.some(({ name, kind }) => name === MARKER && kind === 'file')) return
  if (names.length > 0) {
    throw refusal(root, `it is not empty and holds no ${MARKER}; name an empty directory`, FOREIGN)
  }
  try {
    await io.close(await io.open(`${root}/${MARKER}`, 'create'))
  } catch (error) {
    // Another process starts at the same moment.
    if (errnoOf(error) !== 'EEXIST') throw error
  }
}

function refusal(root: string, problem: string, code: string): Error {
  return Object.assign(new Error(`${root}: ${problem}`), { code, refused: true })
}

/** Whether the process of this name still runs; `living` are the stores of this one. */
export function isAlive(owner: { pid: number; start: string }, living: ReadonlySet<string>): boolean {
  // In a container every run has the same process id: the start tells them apart.
  if (owner.pid === process.pid) return living.has(owner.start)
  try {
    process.kill(owner.pid, 0)
    return true
  } catch (error) {
    return errnoOf(error) === 'EPERM'
  }
}

async function shardsIn(io: DiskIo, directory: string): Promise<string[]> {
  const listed = await listOrNothing(io, directory)
  return listed.filter(({ name, kind }) => kind === 'directory' && isShard(name)).map(({ name }) => name)
}

function listOrNothing(io: DiskIo, directory: string): Promise<Listed[]> {
  return io.list(directory).catch(() => [])
}
