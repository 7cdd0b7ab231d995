// The bans of a cache directory, `<dir>/bans`: every process appends its own and reads those of the others.
import { constants } from 'node:fs'
import { type FileHandle, lstat, open, rename, unlink } from 'node:fs/promises'
import { decodeBan, encodeBan } from './ban-line'
import type { Ban } from './bans'
import { Batch } from './batch'
import type { Timers } from './lock'
import type { BanList, Spread } from './spread'

/** How often the file is looked at: a stat, and a read when it has changed. */
const LOOK_EVERY_MS = 250
/** A file that has outgrown this, and twice what its bans take, is written anew. */
const COMPACT_BYTES = 1 << 20
/** Nothing that is larger is a list of ours. */
const MAX_BYTES = 64 << 20
/** Whoever writes the file anew is done by then, or dead. */
const COMPACT_MS = 60_000
/** How often a ban is written again because the file was exchanged meanwhile. */
const MAX_TRIES = 10

const { O_RDONLY, O_WRONLY, O_APPEND, O_CREAT, O_EXCL } = constants
// A planted link is no file of ours; opening a planted FIFO must not hang a thread.
const NO_TRAPS = (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
const FILE_MODE = 0o600

/** What the file is kept with. */
export interface BanFileParts {
  readonly directory: string
  readonly timers: Timers
  readonly now: () => number
  /** Told when the file can no longer be read, with the reason, and when it can again. */
  readonly onState: (errno: string | undefined) => void
  /** Bytes from which it is written anew. @default 1 MiB */
  readonly compactBytes?: number
}

/** A file of bans that processes share. */
export class BanFile implements Spread {
  readonly #parts: BanFileParts
  readonly #path: string
  #bans: BanList | undefined
  /** The file that was read, up to where, and how long it was. */
  #file = ''
  #offset = 0
  #size = 0
  #compactAt: number
  #damaged = false
  #errno: string | undefined
  /** Lines of this process that it has not read: it knows them. */
  readonly #own = new Set<string>()
  readonly #batch = new Batch((lines) => this.#write(Buffer.from(lines)))
  #timer: unknown
  #work: Promise<void> = Promise.resolve()
  #closed = false

  constructor(parts: BanFileParts) {
    this.#parts = parts
    this.#path = `${parts.directory}/bans`
    this.#compactAt = parts.compactBytes ?? COMPACT_BYTES
  }

  async subscribe(bans: BanList): Promise<void> {
    this.#bans = bans
    await this.#read()
    // A file that cannot be written can be read all the same.
    await this.#compact().catch(() => undefined)
    this.#lookLater()
  }

  async publish(ban: Ban): Promise<void> {
    const lines = encodeBan(ban)
    for (const line of lines.split('\n')) if (line !== '') this.#own.add(line)
    try {
      await this.#batch.add(lines)
    } catch (error) {
      this.#own.clear()
      throw error
    }
  }

  async #write(lines: Buffer): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const handle = await open(this.#path, O_WRONLY | O_APPEND | O_CREAT | NO_TRAPS, FILE_MODE)
      try {
        await append(handle, lines)
        await handle.datasync()
        // Whoever writes the file anew may not have seen these lines.
        if (idOf(await handle.stat()) === idOf(await lstat(this.#path))) return
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') throw error
      } finally {
        await handle.close()
      }
    }
    throw new Error(`${this.#path} is exchanged all the time`)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#parts.timers.clear(this.#timer)
    await this.#work
  }

  #lookLater(): void {
    if (this.#closed) return
    this.#timer = this.#parts.timers.set(() => {
      this.#work = this.#look().finally(() => this.#lookLater())
    }, LOOK_EVERY_MS)
  }

  async #look(): Promise<void> {
    try {
      await this.#read()
      await this.#compact()
      this.#report(undefined)
    } catch (error) {
      this.#report(errnoOf(error))
    }
  }

  #report(errno: string | undefined): void {
    if (errno === this.#errno) return
    this.#errno = errno
    this.#parts.onState(errno)
  }

  /** Adds what has come since the last time. */
  async #read(): Promise<void> {
    const facts = await lstat(this.#path).catch(absent)
    if (facts === undefined) {
      this.#begin('')
      return
    }
    if (idOf(facts) !== this.#file || facts.size < this.#size) this.#begin(idOf(facts))
    if (facts.size === this.#size) return
    const handle = await open(this.#path, O_RDONLY | NO_TRAPS).catch(absent)
    if (handle === undefined) return
    try {
      const opened = await handle.stat()
      // Exchanged between the two calls: the next look finds it.
      if (idOf(opened) === this.#file) await this.#take(handle, opened.size)
    } finally {
      await handle.close()
    }
  }

  #begin(file: string): void {
    // Another file has them in another form; in the first one they are yet to be read.
    if (this.#file !== '') this.#own.clear()
    this.#file = file
    this.#offset = 0
    this.#size = 0
  }

  async #take(handle: FileHandle, size: number): Promise<void> {
    if (size - this.#offset > MAX_BYTES) {
      this.#noteDamage()
      this.#offset = size
    } else {
      const bytes = await readFrom(handle, this.#offset, size)
      const end = bytes.lastIndexOf('\n') + 1
      for (const line of bytes.toString('utf8', 0, end).split('\n')) if (line !== '') this.#addLine(line)
      // What has no end yet is read again when it has grown.
      this.#offset += end
    }
    this.#size = size
  }

  #addLine(line: string): void {
    if (this.#own.delete(line)) return
    const ban = decodeBan(line)
    if (ban === undefined) this.#noteDamage()
    else this.#bans?.add(ban)
  }

  /** Nobody knows what was to be purged: everything, then. */
  #noteDamage(): void {
    this.#damaged = true
    this.#bans?.add({ of: { all: true }, at: this.#parts.now(), soft: false })
  }

  /** Writes the file anew, one process at a time, with what is in force. */
  async #compact(): Promise<void> {
    if (this.#bans === undefined || (this.#size <= this.#compactAt && !this.#damaged)) return
    const path = `${this.#path}.new`
    const fresh = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | NO_TRAPS, FILE_MODE).catch(taken)
    if (fresh === undefined) {
      await this.#unlinkOld(path)
      return
    }
    try {
      if (!(await this.#exchange(fresh, path))) await unlink(path)
    } catch (error) {
      await unlink(path).catch(absent)
      throw error
    } finally {
      await fresh.close()
    }
  }

  /** False: the file is another one by now. */
  async #exchange(fresh: FileHandle, path: string): Promise<boolean> {
    const old = await open(this.#path, O_RDONLY | NO_TRAPS)
    try {
      const facts = await old.stat()
      if (idOf(facts) !== this.#file) return false
      const { size } = facts
      await this.#take(old, size)
      const lines = [...(this.#bans?.list() ?? [])].map(encodeBan)
      await append(fresh, Buffer.from(lines.join('')))
      await fresh.datasync()
      await rename(path, this.#path)
      // What was appended to the old file until then; later writers see that it was exchanged.
      await append(fresh, await readFrom(old, size, (await old.stat()).size))
      this.#damaged = false
      this.#compactAt = Math.max(this.#parts.compactBytes ?? COMPACT_BYTES, 2 * (await fresh.stat()).size)
      return true
    } finally {
      await old.close()
    }
  }

  async #unlinkOld(path: string): Promise<void> {
    const facts = await lstat(path).catch(absent)
    if (facts !== undefined && this.#parts.now() - facts.mtimeMs > COMPACT_MS)
      await unlink(path).catch(absent)
  }
}

/** In one write: what another process appends stands before or behind it. */
async function append(handle: FileHandle, bytes: Buffer): Promise<void> {
  if (bytes.length === 0) return
  const { bytesWritten } = await handle.write(bytes)
  if (bytesWritten < bytes.length) throw Object.assign(new Error('not all was written'), { code: 'ENOSPC' })
}

async function readFrom(handle: FileHandle, start: number, end: number): Promise<Buffer> {
  const bytes = Buffer.alloc(Math.max(0, end - start))
  let got = 0
  while (got < bytes.length) {
    const { bytesRead } = await handle.read(bytes, got, bytes.length - got, start + got)
    if (bytesRead === 0) break
    got += bytesRead
  }
  return bytes.subarray(0, got)
}

function idOf({ dev, ino }: { dev: number; ino: number }): string {
  return `${dev}:${ino}`
}

function absent(error: unknown): undefined {
  if (errnoOf(error) !== 'ENOENT') throw error
}

function taken(error: unknown): undefined {
  if (errnoOf(error) !== 'EEXIST') throw error
}

function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN'
}
