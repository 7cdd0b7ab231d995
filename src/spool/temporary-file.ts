// Where a spool puts what memory has no room for: a file without a name, gone with the process whatever ends it.
import { randomBytes } from 'node:crypto'
import nodeFs from 'node:fs'

/** Where bytes go that memory has no room for. Its owner deletes it in `close`. */
export interface SpoolFile {
  write(bytes: Buffer, at: number): Promise<void>
  /** How many bytes it could read. */
  read(into: Buffer, at: number): Promise<number>
  close(): Promise<void>
}

/** The part of node:fs that is used; a test passes its own to make any call fail. */
export type SpoolFs = Pick<typeof nodeFs, 'open' | 'read' | 'write' | 'close' | 'unlink'>

const NAME = /^spool-\d{1,10}-[0-9a-f]{16}$/

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = nodeFs.constants
const FLAGS = O_RDWR | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0)

/** Whether a file of this name is one of these, of whatever process: whoever still uses it needs no name. */
export function isTemporaryName(name: string): boolean {
  return NAME.test(name)
}

/** Opens a new file in this directory and takes its name away at once. */
export async function openTemporaryFile(directory: string, fs: SpoolFs = nodeFs): Promise<SpoolFile> {
  const path = `${directory}/spool-${process.pid}-${randomBytes(8).toString('hex')}`
  const fd = await open(fs, path)
  const nameless = await unlink(fs, path)
  return {
    write: (bytes, at) => writeAll({ fs, fd }, bytes, at),
    read: (into, at) => readSome({ fs, fd }, into, at),
    close: async () => {
      await new Promise<void>((resolve) => fs.close(fd, () => resolve()))
      if (!nameless) await unlink(fs, path)
    }
  }
}

interface Opened {
  readonly fs: SpoolFs
  readonly fd: number
}

function open(fs: SpoolFs, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.open(path, FLAGS, 0o600, (error, fd) => (error ? reject(error) : resolve(fd)))
  })
}

// Where an open file cannot be deleted it goes when it is closed, or when the directory is swept.
function unlink(fs: SpoolFs, path: string): Promise<boolean> {
  return new Promise((resolve) => fs.unlink(path, (error) => resolve(error === null)))
}

async function writeAll(file: Opened, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const wrote = await writeSome(file, bytes.subarray(done), at + done)
    if (wrote === 0) throw Object.assign(new Error('nothing written'), { code: 'ENOSPC' })
    done += wrote
  }
}

function writeSome({ fs, fd }: Opened, bytes: Buffer, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.write(fd, bytes, 0, bytes.length, at, (error, wrote) => (error ? reject(error) : resolve(wrote)))
  })
}

function readSome({ fs, fd }: Opened, into: Buffer, at: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, into, 0, into.length, at, (error, got) => (error ? reject(error) : resolve(got)))
  })
}
