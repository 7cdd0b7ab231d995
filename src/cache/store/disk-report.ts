// PURE. What a process that does not evict tells the one that does: a ring of records in a file, each with number and sum.
import { crc32 } from 'node:zlib'

const KINDS = ['beat', 'add', 'gone', 'use', 'added'] as const
const DIGEST_BYTES = 32
const SUM_AT = 13 + DIGEST_BYTES
/** A record takes this much of the file. */
export const RECORD_BYTES = SUM_AT + 4
/** So many are kept: more than that are never on their way. */
export const RING_RECORDS = 4096

/**
 * `add`: a file is about to be put in place. `added`: it is there, of so many bytes. `gone`: a file is not there, or
 * was not put in place. `use`: read. `beat`: the process lives, and holds so many bytes.
 */
export interface ReportRecord {
  readonly kind: (typeof KINDS)[number]
  readonly digest: Buffer
  readonly bytes: number
}

/** In place of a digest: the last beat that was seen. */
export function seenBeat(beat: number): Buffer {
  const digest = Buffer.alloc(DIGEST_BYTES)
  digest.writeUIntLE(beat, 0, 6)
  return digest
}

/** The beat that such a record names. */
export function seenIn(digest: Buffer): number {
  return digest.readUIntLE(0, 6)
}

/** Where the record with this number is, counted from 1. */
export function placeOf(sequence: number): number {
  return ((sequence - 1) % RING_RECORDS) * RECORD_BYTES
}

/** How many records from this one on lie side by side. */
export function roomAt(sequence: number): number {
  return RING_RECORDS - ((sequence - 1) % RING_RECORDS)
}

/** A record as it stands in the file. */
export function encodeReport({ kind, digest, bytes }: ReportRecord, sequence: number): Buffer {
  const record = Buffer.allocUnsafe(RECORD_BYTES)
  record.writeUIntLE(sequence, 0, 6)
  record[6] = KINDS.indexOf(kind)
  record.writeUIntLE(bytes, 7, 6)
  digest.copy(record, 13, 0, DIGEST_BYTES)
  record.writeUInt32LE(crc32(record.subarray(0, SUM_AT)), SUM_AT)
  return record
}

/** The record with this number, or undefined while it is not there. */
export function decodeReport(bytes: Buffer, at: number, sequence: number): ReportRecord | undefined {
  const record = bytes.subarray(at, at + RECORD_BYTES)
  if (record.length < RECORD_BYTES || record.readUIntLE(0, 6) !== sequence) return undefined
  if (record.readUInt32LE(SUM_AT) !== crc32(record.subarray(0, SUM_AT))) return undefined
  const kind = KINDS[record[6] ?? 0]
  if (kind === undefined) return undefined
  // A copy: the buffer is read into again.
  const digest = Buffer.from(record.subarray(13, SUM_AT))
  return { kind, digest, bytes: record.readUIntLE(7, 6) }
}
