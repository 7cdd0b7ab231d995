// PURE. The checksums of a stored content: a CRC32 for each 64 KiB block, in a table.
import { crc32 } from 'node:zlib'

/** Content is checked in units of this size before any byte of it is handed out. */
export const BLOCK_BYTES = 65_536
/** A sum of blocks takes this much for each. */
export const SUM_BYTES = 4

/** How large the table of a content is. */
export function tableBytesOf(contentBytes: number): number {
  return Math.ceil(contentBytes / BLOCK_BYTES) * SUM_BYTES
}

/** Whether a block of content is what was written. */
export function blockFits(table: Buffer, index: number, block: Buffer): boolean {
  const at = index * SUM_BYTES
  return at + SUM_BYTES <= table.length && table.readUInt32LE(at) === crc32(block)
}

/** The sums of content that comes in pieces. */
export class BlockSums {
  #sums: number[] = []
  #sum = 0
  #inBlock = 0

  /** Takes the next piece. */
  add(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + BLOCK_BYTES - this.#inBlock)
      this.#sum = crc32(part, this.#sum)
      this.#inBlock += part.length
      at += part.length
      if (this.#inBlock === BLOCK_BYTES) this.#close()
    }
  }

  /** The table of all sums, and the sum over it. */
  finish(): { readonly table: Buffer; readonly tableSum: number } {
    if (this.#inBlock > 0) this.#close()
    const table = Buffer.allocUnsafeSlow(this.#sums.length * SUM_BYTES)
    for (const [index, sum] of this.#sums.entries()) table.writeUInt32LE(sum, index * SUM_BYTES)
    return { table, tableSum: crc32(table) }
  }

  #close(): void {
    this.#sums.push(this.#sum)
    this.#sum = 0
    this.#inBlock = 0
  }
}
