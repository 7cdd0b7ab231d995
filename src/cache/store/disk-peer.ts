// Another process, as the one that evicts hears it: its reports are read, each file that they name is looked at, and only
// then are they acknowledged. A report says that something changed; what is there now only the disk can tell.
import type { DiskIo } from './disk-io'
import { idOf } from './disk-name'
import { decodeReport, placeOf, RECORD_BYTES, type ReportRecord, roomAt, seenIn } from './disk-report'
import type { DiskWindows, Holder } from './disk-windows'

const READ_RECORDS = 512
// Looks at that many files at once: the thread pool has four threads, and requests want them too.
const CHECK_WIDTH = 4

/** What a peer is made with. */
export interface PeerParts {
  readonly io: DiskIo
  readonly windows: DiskWindows
  /** Its reports, open for reading. */
  readonly fd: number
  /** Counts what is there under this name; `bytes` when the disk does not say. Never rejects. */
  readonly check: (digest: Buffer, bytes: number) => Promise<void>
  /** A file was read. */
  readonly use: (digest: Buffer) => void
}

/** From its introduction until it leaves or falls silent. */
export class DiskPeer {
  readonly holder: Holder
  heardAt: number
  /** Up to which report it is told that it was heard. */
  heard = 0
  readonly #parts: PeerParts
  /** Files that it was about to put in place. */
  readonly #coming = new Map<string, Buffer>()
  #read = 0
  #checked = 0
  #settling = 0
  #checking: Promise<void> = Promise.resolve()

  constructor(parts: PeerParts, now: number) {
    this.#parts = parts
    this.heardAt = now
    this.holder = parts.windows.join()
  }

  /** Something was looked at that it does not know of. */
  get isAhead(): boolean {
    return this.#checked > this.heard
  }

  /** When what was read so far is looked at. */
  get checking(): Promise<void> {
    return this.#checking
  }

  /** Reads what is new. */
  async listen(now: number): Promise<void> {
    const before = this.#read
    const changed = new Map<string, ReportRecord>()
    for (let more = true; more; ) {
      const first = this.#read + 1
      const wanted = Math.min(READ_RECORDS, roomAt(first))
      const bytes = Buffer.allocUnsafe(wanted * RECORD_BYTES)
      const got = await this.#parts.io.read(this.#parts.fd, bytes, placeOf(first))
      more = this.#take(bytes.subarray(0, got), changed) === wanted
    }
    const read = this.#read
    if (read === before) return
    this.heardAt = now
    this.#checking = this.#checking
      .then(() => this.#check([...changed.values()]))
      .then(() => {
        this.#checked = read
      })
  }

  /** What is looked at by now is about to find its room. */
  settle(): void {
    this.#settling = this.#checked
  }

  /** There is room for it. */
  settled(): void {
    this.heard = this.#settling
  }

  /** Nothing is read any more. */
  close(): Promise<void> {
    return this.#parts.io.close(this.#parts.fd)
  }

  /** It is gone: what it was about to put in place is there or not. */
  async end(): Promise<void> {
    await this.close()
    await this.#checking
    await this.#check([...this.#coming.values()].map((digest) => ({ digest, bytes: 0 })))
    this.#parts.windows.leave(this.holder)
  }

  #take(bytes: Buffer, changed: Map<string, ReportRecord>): number {
    for (let count = 0; ; count++) {
      const record = decodeReport(bytes, count * RECORD_BYTES, this.#read + 1)
      if (record === undefined) return count
      this.#hear(record, changed)
      this.#read++
    }
  }

  #hear(record: ReportRecord, changed: Map<string, ReportRecord>): void {
    const { kind, digest, bytes } = record
    if (kind === 'beat') this.#parts.windows.hear(this.holder, seenIn(digest), bytes)
    else if (kind === 'use') this.#parts.use(digest)
    else if (kind === 'add') this.#coming.set(idOf(digest), digest)
    else {
      this.#coming.delete(idOf(digest))
      changed.set(idOf(digest), record)
    }
  }

  async #check(files: readonly Pick<ReportRecord, 'digest' | 'bytes'>[]): Promise<void> {
    for (let at = 0; at < files.length; at += CHECK_WIDTH) {
      const some = files.slice(at, at + CHECK_WIDTH)
      await Promise.all(some.map(({ digest, bytes }) => this.#parts.check(digest, bytes)))
    }
  }
}
