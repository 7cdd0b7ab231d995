// A process that shares a cache directory but does not evict: it writes within a window, and reports what it wrote.
import type { DiskIo } from './disk-io'
import { decodeStatus, type LockStatus } from './disk-lock'
import { idOf } from './disk-name'
import { encodeReport, placeOf, type ReportRecord, RING_RECORDS, roomAt, seenBeat } from './disk-report'

/** Where reports lie: `<pid>-<start>-<session>`. */
export const REPORTS = 'peers'
/** A beat that was seen allows writing for so long. */
const LEASE_MS = 2_000
/** A beat that has not changed for so long is that of a dead process. */
export const STALE_MS = 5_000
/** Whoever was not listed for so long reports anew. */
const UNLISTED_MS = 8_000
const BEAT_MS = 1_000
const STATUS_BYTES = 65_536
/** Uses are told while so many wait at most: they only move a file in the line. */
const MAX_WAITING_USES = 256

/** What the lock file says; undefined while it is being written. */
export async function readStatus(io: DiskIo, lockPath: string): Promise<LockStatus | undefined> {
  const fd = await io.open(lockPath, 'read')
  const bytes = Buffer.allocUnsafe(STATUS_BYTES)
  const got = await io.read(fd, bytes, 0).finally(() => io.close(fd))
  return decodeStatus(bytes.subarray(0, got))
}

/** What a guest is made with. */
export interface GuestParts {
  readonly io: DiskIo
  readonly root: string
  /** `<pid>-<start>`. */
  readonly self: string
  readonly now: () => number
  /** What this process has under way. */
  readonly reservedBytes: () => number
}

interface Numbered {
  readonly sequence: number
  readonly record: ReportRecord
}

/** One for the lifetime of the store: what was not heard by one owner is told to the next. */
export class DiskGuest {
  readonly #parts: GuestParts
  #status: LockStatus | undefined
  #aliveAt = Number.NEGATIVE_INFINITY
  #listedAt = 0
  /** When it said last what it holds, and which window it had seen. */
  #beatAt = 0
  #saidWindowBytes = 0
  #ring: { readonly fd: number; readonly path: string; readonly session: number } | undefined
  #sequence = 0
  #waiting: Numbered[] = []
  /** About to be put in place. */
  readonly #coming = new Map<string, Buffer>()
  #unheard: Numbered[] = []
  #unheardBytes = 0
  #flushing: Promise<void> | undefined

  constructor(parts: GuestParts) {
    this.#parts = parts
  }

  /** What the evicting process told last. */
  get status(): LockStatus | undefined {
    return this.#status
  }

  /** How much may be under way, what is reported and not heard already taken off. */
  get freeBytes(): number {
    return this.#isHeard ? this.#windowBytes - this.#unheardBytes : 0
  }

