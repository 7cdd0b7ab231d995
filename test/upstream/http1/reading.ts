// What a Framing says of some bytes, in a form that can be compared.
import { Framing, type FramingEvents } from '../../../src/upstream/http1/framing'
import type { Asked, Head } from '../../../src/upstream/http1/message-framing'
import type { Tolerance } from '../../../src/upstream/http1/tolerance'

/** Everything that was said; content in one piece, for how it is cut is the network's doing. */
export interface Reading {
  readonly heads: readonly Pick<Head, 'status' | 'raw' | 'delimiter' | 'persistent'>[]
  readonly content: string
  readonly trailers: readonly string[] | undefined
  /** The response has come whole. */
  readonly complete: boolean
  /** Its bytes were refused, be it behind a whole response. */
  readonly refused: boolean
  readonly problem: string | undefined
}

export const GET: Asked = { method: 'GET', upgrade: false }

/** Reads one response from `pieces`, and then the end of the connection if `ended`. */
export function read(
  pieces: readonly Buffer[],
  asked: Asked = GET,
  ended = true,
  tolerance?: Tolerance
): Reading {
  const heads: Pick<Head, 'status' | 'raw' | 'delimiter' | 'persistent'>[] = []
  let content = ''
  let trailers: readonly string[] | undefined
  const note = ({ status, raw, delimiter, persistent }: Head) =>
    heads.push({ status, raw, delimiter, persistent })
  const events: FramingEvents = {
    onInterim: note,
    onHead: note,
    onContent: (chunk) => {
      content += chunk.toString('latin1')
    },
    onComplete: (fields) => {
      if (trailers !== undefined) throw new Error('complete twice')
      trailers = fields
    }
  }
  const framing = new Framing(tolerance)
  try {
    framing.begin(asked, events)
    let problem: string | undefined
    for (const piece of pieces) problem ??= framing.read(piece)?.detail
    if (ended && problem === undefined) framing.end()
    const complete = trailers !== undefined
    return { heads, content, trailers, complete, refused: problem !== undefined, problem }
  } finally {
    framing.free()
  }
}

/** The bytes in pieces of these sizes, the rest as one. */
export function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  let at = 0
  for (const size of sizes) {
    if (at >= bytes.length) break
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  if (at < bytes.length) pieces.push(bytes.subarray(at))
  return pieces
}
