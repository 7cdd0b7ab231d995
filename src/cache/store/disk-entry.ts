// PURE. The file of one stored response: header, two slots for the head, key, content in 64 KiB blocks, their checksums.
//
//   0         magic 'SLUICE', version, kind      │ header, 48 bytes, own CRC32 last; it is written when the content
//   8         slot size, key, content lengths    │ is complete, so that an unfinished file has none
//   22        CRC32 of table and key, nonce      │
//   48        slot A: sequence, length, CRC32, JSON of the head; slot B the same: a 304 writes the other one,
//   48+2·slot key                                  the higher sequence that is whole wins
//   …         content
//   …         table: the CRC32 of each block
//
// A slot's checksum starts from the header's, so that no slot of another file or of a former content fits.
import { crc32 } from 'node:zlib'
import { tableBytesOf } from './disk-sums'
import type { StoredHead, VaryRecord } from './store'

const MAGIC = Buffer.from('SLUICE')
const VERSION = 1
const HEADER_BYTES = 48
const SLOT_HEADER_BYTES = 12
/** Room in a slot for what a 304 may add to the head. */
const SLOT_SPARE_BYTES = 256
const SLOT_ALIGN = 128
// Larger than any head or key that Node's HTTP parser lets through; a damaged length never becomes a large allocation.
const MAX_SLOT_BYTES = 1 << 20
const MAX_KEY_BYTES = 1 << 18
// What file systems give out: a file of one byte takes as much.
const ALLOCATION_BYTES = 4096

type Kind = 'response' | 'vary'
const KINDS: readonly Kind[] = ['response', 'vary']

/** What a file stores beside content. */
export type FileRecord =
  | { readonly kind: 'response'; readonly head: StoredHead }
  | { readonly kind: 'vary'; readonly vary: VaryRecord }

/** Where the parts of a file are. */
export interface Layout {
  readonly slotBytes: number
  readonly keyBytes: number
  readonly contentAt: number
}

/** The decoded start of a file. */
export interface Prefix extends Layout {
  readonly key: string
  readonly record: FileRecord
  readonly contentBytes: number
  readonly tableAt: number
  readonly tableBytes: number
  readonly fileBytes: number
  readonly tableSum: number
  /** Tells this file from every other one, also of the same key. */
  readonly identity: string
  /** The slot that counts (0 or 1), its sequence, and the sum that a slot of this file starts from. */
  readonly slot: 0 | 1
  readonly sequence: number
  readonly headerSum: number
}

/** `short`: that many bytes from the start are needed to tell. */
export type Decoded =
  | { readonly kind: 'ok'; readonly prefix: Prefix }
  | { readonly kind: 'short'; readonly bytes: number }
  | { readonly kind: 'bad'; readonly reason: BadReason }

/** Why bytes are no file of ours. */
export type BadReason =
  | 'magic'
  | 'version'
  | 'header'
  | 'length'
  | 'key'
  | 'head'
  | 'table'
  | 'block'
  | 'foreign'

/** The record's JSON as it stands in a slot. */
export function encodeRecord(record: FileRecord): Buffer {
  return Buffer.from(JSON.stringify(record.kind === 'vary' ? record.vary : record.head))
}

/** Where the parts go; undefined when head or key are too large for a file. */
export function planLayout(json: Buffer, key: string): Layout | undefined {
  const wanted = SLOT_HEADER_BYTES + json.length + SLOT_SPARE_BYTES
  const slotBytes = Math.ceil(wanted / SLOT_ALIGN) * SLOT_ALIGN
  const keyBytes = Buffer.byteLength(key)
  if (slotBytes > MAX_SLOT_BYTES || keyBytes > MAX_KEY_BYTES) return undefined
  return { slotBytes, keyBytes, contentAt: HEADER_BYTES + 2 * slotBytes + keyBytes }
}

/** How many bytes the whole file takes. */
export function fileBytes(layout: Layout, contentBytes: number): number {
  return layout.contentAt + contentBytes + tableBytesOf(contentBytes)
}

/** What a file of so many bytes takes: it is counted in whole blocks. */
export function takenBytes(bytes: number): number {
  return Math.ceil(bytes / ALLOCATION_BYTES) * ALLOCATION_BYTES
}

/** What the start of a file is made of. */
export interface PrefixParts {
  readonly kind: Kind
  readonly layout: Layout
  readonly key: string
  readonly json: Buffer
  readonly contentBytes: number
  readonly tableSum: number
  /** Eight random bytes. */
  readonly nonce: Buffer
}

/** The bytes before the content. */
export function encodePrefix(parts: PrefixParts): Buffer {
  const { layout, contentBytes } = parts
  const bytes = Buffer.alloc(layout.contentAt)
  MAGIC.copy(bytes)
  bytes[6] = VERSION
  bytes[7] = KINDS.indexOf(parts.kind)
  bytes.writeUInt32LE(layout.slotBytes, 8)
  bytes.writeUInt32LE(layout.keyBytes, 12)
  bytes.writeUIntLE(contentBytes, 16, 6)
  bytes.writeUInt32LE(parts.tableSum, 22)
  const keyAt = HEADER_BYTES + 2 * layout.slotBytes
  bytes.write(parts.key, keyAt)
  bytes.writeUInt32LE(crc32(bytes.subarray(keyAt)), 26)
  parts.nonce.copy(bytes, 30, 0, 8)
  const headerSum = crc32(bytes.subarray(0, HEADER_BYTES - 4))
  bytes.writeUInt32LE(headerSum, HEADER_BYTES - 4)
  encodeSlot(parts.json, 1, headerSum).copy(bytes, HEADER_BYTES)
  return bytes
}

