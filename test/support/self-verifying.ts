// Bodies that prove themselves: `id|length|sha256\n` and seeded bytes, so that any mix-up, cut or splice shows.
import { createCipheriv, createHash, type Hash } from 'node:crypto'
import { Readable } from 'node:stream'

/** What a verifier found. */
export type Verdict =
  | { readonly ok: true; readonly id: string; readonly length: number }
  | { readonly ok: false; readonly problem: string }

/** Reads a body chunk by chunk; `verdict` after the last. */
export interface Verifier {
  write(chunk: Buffer): void
  verdict(): Verdict
}

const BLOCK_BYTES = 65_536
const HEAD_LIMIT = 512

/** The whole body of an id: `length` seeded bytes after the line that describes them. */
export function seededBody(id: string, length: number): Buffer {
  return Buffer.concat([...seededChunks(id, length)])
}

/** The same body as a stream that is made as it is read. */
export function seededStream(id: string, length: number): Readable {
  return Readable.from(seededChunks(id, length), { objectMode: false })
}

/** Bytes in all of a seeded body, for Content-Length. */
export function seededLength(id: string, length: number): number {
  return headLine(id, length, '0'.repeat(64)).length + length
}

/** Verifies a body that is whole in memory. */
export function verifySeeded(body: Buffer, id?: string): Verdict {
  const verifier = seededVerifier(id)
  verifier.write(body)
  return verifier.verdict()
}

/** A verifier for one body; with `id`, any other id is a problem. */
export function seededVerifier(id?: string): Verifier {
  const hash = createHash('sha256')
  let head = Buffer.alloc(0)
  let claim: Claim | undefined
  let seen = 0

  const content = (chunk: Buffer, into: Hash): void => {
    seen += chunk.length
    into.update(chunk)
  }
  return {
    write: (chunk) => {
      if (claim !== undefined) return content(chunk, hash)
      head = Buffer.concat([head, chunk])
      const end = head.indexOf('\n')
      if (end < 0) return
      claim = parseHead(head.toString('latin1', 0, end))
      content(head.subarray(end + 1), hash)
    },
    verdict: () => {
      if (claim === undefined) return { ok: false, problem: `no head line in ${head.length} bytes` }
      return judge(claim, { seen, sha256: hash.copy().digest('hex'), id })
    }
  }
}

interface Claim {
  readonly id: string
  readonly length: number
  readonly sha256: string
}

function judge(claim: Claim, found: { seen: number; sha256: string; id: string | undefined }): Verdict {
  const { id, length, sha256 } = claim
  if (found.id !== undefined && found.id !== id) return { ok: false, problem: `id ${id}, not ${found.id}` }
  if (found.seen !== length) return { ok: false, problem: `${found.seen} bytes, not ${length}` }
  if (found.sha256 !== sha256) return { ok: false, problem: 'bytes differ' }
  return { ok: true, id, length }
}

function parseHead(line: string): Claim {
  const [id = '', length = '', sha256 = ''] = line.slice(0, HEAD_LIMIT).split('|')
  return { id, length: Number(length), sha256 }
}

function* seededChunks(id: string, length: number): Generator<Buffer> {
  const hash = createHash('sha256')
  for (const block of blocks(id, length)) hash.update(block)
  yield headLine(id, length, hash.digest('hex'))
  yield* blocks(id, length)
}

function headLine(id: string, length: number, sha256: string): Buffer {
  return Buffer.from(`${id}|${length}|${sha256}\n`, 'latin1')
}

// AES in counter mode is the fastest generator at hand, and the same id gives the same bytes on every machine.
function* blocks(id: string, length: number): Generator<Buffer> {
  const key = createHash('sha256').update(id).digest().subarray(0, 16)
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(BLOCK_BYTES)
  for (let left = length; left > 0; left -= BLOCK_BYTES) {
    yield cipher.update(zeros.subarray(0, Math.min(left, BLOCK_BYTES)))
  }
}
