// A directory for the files of spools (nginx: proxy_temp_path). Trouble turns it off for a while, with one line in the log.
import nodeFs from 'node:fs'
import { readdir, unlink } from 'node:fs/promises'
import { makeDirectory } from './directory'
import { isTemporaryName, openTemporaryFile, type SpoolFile, type SpoolFs } from './temporary-file'

/** How long after trouble the next body tries again. */
const PAUSE_MS = 10_000

/** What a test passes its own of. */
export interface SpillParts {
  readonly now: () => number
  /** Told when it stops to work; again only after it has worked, and never twice in one pause. */
  readonly onTrouble: (error: Error) => void
  readonly fs?: SpoolFs
}

/** Opens files; one that fails is the directory's trouble, not the request's: bodies stay in memory. */
export class Spill {
  readonly #path: string
  readonly #parts: SpillParts
  /** The directory being made ready; undefined again when that failed. */
  #ready: Promise<void> | undefined
  #troubled = false
  #retryAt = 0

  constructor(path: string, parts: SpillParts) {
    this.#path = path
    this.#parts = parts
  }

  /** Makes the directory, and removes what dead processes have left in it. The first file does it where nobody has. */
  prepare(): Promise<void> {
    this.#ready ??= makeReady(this.#path).catch((error) => {
      this.#ready = undefined
      throw error
    })
    return this.#ready
  }

  /** A file without a name; rejects at once while the directory is off. */
  readonly open = async (): Promise<SpoolFile> => {
    const { fs = nodeFs, now } = this.#parts
    if (now() < this.#retryAt) throw new Error(`${this.#path} is off`)
    const file = await this.#noting(this.prepare().then(() => openTemporaryFile(this.#path, fs)))
    return {
      ...file,
      write: async (bytes, at) => {
        await this.#noting(file.write(bytes, at))
        // While it is off, a file that was open before and has room left says nothing.
        if (now() >= this.#retryAt) this.#troubled = false
      }
    }
  }

  async #noting<T>(call: Promise<T>): Promise<T> {
    try {
      return await call
    } catch (error) {
      this.#retryAt = this.#parts.now() + PAUSE_MS
      if (!this.#troubled) this.#parts.onTrouble(error as Error)
      this.#troubled = true
      throw error
    }
  }
}

/** A directory that has been tried out. Rejects when it cannot be used. */
export async function openSpill(path: string, parts: SpillParts): Promise<Spill> {
  const spill = new Spill(path, parts)
  await spill.prepare()
  const probe = await openTemporaryFile(path, parts.fs)
  await probe.write(Buffer.from('\n'), 0).finally(probe.close)
  return spill
}

async function makeReady(path: string): Promise<void> {
  await makeDirectory(path)
  await sweepTemporaryFiles(path)
}

/** Files that lost their process between their first moment and the next still have a name. */
export async function sweepTemporaryFiles(path: string): Promise<void> {
  const names = await readdir(path).catch(() => [])
  for (const name of names.filter(isTemporaryName)) await unlink(`${path}/${name}`).catch(() => undefined)
}
