// The content of a large stored file as a stream: each block is verified before a byte of it is handed out.
import { Readable } from 'node:stream'
import { sluiceError } from '../../errors'
import type { Prefix } from './disk-entry'
import type { OpenFile } from './disk-file'
import type { DiskIo } from './disk-io'
import { BLOCK_BYTES, blockFits } from './disk-sums'
import type { StoredEntry, StoredHead } from './store'

/** What an entry on disk needs from its store. */
export interface ContentSource {
  readonly io: DiskIo
  readonly prefix: Prefix
  readonly table: Buffer
  readonly file: OpenFile
  /** The same file opened once more, after it had been closed for idleness; undefined when it is not there any more. */
  readonly reopen: () => Promise<OpenFile | undefined>
  /** A block was not what had been written. */
  readonly onDamage: () => void
  /** The disk failed. */
  readonly onTrouble: (error: unknown) => void
}

/** A stored response whose content stays on disk. */
export class DiskEntry implements StoredEntry {
  readonly key: string
  readonly head: StoredHead
  readonly length: number
  readonly buffer = null
  readonly #source: ContentSource
  #file: OpenFile

  constructor(head: StoredHead, source: ContentSource) {
    this.key = source.prefix.key
    this.head = head
    this.length = source.prefix.contentBytes
    this.#source = source
    this.#file = source.file
  }

  read(start = 0, end: number = this.length - 1): Readable {
    let at = start
    let reading = false
    // Taken at once: what was found stays readable while it waits for its reader.
    let fd = this.#file.take()
    let file = this.#file
    const release = () => {
      if (fd === undefined) return
      fd = undefined
      file.give()
    }
    const step = async (stream: Readable): Promise<void> => {
      if (fd === undefined) {
        file = await this.#reopened()
        fd = file.take()
      }
      const block = await this.#readBlock(fd, Math.floor(at / BLOCK_BYTES))
      const from = at % BLOCK_BYTES
      const part = block.subarray(from, Math.min(block.length, from + end + 1 - at))
      at += part.length
      reading = false
      if (!stream.destroyed) stream.push(part)
    }
    return new Readable({
      highWaterMark: BLOCK_BYTES,
      read() {
        if (at > end) {
          this.push(null)
          return
        }
        reading = true
        step(this).then(
          () => this.destroyed && !reading && release(),
          (error) => {
            reading = false
            release()
            this.destroy(error)
          }
        )
      },
      destroy(error, done) {
        // A descriptor must not be closed, and its number used again, under a call that is under way.
        if (!reading) release()
        done(error)
      }
    })
  }

  async #reopened(): Promise<OpenFile> {
    const known = this.#file
    const file = await this.#source.reopen()
    if (file === undefined) throw sluiceError('SLUICE_INTERNAL', { detail: 'the cache file is gone' })
    if (this.#file === known) this.#file = file
    return file
  }

  async #readBlock(fd: number | undefined, index: number): Promise<Buffer> {
    const { io, prefix, table, onDamage, onTrouble } = this.#source
    const at = index * BLOCK_BYTES
    const block = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, prefix.contentBytes - at))
    const got = await io.read(fd ?? -1, block, prefix.contentAt + at).catch((error) => {
      onTrouble(error)
      throw sluiceError('SLUICE_INTERNAL', { detail: 'the cache file cannot be read', cause: error })
    })
    if (got === block.length && blockFits(table, index, block)) return block
    onDamage()
    throw sluiceError('SLUICE_INTERNAL', { detail: 'the cache file is damaged' })
  }
}