  /** Whoever evicts lives, and reads what is said here. */
  get #isHeard(): boolean {
    const age = this.#parts.now() - this.#aliveAt
    return age >= 0 && age < LEASE_MS && this.#ring !== undefined
  }

  get #windowBytes(): number {
    return this.#status?.grants[this.#parts.self]?.windowBytes ?? 0
  }

  /** Whether there is something to say or to hear soon. */
  get isBusy(): boolean {
    return this.#waiting.length > 0 || this.#unheard.length > 0
  }

  /** Whether the evicting process has not been heard of for too long. */
  get isStale(): boolean {
    return Math.abs(this.#parts.now() - this.#aliveAt) >= STALE_MS
  }

  /** A first look at another lock: its owner gets the time that every owner has. */
  meet(): void {
    this.#status = undefined
    this.#aliveAt = this.#parts.now()
  }

  /** A file is about to be put in place; false: it must not be, for it would not be counted. */
  async announce(digest: Buffer): Promise<boolean> {
    this.#coming.set(idOf(digest), digest)
    this.#say({ kind: 'add', digest, bytes: 0 })
    await this.flush()
    return this.#isHeard
  }

  /** It is in place, and what was reserved for it is held for it. */
  added(digest: Buffer, bytes: number): void {
    this.#coming.delete(idOf(digest))
    this.#unheard.push(this.#say({ kind: 'added', digest, bytes }))
    this.#unheardBytes += bytes
  }

  /** It is not there, or was not put in place. */
  gone(digest: Buffer): void {
    this.#coming.delete(idOf(digest))
    this.#say({ kind: 'gone', digest, bytes: 0 })
  }

  used(digest: Buffer): void {
    if (this.#waiting.length < MAX_WAITING_USES) this.#say({ kind: 'use', digest, bytes: 0 })
  }

  #say(record: ReportRecord): Numbered {
    const numbered = { sequence: ++this.#sequence, record }
    this.#waiting.push(numbered)
    return numbered
  }

  /** Resolves when all that was reported before is in the file. */
  async flush(): Promise<void> {
    await this.#flushing
    this.#flushing ??= this.#flush().finally(() => {
      this.#flushing = undefined
    })
    await this.#flushing
  }

  /** Reads the lock file and says what there is to say. */
  async listen(lockPath: string): Promise<void> {
    const { io, now, self } = this.#parts
    const askedAt = now()
    const status = await readStatus(io, lockPath)
    if (status !== undefined) this.#heard(status, askedAt)
    if (this.#status === undefined) return
    const { session, grants } = this.#status
    if (grants[self] !== undefined) this.#listedAt = askedAt
    const unlisted = Math.abs(askedAt - this.#listedAt) > UNLISTED_MS
    if (this.#ring?.session !== session || unlisted) await this.#introduce(session)
    const due = Math.abs(askedAt - this.#beatAt) >= BEAT_MS
    if (due || this.#windowBytes !== this.#saidWindowBytes) this.#beat(this.#status.beat)
    if (this.#waiting.length > 0) await this.flush()
  }

  /** Takes back what it is known by. What was told stays told. */
  async leave(): Promise<void> {
    const ring = this.#ring
    if (ring === undefined) return
    await this.flush().catch(() => undefined)
    this.#ring = undefined
    await this.#parts.io.unlink(ring.path).catch(() => false)
    await this.#parts.io.close(ring.fd)
  }

  /** Owns the directory now: all files are counted, nobody has to be told. */
  async forget(): Promise<void> {
    await this.leave()
    this.#status = undefined
    this.#waiting = []
    this.#coming.clear()
    this.#unheard = []
    this.#unheardBytes = 0
  }

  /** From here on it takes no more than this beat, or a later one, grants. */
  #beat(seen: number): void {
    this.#say({
      kind: 'beat',
      digest: seenBeat(seen),
      bytes: this.#parts.reservedBytes() + this.#unheardBytes
    })
    this.#beatAt = this.#parts.now()
    this.#saidWindowBytes = this.#windowBytes
  }

  #heard(status: LockStatus, askedAt: number): void {
    const before = this.#status
    if (status.beat !== before?.beat || status.session !== before.session) this.#aliveAt = askedAt
    this.#status = status
    if (this.#ring?.session !== status.session) return
    const heard = status.grants[this.#parts.self]?.heard ?? 0
    while (this.#unheard[0] !== undefined && this.#unheard[0].sequence <= heard) {
      this.#unheardBytes -= this.#unheard.shift()?.record.bytes ?? 0
    }
  }

  /** A file for this session; what the former one has not heard is told again. */
  async #introduce(session: number): Promise<void> {
    const { io, root, self, now } = this.#parts
    await this.leave()
    const path = `${root}/${REPORTS}/${self}-${session}`
    await io.makeDirectory(`${root}/${REPORTS}`)
    await io.unlink(path)
    const fd = await io.open(path, 'create')
    this.#sequence = 0
    this.#waiting = []
    this.#beat(0)
    for (const digest of this.#coming.values()) this.#say({ kind: 'add', digest, bytes: 0 })
    this.#unheard = this.#unheard.map(({ record }) => this.#say(record))
    this.#ring = { fd, path, session }
    this.#listedAt = now()
  }

  async #flush(): Promise<void> {
    const ring = this.#ring
    const heard = this.#status?.grants[this.#parts.self]?.heard ?? 0
    while (ring !== undefined && ring === this.#ring) {
      const first = this.#waiting[0]?.sequence
      if (first === undefined) break
      // Never over a record that may not have been read.
      const most = Math.min(roomAt(first), heard + RING_RECORDS + 1 - first)
      if (most <= 0) break
      const some = this.#waiting.splice(0, most)
      const bytes = Buffer.concat(some.map(({ record, sequence }) => encodeReport(record, sequence)))
      await this.#parts.io.write(ring.fd, bytes, placeOf(first)).catch((error) => {
        this.#waiting.unshift(...some)
        throw error
      })
    }
  }
}
