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

const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW } = nodeFs.constants
const FLAGS = O_RDWR | O_CREAT | O_EXCL | (O_NOFOLLOW ?? 0)

/** Opens a new file in this directory and takes its name away at once. */
export async function openTemporaryFile(directory: string, fs: SpoolFs = nodeFs): Promise<SpoolFile> {
  const path = `${directory}/spool-${process.pid}-${randomBytes(8).toString('hex')}`
  const fd = await open(fs, path)
  await unlink(fs, path)
  return {
    write: (bytes, at) => writeAll({ fs, fd }, bytes, at),
    read: (into, at) => readSome({ fs, fd }, into, at),
    close: () => new Promise((resolve) => fs.close(fd, () => resolve()))
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

// Where an open file cannot be deleted it stays until the directory is swept; the spool works all the same.
function unlink(fs: SpoolFs, path: string): Promise<void> {
  return new Promise((resolve) => fs.unlink(path, () => resolve()))
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