/** A fresh head in place of the one that counts: what to write and where; undefined when it has outgrown its slot. */
export function encodeFresh(
  prefix: Prefix,
  json: Buffer
): { readonly bytes: Buffer; readonly at: number } | undefined {
  if (SLOT_HEADER_BYTES + json.length > prefix.slotBytes) return undefined
  const other = 1 - prefix.slot
  return {
    bytes: encodeSlot(json, prefix.sequence + 1, prefix.headerSum),
    at: HEADER_BYTES + other * prefix.slotBytes
  }
}

/** Reads the start of a file. Never throws, whatever the bytes. */
export function decodePrefix(bytes: Buffer): Decoded {
  if (bytes.length < HEADER_BYTES) return { kind: 'short', bytes: HEADER_BYTES }
  if (MAGIC.compare(bytes, 0, MAGIC.length) !== 0) return bad('magic')
  if (bytes[6] !== VERSION) return bad('version')
  const headerSum = crc32(bytes.subarray(0, HEADER_BYTES - 4))
  const kind = KINDS[bytes[7] ?? 0]
  if (kind === undefined || bytes.readUInt32LE(HEADER_BYTES - 4) !== headerSum) return bad('header')
  const slotBytes = bytes.readUInt32LE(8)
  const keyBytes = bytes.readUInt32LE(12)
  if (slotBytes > MAX_SLOT_BYTES || keyBytes > MAX_KEY_BYTES) return bad('length')
  const contentAt = HEADER_BYTES + 2 * slotBytes + keyBytes
  if (bytes.length < contentAt) return { kind: 'short', bytes: contentAt }
  const key = bytes.subarray(contentAt - keyBytes, contentAt)
  if (crc32(key) !== bytes.readUInt32LE(26)) return bad('key')
  const slot = newerSlot(bytes, slotBytes, headerSum)
  const record = slot && decodeRecord(kind, slot.json)
  if (slot === undefined || record === undefined) return bad('head')
  const contentBytes = bytes.readUIntLE(16, 6)
  const layout = { slotBytes, keyBytes, contentAt }
  return {
    kind: 'ok',
    prefix: {
      ...layout,
      key: key.toString(),
      record,
      contentBytes,
      tableAt: contentAt + contentBytes,
      tableBytes: tableBytesOf(contentBytes),
      fileBytes: fileBytes(layout, contentBytes),
      tableSum: bytes.readUInt32LE(22),
      identity: bytes.toString('latin1', 30, HEADER_BYTES),
      slot: slot.index,
      sequence: slot.sequence,
      headerSum
    }
  }
}

/** Whether these are the sums that were written with this header. */
export function tableFits(prefix: Prefix, table: Buffer): boolean {
  return table.length === prefix.tableBytes && crc32(table) === prefix.tableSum
}

function bad(reason: BadReason): Decoded {
  return { kind: 'bad', reason }
}

function encodeSlot(json: Buffer, sequence: number, headerSum: number): Buffer {
  const slot = Buffer.allocUnsafe(SLOT_HEADER_BYTES + json.length)
  slot.writeUInt32LE(sequence, 0)
  slot.writeUInt32LE(json.length, 4)
  json.copy(slot, SLOT_HEADER_BYTES)
  slot.writeUInt32LE(slotSum(slot, headerSum), 8)
  return slot
}

interface Slot {
  readonly index: 0 | 1
  readonly sequence: number
  readonly json: Buffer
}

function newerSlot(bytes: Buffer, slotBytes: number, headerSum: number): Slot | undefined {
  const first = decodeSlot(bytes.subarray(HEADER_BYTES, HEADER_BYTES + slotBytes), 0, headerSum)
  const second = decodeSlot(
    bytes.subarray(HEADER_BYTES + slotBytes, HEADER_BYTES + 2 * slotBytes),
    1,
    headerSum
  )
  if (first === undefined || second === undefined) return first ?? second
  return second.sequence > first.sequence ? second : first
}

function decodeSlot(slot: Buffer, index: 0 | 1, headerSum: number): Slot | undefined {
  if (slot.length < SLOT_HEADER_BYTES) return undefined
  const end = SLOT_HEADER_BYTES + slot.readUInt32LE(4)
  if (end > slot.length || slot.readUInt32LE(8) !== slotSum(slot.subarray(0, end), headerSum))
    return undefined
  return { index, sequence: slot.readUInt32LE(0), json: slot.subarray(SLOT_HEADER_BYTES, end) }
}

function slotSum(slot: Buffer, headerSum: number): number {
  return crc32(slot.subarray(SLOT_HEADER_BYTES), crc32(slot.subarray(0, 8), headerSum))
}

function decodeRecord(kind: Kind, json: Buffer): FileRecord | undefined {
  try {
    const value: unknown = JSON.parse(json.toString())
    if (kind === 'vary') return isVary(value) ? { kind, vary: value } : undefined
    return isHead(value) ? { kind, head: value } : undefined
  } catch {
    return undefined
  }
}

// The sums vouch for the bytes; this vouches for the writer, which may have been another release.
function isHead(value: unknown): value is StoredHead {
  if (typeof value !== 'object' || value === null) return false
  const { status, fields, requestTime, responseTime } = value as Partial<StoredHead>
  const numbers =
    Number.isInteger(status) && typeof requestTime === 'number' && typeof responseTime === 'number'
  return numbers && typeof fields === 'object' && fields !== null && Object.values(fields).every(isFieldValue)
}

function isVary(value: unknown): value is VaryRecord {
  if (typeof value !== 'object' || value === null) return false
  const { vary, storedAt } = value as Partial<VaryRecord>
  return typeof storedAt === 'number' && isLines(vary)
}

function isFieldValue(value: unknown): boolean {
  return typeof value === 'string' || isLines(value)
}

function isLines(value: unknown): boolean {
  return Array.isArray(value) && value.every((line) => typeof line === 'string')
}
