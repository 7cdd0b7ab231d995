// What a former version of the app has stored is of no use to this one: it goes when nobody has used it for a while.
import { createHash } from 'node:crypto'
import { type DiskIo, errnoOf } from './disk-io'

/** Its name in the cache directory: the checksum of the version whose files are there. */
export const VERSION_FILE = 'version'
/** A rolling deployment is over by then: what the former version still uses counts as used. */
const GRACE_MS = 600_000

/** The sweep after a change of `version`. */
export class VersionSweep {
  readonly #io: DiskIo
  readonly #path: string
  readonly #wanted: string
  #changedAt: number | undefined

  constructor(io: DiskIo, root: string, version: string) {
    this.#io = io
    this.#path = `${root}/${VERSION_FILE}`
    this.#wanted = createHash('sha256').update(version).digest('hex')
  }

  /** Looks whose files are there; what was used before `now` is not this version's. */
  async begin(now: number): Promise<void> {
    const found = (await this.#read()) ?? createHash('sha256').update('').digest('hex')
    this.#changedAt = found === this.#wanted ? undefined : now
  }

  /** What was last used before this goes; undefined while nothing does. */
  dueAt(now: number): number | undefined {
    const changedAt = this.#changedAt
    return changedAt !== undefined && now >= changedAt + GRACE_MS ? changedAt : undefined
  }

  /** All of it has gone: until the next change nothing is to be done. */
  async end(): Promise<void> {
    this.#changedAt = undefined
    await this.#io.unlink(this.#path)
    const fd = await this.#io.open(this.#path, 'create')
    await this.#io.write(fd, Buffer.from(this.#wanted), 0).finally(() => this.#io.close(fd))
  }

  async #read(): Promise<string | undefined> {
    const fd = await this.#io.open(this.#path, 'read').catch((error) => {
      if (errnoOf(error) === 'ENOENT') return undefined
      throw error
    })
    if (fd === undefined) return undefined
    const bytes = Buffer.alloc(this.#wanted.length)
    const got = await this.#io.read(fd, bytes, 0).finally(() => this.#io.close(fd))
    return bytes.toString('latin1', 0, got)
  }
}
