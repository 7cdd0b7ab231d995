// The few file system calls of the disk tier, over the callback API (half the cost of FileHandle), each a promise.
import nodeFs from 'node:fs'
import { makeDirectory } from '../../spool/directory'

/** The part of node:fs that is used; a test passes its own to make any call fail. */
export type DiskFs = Pick<
  typeof nodeFs,
  'open' | 'read' | 'write' | 'close' | 'rename' | 'unlink' | 'mkdir' | 'readdir' | 'lstat'
>

const { constants } = nodeFs
// O_NOFOLLOW: a planted link is no file of ours. O_NONBLOCK: opening a planted FIFO must not hang a thread.
const NO_TRAPS = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
const OPEN_FLAGS = {
  read: constants.O_RDONLY | NO_TRAPS,
  update: constants.O_RDWR | NO_TRAPS,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | NO_TRAPS
}
const FILE_MODE = 0o600

/** A name in a directory, and what it is. */
export interface Listed {
  readonly name: string
  readonly kind: 'file' | 'directory' | 'other'
}

/** What `stat` tells. */
export interface FileFacts {
  readonly kind: Listed['kind']
  readonly bytes: number
  readonly mode: number
  readonly uid: number
}

/** File system calls; they reject with node's errors. */
export class DiskIo {
  readonly #fs: DiskFs

  constructor(fs: DiskFs = nodeFs) {
    this.#fs = fs
  }

  open(path: string, way: keyof typeof OPEN_FLAGS): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#fs.open(path, OPEN_FLAGS[way], FILE_MODE, (error, fd) => (error ? reject(error) : resolve(fd)))
    })
  }

  /** Fills the buffer from this place on; fewer bytes only at the end of the file. */
  async read(fd: number, buffer: Buffer, at: number): Promise<number> {
    let got = 0
    while (got < buffer.length) {
      const bytes = await this.#readOnce(fd, buffer.subarray(got), at + got)
      if (bytes === 0) break
      got += bytes
    }
    return got
  }

  /** Writes all of it: a short write goes on where it stopped. */
  async write(fd: number, buffer: Buffer, at: number): Promise<void> {
    for (let done = 0; done < buffer.length; ) {
      const bytes = await this.#writeOnce(fd, buffer.subarray(done), at + done)
      // Nothing written and no error: a full disk on some file systems. Never a loop without end.
      if (bytes === 0) throw Object.assign(new Error('nothing written'), { code: 'ENOSPC' })
      done += bytes
    }
  }

  /** Never rejects: there is nothing left to do about it. */
  close(fd: number): Promise<void> {
    return new Promise((resolve) => this.#fs.close(fd, () => resolve()))
  }

  rename(from: string, to: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#fs.rename(from, to, (error) => (error ? reject(error) : resolve()))
    })
  }

  /** False when it was not there. */
  unlink(path: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#fs.unlink(path, (error) => {
        if (error === null) resolve(true)
        else if (error.code === 'ENOENT') resolve(false)
        else reject(error)
      })
    })
  }

  /** With its parents; one that is there is fine. */
  makeDirectory(path: string): Promise<void> {
    return makeDirectory(path, this.#fs)
  }

  list(path: string): Promise<Listed[]> {
    return new Promise((resolve, reject) => {
      this.#fs.readdir(path, { withFileTypes: true }, (error, entries) => {
        if (error) reject(error)
        else resolve(entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) })))
      })
    })
  }

  /** Does not follow links. */
  stat(path: string): Promise<FileFacts> {
    return new Promise((resolve, reject) => {
      this.#fs.lstat(path, (error, stats) => {
        if (error) reject(error)
        else resolve({ kind: kindOf(stats), bytes: stats.size, mode: stats.mode, uid: stats.uid })
      })
    })
  }

  #readOnce(fd: number, buffer: Buffer, at: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#fs.read(fd, buffer, 0, buffer.length, at, (error, bytes) =>
        error ? reject(error) : resolve(bytes)
      )
    })
  }

  #writeOnce(fd: number, buffer: Buffer, at: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#fs.write(fd, buffer, 0, buffer.length, at, (error, bytes) =>
        error ? reject(error) : resolve(bytes)
      )
    })
  }
}

/** The errno of a failed call. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN'
}

// A link, a directory, a FIFO, a device; a file where a directory should be, and the other way round.
const FOREIGN = new Set([
  'ELOOP',
  'EMLINK',
  'EISDIR',
  'ENOTDIR',
  'ENXIO',
  'ESPIPE',
  'ENODEV',
  'ENOTEMPTY',
  'EEXIST'
])

/** Whether a call failed for what lies under a name of ours and is no file of ours, not for the disk. */
export function isForeign(error: unknown): boolean {
  return FOREIGN.has(errnoOf(error))
}

function kindOf(facts: { isFile(): boolean; isDirectory(): boolean }): Listed['kind'] {
  if (facts.isFile()) return 'file'
  return facts.isDirectory() ? 'directory' : 'other'
}
