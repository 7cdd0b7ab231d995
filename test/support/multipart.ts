// Reads multipart content as RFC 2046 §5.1 has it, strictly: whatever is not as it should be is an error.
import type { IncomingHttpHeaders } from 'node:http'

/** One part; field names in lower case. */
export interface Part {
  readonly fields: Readonly<Record<string, string>>
  readonly content: Buffer
}

/** The parts of a content with this Content-Type. */
export function partsOf(contentType: IncomingHttpHeaders[string], content: Buffer): Part[] {
  const boundary = /^multipart\/byteranges; boundary="?([^";]+)"?$/.exec(String(contentType))?.[1]
  if (boundary === undefined) throw new Error(`not multipart/byteranges: ${contentType}`)
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  const parts: Part[] = []
  let at = content.indexOf(delimiter)
  if (at !== 0) throw new Error('text before the first part')
  for (;;) {
    at += delimiter.length
    if (content.subarray(at, at + 2).equals(Buffer.from('--'))) break
    if (!content.subarray(at, at + 2).equals(Buffer.from('\r\n'))) throw new Error('a boundary goes on')
    const next = content.indexOf(delimiter, at + 2)
    if (next === -1) throw new Error('no boundary at the end')
    parts.push(partOf(content.subarray(at + 2, next)))
    at = next
  }
  if (!content.subarray(at).equals(Buffer.from('--\r\n'))) throw new Error('text after the last part')
  return parts
}

function partOf(bytes: Buffer): Part {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) throw new Error('a part without an end of its fields')
  const fields: Record<string, string> = {}
  for (const line of bytes.subarray(0, end).toString('latin1').split('\r\n')) {
    const colon = line.indexOf(': ')
    const name = line.slice(0, colon).toLowerCase()
    if (colon < 1 || name in fields) throw new Error(`bad field line in a part: ${line}`)
    fields[name] = line.slice(colon + 2)
  }
  return { fields, content: bytes.subarray(end + 4) }
}
