// The process that evicts: it holds the lock file, counts what the others report, and grants them windows.
import { randomInt } from 'node:crypto'
import { hostname } from 'node:os'
import { prepareDirectory, temporaryFiles } from './disk-directory'
import { takenBytes } from './disk-entry'
import { REPORTS, readStatus } from './disk-guest'
import { type DiskIo, errnoOf } from './disk-io'
import { encodeStatus, type Grant, generationOf, lockName, newestGeneration } from './disk-lock'
import { peerOf } from './disk-name'
import { DiskPeer } from './disk-peer'
import { DiskWindows } from './disk-windows'

const BEAT_MS = 1_000
/** Shorter than what others wait before they take over: whoever was stopped for long looks before it writes. */
const HOLD_MS = 4_000
/** Nothing is granted before whoever knew another owner can have said what it holds. */
const GREET_MS = 3_000
/** Whoever says nothing for so long is gone. */
const SILENT_MS = 10_000
/** The others together may be so much ahead of what is counted: a tenth of the maximum. */
const AHEAD_SHARE = 10
/** Files that are reported are looked at within one turn, if none of them has to wait for its own. */
const CHECK_MS = 20
const LARGEST_SESSION = 2 ** 47

/** What an owner is made with. */
export interface OwnerParts {
  readonly io: DiskIo
  readonly root: string
  /** `<pid>-<start>`. */
  readonly self: string
  readonly now: () => number
  readonly maxBytes: number
  /** Counts what is there under this name; `bytes` when the disk does not say. Never rejects. */
  readonly check: (digest: Buffer, bytes: number) => Promise<void>
  /** A file was read. */
  readonly use: (digest: Buffer) => void
  /** Deletes until the maximum is kept; false while it is not. */
  readonly settle: () => Promise<boolean>
  readonly totals: () => { readonly entries: number; readonly bytes: number }
  /** A process is gone: what it was writing goes too. */
  readonly onLost: () => Promise<void>
}

/** One ownership, from the creation of its lock file on. */
export class DiskOwner {
  readonly #parts: OwnerParts
  readonly #generation: number
  readonly #session = randomInt(1, LARGEST_SESSION)
  readonly #peers = new Map<string, DiskPeer>()
  readonly #windows: DiskWindows
  readonly #startedAt: number
  #beat = 0
  #beatAt = Number.NEGATIVE_INFINITY

  constructor(parts: OwnerParts, generation: number) {
    this.#parts = parts
    this.#generation = generation
    this.#windows = new DiskWindows(Math.floor(parts.maxBytes / AHEAD_SHARE))
    this.#startedAt = parts.now()
  }

  /** Whether nobody can have taken over. */
  get holds(): boolean {
    const age = this.#parts.now() - this.#beatAt
    return age >= 0 && age < HOLD_MS
  }

  get isAlone(): boolean {
    return this.#peers.size === 0
  }

  /** What others hold beyond what they may: so much less is for this process. */
  get excessBytes(): number {
    return this.#windows.excessBytes
  }

