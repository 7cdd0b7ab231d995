// What the bytes and node's reading of them say, found without our own code: what the list of differences rests on.
import type { NodeHead, NodeReading } from './node-reading'

/** Node's reading, of what, and the method that it answers. */
export interface Facts extends NodeReading {
  readonly bytes: Buffer
  readonly method: string
}

const HEAD_END = '\r\n\r\n'

/** Where each of so many heads ends, behind its empty line; empty lines before a head belong to it. */
export function headEnds(bytes: Buffer, count: number): number[] {
  const ends: number[] = []
  let at = 0
  while (ends.length < count) {
    while (bytes[at] === 0x0d || bytes[at] === 0x0a) at++
    at = bytes.indexOf(HEAD_END, at) + HEAD_END.length
    ends.push(at)
  }
  return ends
}

/** Bytes of each head that node has handed on, and of one that has not come to its end. */
export function headSizes(facts: Facts): number[] {
  const { bytes, heads } = facts
  const ends = headEnds(bytes, heads.length)
  const sizes = ends.map((end, index) => end - (ends[index - 1] ?? 0))
  const isFinal = heads.some(({ status }) => status >= 200 || status === 101)
  return isFinal || isRefused(facts) ? sizes : [...sizes, bytes.length - (ends.at(-1) ?? 0)]
}

/** What stands between the content of chunks, in bytes, and the trailer section, which may be cut off. */
export interface ChunkLines {
  readonly sizes: readonly number[]
  readonly trailers: number
  readonly trailerFields: number
}

/** From the end of one chunk's content to the start of the next: line end, size and extension; at last the trailers. */
export function chunkLines({ bytes, heads }: Facts): ChunkLines {
  const sizes: number[] = []
  let at = headEnds(bytes, heads.length).at(-1) ?? 0
  for (let before = 0; ; before = 2) {
    const found = bytes.indexOf('\r\n', at)
    const end = found === -1 ? bytes.length : found + 2
    const size = Number.parseInt(bytes.toString('latin1', at, Math.min(end, at + 100)), 16)
    const isLast = found === -1 || !(size > 0)
    const hasTrailers = isLast && end < bytes.length && bytes[end] !== 0x0d
    const rest = before + bytes.length - at
    sizes.push(isLast && !hasTrailers ? rest : before + end - at)
    if (isLast) {
      const lines = bytes.toString('latin1', end).split('\r\n')
      return {
        sizes,
        trailers: hasTrailers ? rest : 0,
        trailerFields: lines.filter((line) => line.length > 1).length
      }
    }
    at = end + size + 2
  }
}

/** Node could not read it; else it ended too early. */
export function isRefused({ error = '' }: NodeReading): boolean {
  return error.startsWith('HPE_') && error !== 'HPE_INVALID_EOF_STATE'
}

/** Which head says so in its own bytes: node shows values without the white space around them. */
export function headThat({ bytes, heads }: Facts, says: RegExp): number {
  let start = 0
  return headEnds(bytes, heads.length).findIndex((end) => {
    const head = bytes.toString('latin1', start, end)
    start = end
    return says.test(head)
  })
}

/** The place of a head that has not come to its end, when its bytes say so. */
export function unfinishedThat({ bytes, heads }: Facts, says: RegExp): number | undefined {
  if (heads.some(({ status }) => status >= 200 || status === 101)) return undefined
  const rest = bytes.toString('latin1', headEnds(bytes, heads.length).at(-1) ?? 0)
  return says.test(rest) ? heads.length : undefined
}

const LONE_CR = /^[\r\n]*[^\r\n]+\r[^\n]/

/** The place of the first head whose status line has a CR without its LF, told or not come to its end. */
export function statusLineWithCr(facts: Facts): number | undefined {
  const { bytes, heads } = facts
  const isFinal = heads.some(({ status }) => status >= 200 || status === 101)
  const count = isFinal || isRefused(facts) ? heads.length : heads.length + 1
  for (let index = 0, start = 0; index < count; index++) {
    if (LONE_CR.test(bytes.toString('latin1', start))) return index
    start = headEnds(bytes, index + 1).at(-1) ?? 0
  }
  return undefined
}

/** Whether there is no content, whatever the fields say (RFC 9112 §6.3). */
export function hasNoContent({ status }: NodeHead, { method }: Facts): boolean {
  return method === 'HEAD' || status === 204 || status === 304
}

/** The values of a field, in order. */
export function valuesOf({ raw }: NodeHead, ...names: readonly string[]): string[] {
  const values: string[] = []
  for (let index = 0; index < raw.length; index += 2) {
    if (names.includes(raw[index] as string)) values.push(raw[index + 1] as string)
  }
  return values
}

/** The options of a list field, in lower case (RFC 9110 §5.6.1: only space and tab are white space). */
export function optionsOf(head: NodeHead, ...names: readonly string[]): string[] {
  return valuesOf(head, ...names).flatMap((value) =>
    value.split(',').map((option) => option.replace(/^[ \t]+|[ \t]+$/g, '').toLowerCase())
  )
}
