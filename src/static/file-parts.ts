// Several parts of one file as one stream (multipart/byteranges): all from one descriptor, and so from one and the same file.
import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { Byteranges } from '../http/partial'
import { assertUnchanged } from './file-stream'
import type { Found } from './lookup'

/** How much is read at once, as a file stream does. */
const CHUNK_BYTES = 65_536

/** Opens the file when the first byte is asked for: a stream that nobody reads holds nothing. */
export function filePartsStream(file: Found, parts: Byteranges): Readable {
  return Readable.from(readFile(file, parts), { objectMode: false })
}

async function* readFile(file: Found, parts: Byteranges): AsyncGenerator<Buffer, void> {
  const handle = await open(file.realPath)
  try {
    const problem = assertUnchanged(file, await handle.stat())
    if (problem !== undefined) throw problem
    yield* parts.read((start, end) => readSpan(handle, start, end))
  } finally {
    await handle.close()
  }
}

async function* readSpan(handle: FileHandle, start: number, end: number): AsyncGenerator<Buffer, void> {
  for (let at = start; at <= end; ) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - at + 1))
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, at)
    // Cut short since it was opened: whoever counts the bytes says so.
    if (bytesRead === 0) return
    at += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}