  /** Whether it is time for a beat. */
  get isDue(): boolean {
    return Math.abs(this.#parts.now() - this.#beatAt) >= BEAT_MS
  }

  /** Beats when it is time, and listens to the others. False when another process owns the directory. */
  async tick(): Promise<boolean> {
    const now = this.#parts.now()
    const due = this.isDue
    if (due) {
      if (!(await this.#isNewest())) return false
      await this.#meet(now)
    }
    const peers = [...this.#peers.values()]
    for (const peer of peers) await peer.listen(now)
    await soon(Promise.all(peers.map(({ checking }) => checking)))
    const ahead = peers.some(({ isAhead }) => isAhead)
    for (const peer of peers) peer.settle()
    // Nothing is said to be counted before there is room for it.
    const settled = (ahead || due) && (await this.#parts.settle())
    if (settled) for (const peer of peers) peer.settled()
    if (due || settled) await this.#tell(now)
    if (due) this.#beatAt = now
    return true
  }

  /** Lets go at once; another process need not wait. */
  async end(): Promise<void> {
    const { io, root } = this.#parts
    await io.unlink(`${root}/${lockName(this.#generation)}`).catch(() => false)
    const peers = [...this.#peers.values()]
    this.#peers.clear()
    await Promise.all(peers.map((peer) => peer.close()))
  }

  async #isNewest(): Promise<boolean> {
    const { io, root } = this.#parts
    const names = (await listAgain(io, root)).map(({ name }) => name)
    if (newestGeneration(names) !== this.#generation) return false
    // A disk that comes back may bring a lock of the same number.
    const status = await readStatus(io, `${root}/${lockName(this.#generation)}`)
    if (status !== undefined && status.session !== this.#session) return false
    for (const name of names) {
      const generation = generationOf(name)
      if (generation !== undefined && generation < this.#generation) await io.unlink(`${root}/${name}`)
    }
    return true
  }

  /** Who came, who left, and who says nothing any more. */
  async #meet(now: number): Promise<void> {
    const { io, root } = this.#parts
    const directory = `${root}/${REPORTS}`
    const present = new Set<string>()
    for (const { name, kind } of await listAgain(io, directory)) {
      const peer = peerOf(name)
      if (peer === undefined || kind !== 'file') continue
      if (peer.session !== this.#session) await io.unlink(`${directory}/${name}`)
      else present.add(peer.id)
    }
    for (const id of present) if (!this.#peers.has(id)) await this.#join(id, now)
    for (const [id, peer] of this.#peers) {
      if (present.has(id) && Math.abs(now - peer.heardAt) < SILENT_MS) continue
      await peer.listen(now)
      this.#peers.delete(id)
      await io.unlink(`${directory}/${id}-${this.#session}`)
      await this.#parts.onLost()
      void peer.end()
    }
    this.#windows.strangerBytes = await this.#countStrangers()
  }

  /** What is being written by who has not said what it holds. */
  async #countStrangers(): Promise<number> {
    const { io, root, self } = this.#parts
    const isStrange = (id: string) => id !== self && !this.#peers.get(id)?.holder.isKnown
    let bytes = 0
    for await (const file of temporaryFiles(io, root, isStrange)) bytes += takenBytes(file)
    return bytes
  }

  async #join(id: string, now: number): Promise<void> {
    const { io, root } = this.#parts
    const fd = await io.open(`${root}/${REPORTS}/${id}-${this.#session}`, 'read')
    const { check, use } = this.#parts
    this.#peers.set(id, new DiskPeer({ io, windows: this.#windows, fd, check, use }, now))
  }

  async #tell(now: number): Promise<void> {
    const { io, root, self, totals } = this.#parts
    const beat = ++this.#beat
    if (Math.abs(now - this.#startedAt) >= GREET_MS) this.#windows.grant(beat)
    const grants: Record<string, Grant> = {}
    for (const [id, { heard, holder }] of this.#peers) grants[id] = { heard, windowBytes: holder.windowBytes }
    const status = { owner: self, host: hostname(), session: this.#session, beat, ...totals(), grants }
    // Not held open: a file system with a file open for writing cannot be set to read-only.
    const fd = await io.open(`${root}/${lockName(this.#generation)}`, 'update')
    await io.write(fd, encodeStatus(status), 0).finally(() => io.close(fd))
  }
}

/** The directory may have been deleted under us; then it is made again. */
async function listAgain(io: DiskIo, path: string): ReturnType<DiskIo['list']> {
  try {
    return await io.list(path)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
    if (path.endsWith(REPORTS)) await io.makeDirectory(path)
    else await prepareDirectory(io, path)
    return io.list(path)
  }
}

/** Waits a little, not for as long as it takes. */
async function soon(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, CHECK_MS)
  })
  await Promise.race([work, late])
  clearTimeout(timer)
}
