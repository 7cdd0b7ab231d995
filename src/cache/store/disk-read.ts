// Opens a file of the disk tier and verifies header, key and length; small content comes along in the same read.
import { type BadReason, decodePrefix, type Prefix, tableFits } from './disk-entry'
import { type DiskIo, errnoOf, isForeign } from './disk-io'
import { BLOCK_BYTES, blockFits } from './disk-sums'

/** A file up to this size is read whole at once: header, head, key, one block of content. */
const WHOLE_BYTES = BLOCK_BYTES + 8_192
/** Of a file that is known to be larger only the start is read: header, head and key of nearly every response. */
const START_BYTES = 8_192
// What reading at a place in what is no plain file leads to, beside what `isForeign` knows.
const UNREADABLE = new Set(['EINVAL', 'ENOTSUP'])

/** What was found under a path. */
export type Opened =
  | { readonly kind: 'absent' }
  | { readonly kind: 'bad'; readonly reason: BadReason }
  /** The content was read and verified. */
  | { readonly kind: 'whole'; readonly prefix: Prefix; readonly content: Buffer }
  /** The file stays open: the caller closes it. */
  | { readonly kind: 'large'; readonly prefix: Prefix; readonly table: Buffer; readonly fd: number }

/** What to open; `bytes` is the size when it is known. */
export interface Wanted {
  readonly path: string
  readonly key: string
  readonly bytes: number | undefined
}

/** Opens and verifies. Rejects only when the disk is in trouble. */
export async function openEntry(io: DiskIo, wanted: Wanted): Promise<Opened> {
  let fd: number | undefined
  let keep = false
  try {
    fd = await io.open(wanted.path, 'read')
    const opened = await verify(io, fd, wanted)
    keep = opened.kind === 'large'
    return opened
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT') return { kind: 'absent' }
    if (isForeign(error) || UNREADABLE.has(errno)) return { kind: 'bad', reason: 'foreign' }
    throw error
  } finally {
    if (fd !== undefined && !keep) void io.close(fd)
  }
}

/** The start of the file, decoded; `bytes` is all that was read. */
export async function readPrefix(
  io: DiskIo,
  fd: number,
  firstBytes: number
): Promise<{ readonly prefix: Prefix; readonly bytes: Buffer; readonly ended: boolean } | BadReason> {
  let wanted = firstBytes
  // Twice at most for a good file, three times for a bad one: the header, then all before the content.
  for (;;) {
    const buffer = Buffer.allocUnsafeSlow(wanted)
    const got = await io.read(fd, buffer, 0)
    const bytes = buffer.subarray(0, got)
    const decoded = decodePrefix(bytes)
    if (decoded.kind === 'ok') return { prefix: decoded.prefix, bytes, ended: got < wanted }
    if (decoded.kind === 'bad') return decoded.reason
    if (got < wanted) return 'length'
    wanted = decoded.bytes
  }
}

async function verify(io: DiskIo, fd: number, { key, bytes: known }: Wanted): Promise<Opened> {
  const start = await readPrefix(io, fd, firstRead(known))
  if (typeof start === 'string') return { kind: 'bad', reason: start }
  const { prefix, bytes, ended } = start
  if (prefix.key !== key) return { kind: 'bad', reason: 'key' }
  if (ended) return verifyWhole(prefix, bytes)
  // One byte more than there should be: a file that goes on is not the one that was written.
  const tail = Buffer.allocUnsafeSlow(prefix.tableBytes + 1)
  const got = await io.read(fd, tail, prefix.tableAt)
  if (got !== prefix.tableBytes) return { kind: 'bad', reason: 'length' }
  const table = tail.subarray(0, got)
  if (!tableFits(prefix, table)) return { kind: 'bad', reason: 'table' }
  return { kind: 'large', prefix, table, fd }
}

function firstRead(known: number | undefined): number {
  if (known === undefined) return WHOLE_BYTES
  return known < WHOLE_BYTES ? known + 1 : START_BYTES
}

function verifyWhole(prefix: Prefix, bytes: Buffer): Opened {
  if (bytes.length !== prefix.fileBytes) return { kind: 'bad', reason: 'length' }
  const table = bytes.subarray(prefix.tableAt)
  if (!tableFits(prefix, table)) return { kind: 'bad', reason: 'table' }
  const content = bytes.subarray(prefix.contentAt, prefix.tableAt)
  for (let index = 0; index * BLOCK_BYTES < content.length; index++) {
    const block = content.subarray(index * BLOCK_BYTES, (index + 1) * BLOCK_BYTES)
    if (!blockFits(table, index, block)) return { kind: 'bad', reason: 'block' }
  }
  return { kind: 'whole', prefix, content }
}
