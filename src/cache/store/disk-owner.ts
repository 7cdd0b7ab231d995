// The process that evicts: it holds the lock file, counts what the others report, and grants them windows.
import { randomInt } from 'node:crypto'
import { hostname } from 'node:os'
import { prepareDirectory } from './disk-directory'
import { REPORTS } from './disk-guest'
import { type DiskIo, errnoOf } from './disk-io'
import { encodeStatus, type Grant, generationOf, lockName, newestGeneration } from './disk-lock'
import { peerOf } from './disk-name'
import { decodeReport, placeOf, RECORD_BYTES, type ReportRecord, roomAt } from './disk-report'

const BEAT_MS = 1_000
/** Shorter than what others wait before they take over: whoever was stopped for long looks before it writes. */
const HOLD_MS = 4_000
/** A newcomer writes when the windows that the others knew before have run out. */
const JOIN_MS = 3_000
/** Whoever says nothing for so long is gone. */
const SILENT_MS = 10_000
/** The others together may be so much ahead of what is counted: a tenth of the maximum. */
const AHEAD_SHARE = 10
const READ_RECORDS = 512
const LARGEST_SESSION = 2 ** 47

/** What an owner is made with. */
export interface OwnerParts {
  readonly io: DiskIo
  readonly root: string
  /** `<pid>-<start>`. */
  readonly self: string
  readonly now: () => number
  readonly maxBytes: number
  /** What was reported. */
  readonly apply: (record: ReportRecord) => void
  /** Deletes until the maximum is kept; false while it is not. */
  readonly settle: () => Promise<boolean>
  readonly totals: () => { readonly entries: number; readonly bytes: number }
  /** A process is gone: what it was writing goes too. */
  readonly onLost: () => Promise<void>
}

interface Peer {
  readonly fd: number
  readonly joinedAt: number
  heardAt: number
  /** Read, and said to be. */
  read: number
  heard: number
}

/** One ownership, from the creation of its lock file on. */
export class DiskOwner {
  readonly #parts: OwnerParts
  readonly #generation: number
  readonly #session = randomInt(1, LARGEST_SESSION)
  readonly #peers = new Map<string, Peer>()
  #beat = 0
  #beatAt = Number.NEGATIVE_INFINITY

  constructor(parts: OwnerParts, generation: number) {
    this.#parts = parts
    this.#generation = generation
  }

  /** Whether nobody can have taken over. */
  get holds(): boolean {
    const age = this.#parts.now() - this.#beatAt
    return age >= 0 && age < HOLD_MS
  }

  get isAlone(): boolean {
    return this.#peers.size === 0
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
    let heard = false
    for (const peer of this.#peers.values()) if (await this.#listen(peer, now)) heard = true
    // Nothing is said to be counted before there is room for it.
    const settled = (heard || due) && (await this.#parts.settle())
    if (settled) for (const peer of this.#peers.values()) peer.heard = peer.read
    if (due || settled) await this.#tell(now)
    if (due) this.#beatAt = now
    return true
  }

  /** Lets go at once; another process need not wait. */
  async end(): Promise<void> {
    const { io, root } = this.#parts
    await io.unlink(`${root}/${lockName(this.#generation)}`).catch(() => false)
    for (const peer of this.#peers.values()) await io.close(peer.fd)
    this.#peers.clear()
  }

  async #isNewest(): Promise<boolean> {
    const { io, root } = this.#parts
    const names = (await listAgain(io, root)).map(({ name }) => name)
    if (newestGeneration(names) !== this.#generation) return false
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
      await this.#listen(peer, now)
      this.#peers.delete(id)
      await io.close(peer.fd)
      await io.unlink(`${directory}/${id}-${this.#session}`)
      await this.#parts.onLost()
    }
  }

  async #join(id: string, now: number): Promise<void> {
    const { io, root } = this.#parts
    const fd = await io.open(`${root}/${REPORTS}/${id}-${this.#session}`, 'read')
    this.#peers.set(id, { fd, joinedAt: now, heardAt: now, read: 0, heard: 0 })
  }

  async #listen(peer: Peer, now: number): Promise<boolean> {
    const before = peer.read
    for (let more = true; more; ) {
      const first = peer.read + 1
      const wanted = Math.min(READ_RECORDS, roomAt(first))
      const bytes = Buffer.allocUnsafe(wanted * RECORD_BYTES)
      const got = await this.#parts.io.read(peer.fd, bytes, placeOf(first))
      const records = bytes.subarray(0, got)
      more = this.#take(peer, records) === wanted
    }
    if (peer.read > before) peer.heardAt = now
    return peer.read > before
  }

  #take(peer: Peer, records: Buffer): number {
    let count = 0
    for (;;) {
      const record = decodeReport(records, count * RECORD_BYTES, peer.read + 1)
      if (record === undefined) return count
      this.#parts.apply(record)
      peer.read++
      count++
    }
  }

  async #tell(now: number): Promise<void> {
    const { io, root, self, maxBytes, totals } = this.#parts
    const windowBytes = Math.floor(maxBytes / AHEAD_SHARE / Math.max(1, this.#peers.size))
    const grants: Record<string, Grant> = {}
    for (const [id, { joinedAt, heard }] of this.#peers) {
      grants[id] = { heard, windowBytes: now - joinedAt >= JOIN_MS ? windowBytes : 0 }
    }
    const session = this.#session
    const status = { owner: self, host: hostname(), session, beat: ++this.#beat, ...totals(), grants }
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
