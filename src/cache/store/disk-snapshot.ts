// The index as a file: what is known, in order of use, so that a restart neither forgets the order nor has to count.
import { crc32 } from 'node:zlib'
import type { DiskIndex } from './disk-index'
import type { DiskIo } from './disk-io'

/** Its name in the cache directory. */
export const SNAPSHOT = 'index'
const MAGIC = Buffer.from('SLUICEIX')
const VERSION = 1
const HEADER_BYTES = 20
const DIGEST_BYTES = 32
const RECORD_BYTES = DIGEST_BYTES + 6 + 4
/** A block is read, checked and taken over in about a millisecond: no request waits for more than one. */
const BLOCK_RECORDS = 512
const BLOCK_BYTES = BLOCK_RECORDS * RECORD_BYTES + 4

/** `complete`: nothing was written after it, so that nothing has to be counted. */
export type Completeness = 'complete' | 'partial'

/** Writes the index to an empty file. */
export async function writeSnapshot(
  io: DiskIo,
  fd: number,
  index: DiskIndex,
  completeness: Completeness
): Promise<void> {
  index.rewind()
  let at = HEADER_BYTES
  for (;;) {
    const block = nextBlock(index)
    if (block === undefined) break
    await io.write(fd, block, at)
    at += block.length
  }
  await io.write(fd, encodeHeader(completeness, at), 0)
}

/** What a snapshot is read with. */
export interface SnapshotReader {
  readonly io: DiskIo
  readonly index: DiskIndex
  /** Some more is known. */
  readonly onMore?: () => void
}

/** Takes over what a snapshot knows. Undefined when it is none of ours; a damaged one counts up to the damage. */
export async function readSnapshot(reader: SnapshotReader, fd: number): Promise<Completeness | undefined> {
  const { io, index, onMore } = reader
  const header = Buffer.alloc(HEADER_BYTES)
  await io.read(fd, header, 0)
  const claimed = decodeHeader(header)
  if (claimed === undefined) return undefined
  let at = HEADER_BYTES
  const buffer = Buffer.allocUnsafe(BLOCK_BYTES)
  while (at < claimed.bytes) {
    const got = await io.read(fd, buffer.subarray(0, Math.min(BLOCK_BYTES, claimed.bytes - at)), at)
    if (!takeBlock(index, buffer.subarray(0, got))) return 'partial'
    at += got
    onMore?.()
  }
  return claimed.completeness
}

/** From here on files change: the snapshot tells the order, and no longer what there is. */
export async function markPartial(io: DiskIo, fd: number): Promise<void> {
  const header = Buffer.alloc(HEADER_BYTES)
  await io.read(fd, header, 0)
  const claimed = decodeHeader(header)
  if (claimed !== undefined) await io.write(fd, encodeHeader('partial', claimed.bytes), 0)
}

function nextBlock(index: DiskIndex): Buffer | undefined {
  const block = Buffer.allocUnsafe(BLOCK_BYTES)
  let at = 0
  for (let count = 0; count < BLOCK_RECORDS; count++) {
    const file = index.next()
    if (file === undefined) break
    file.digest.copy(block, at)
    block.writeUIntLE(file.bytes, at + DIGEST_BYTES, 6)
    block.writeUInt32LE(file.usedSeconds, at + DIGEST_BYTES + 6)
    at += RECORD_BYTES
  }
  if (at === 0) return undefined
  block.writeUInt32LE(crc32(block.subarray(0, at)), at)
  return block.subarray(0, at + 4)
}

/** The warmest come first, so each one goes behind those before it. */
function takeBlock(index: DiskIndex, block: Buffer): boolean {
  const end = block.length - 4
  if (end <= 0 || end % RECORD_BYTES !== 0) return false
  if (crc32(block.subarray(0, end)) !== block.readUInt32LE(end)) return false
  for (let at = 0; at < end; at += RECORD_BYTES) {
    const usedMs = block.readUInt32LE(at + DIGEST_BYTES + 6) * 1000
    index.setCold(block.subarray(at, at + DIGEST_BYTES), block.readUIntLE(at + DIGEST_BYTES, 6), usedMs)
  }
  return true
}

function encodeHeader(completeness: Completeness, bytes: number): Buffer {
  const header = Buffer.alloc(HEADER_BYTES)
  MAGIC.copy(header)
  header[8] = VERSION
  header[9] = completeness === 'complete' ? 1 : 0
  header.writeUIntLE(bytes, 10, 6)
  header.writeUInt32LE(crc32(header.subarray(0, HEADER_BYTES - 4)), HEADER_BYTES - 4)
  return header
}

function decodeHeader(
  header: Buffer
): { readonly completeness: Completeness; readonly bytes: number } | undefined {
  if (MAGIC.compare(header, 0, MAGIC.length) !== 0 || header[8] !== VERSION) return undefined
  if (header.readUInt32LE(HEADER_BYTES - 4) !== crc32(header.subarray(0, HEADER_BYTES - 4))) return undefined
  return { completeness: header[9] === 1 ? 'complete' : 'partial', bytes: header.readUIntLE(10, 6) }
}
