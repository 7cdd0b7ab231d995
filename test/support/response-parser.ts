// Reads HTTP/1 responses out of bytes, strictly (RFC 9112): the judge of what a client sees on the wire. PURE.

/** One response with its bytes still recognisable. */
export interface RawResponse {
  readonly version: string
  readonly status: number
  readonly reason: string
  /** Field lines as received: [name, value], in order, case kept. */
  readonly fields: readonly (readonly [string, string])[]
  readonly body: Buffer
  /** How the end of the content was found (RFC 9112 §6.3). */
  readonly framing: 'none' | 'length' | 'chunked' | 'close'
  /** Sizes of the chunks, for tests that look at flushing. */
  readonly chunks: readonly number[]
  readonly trailers: readonly (readonly [string, string])[]
  /** Interim responses that came before it. */
  readonly information: readonly RawResponse[]
}

/** Parsing stops where bytes are missing, and names what is wrong where they cannot be a response. */
export type Parsed =
  | { readonly kind: 'response'; readonly response: RawResponse; readonly length: number }
  | { readonly kind: 'incomplete' }
  | { readonly kind: 'bad'; readonly problem: string }

type FieldLines = (readonly [string, string])[]
type Framed = Pick<RawResponse, 'body' | 'framing' | 'chunks' | 'trailers'> & { readonly end: number }

class Malformed extends Error {}

const INCOMPLETE: Parsed = { kind: 'incomplete' }
const STATUS_LINE = /^(HTTP\/1\.[01]) ([1-9]\d\d) ([\t\x20-\x7e\x80-\xff]*)$/
const FIELD_LINE =
  /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[\t ]*((?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)[\t ]*$/
const CHUNK_SIZE = /^([0-9A-Fa-f]{1,12})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/

/** Parses the first final response. `ended`: no more bytes will come. `method`: of the request it answers. */
export function parseResponse(bytes: Buffer, method: string, ended: boolean): Parsed {
  try {
    const information: RawResponse[] = []
    for (let at = 0; ; ) {
      const one = parseOne(bytes, at, { method, ended })
      if (one === undefined) return INCOMPLETE
      // 101 is final: what follows is another protocol.
      if (one.response.status >= 200 || one.response.status === 101) {
        return { kind: 'response', response: { ...one.response, information }, length: one.end }
      }
      information.push(one.response)
      at = one.end
    }
  } catch (error) {
    if (error instanceof Malformed) return { kind: 'bad', problem: error.message }
    throw error
  }
}

/** The values of a field, in order; the name is compared without case. */
export function rawField(response: Pick<RawResponse, 'fields'>, name: string): string[] {
  return response.fields.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
}

interface Context {
  readonly method: string
  readonly ended: boolean
}

function parseOne(bytes: Buffer, start: number, context: Context) {
  const headEnd = bytes.indexOf('\r\n\r\n', start)
  if (headEnd < 0) return undefined
  const [first = '', ...lines] = bytes.toString('latin1', start, headEnd).split('\r\n')
  const match = STATUS_LINE.exec(first)
  if (match === null) throw new Malformed(`status line ${JSON.stringify(first)}`)
  const [, version = '', code = '', reason = ''] = match
  const fields = fieldLines(lines)
  const status = Number(code)
  const framed = frame(bytes, headEnd + 4, { ...context, status, fields })
  if (framed === undefined) return undefined
  const { end, ...content } = framed
  return { response: { version, status, reason, fields, ...content, information: [] }, end }
}

function fieldLines(lines: readonly string[]): FieldLines {
  return lines.map((line) => {
    const match = FIELD_LINE.exec(line)
    if (match === null) throw new Malformed(`field line ${JSON.stringify(line)}`)
    return [match[1] as string, match[2] as string]
  })
}

function frame(
  bytes: Buffer,
  start: number,
  head: Context & { status: number; fields: FieldLines }
): Framed | undefined {
  const none = { framing: 'none', body: Buffer.alloc(0), chunks: [], trailers: [], end: start } as const
  const { status, method } = head
  if (status < 200 || status === 204 || status === 304 || method === 'HEAD') return none
  if (method === 'CONNECT' && status < 300) return none

  const codings = rawField(head, 'transfer-encoding')
  const lengths = rawField(head, 'content-length')
  if (codings.length > 0) {
    if (lengths.length > 0) throw new Malformed('both Transfer-Encoding and Content-Length')
    if (codings.join().toLowerCase() !== 'chunked') throw new Malformed(`transfer coding ${codings.join()}`)
    return chunkedBody(bytes, start)
  }
  if (lengths.length > 0) return sizedBody(bytes, start, lengths)
  if (!head.ended) return undefined
  return { ...none, framing: 'close', body: bytes.subarray(start), end: bytes.length }
}

function sizedBody(bytes: Buffer, start: number, lengths: readonly string[]): Framed | undefined {
  const [length = '', ...more] = lengths
  if (more.length > 0 || !/^\d+$/.test(length)) throw new Malformed(`Content-Length ${lengths.join()}`)
  const end = start + Number(length)
  if (bytes.length < end) return undefined
  return { framing: 'length', body: bytes.subarray(start, end), chunks: [], trailers: [], end }
}

function chunkedBody(bytes: Buffer, start: number): Framed | undefined {
  const parts: Buffer[] = []
  for (let at = start; ; ) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd < 0) return undefined
    const line = bytes.toString('latin1', at, lineEnd)
    const match = CHUNK_SIZE.exec(line)
    if (match === null) throw new Malformed(`chunk size ${JSON.stringify(line)}`)
    const size = Number.parseInt(match[1] as string, 16)
    if (size === 0) return lastChunk(bytes, lineEnd, parts)
    const end = lineEnd + 2 + size
    if (bytes.length < end + 2) return undefined
    if (bytes.toString('latin1', end, end + 2) !== '\r\n') throw new Malformed('chunk without its line end')
    parts.push(bytes.subarray(lineEnd + 2, end))
    at = end + 2
  }
}

function lastChunk(bytes: Buffer, lineEnd: number, parts: readonly Buffer[]): Framed | undefined {
  // The search starts at the last chunk's own line end, so that an empty trailer section is found as well.
  const end = bytes.indexOf('\r\n\r\n', lineEnd)
  if (end < 0) return undefined
  const section = bytes.toString('latin1', lineEnd + 2, end)
  const trailers = section === '' || end === lineEnd ? [] : fieldLines(section.split('\r\n'))
  const chunks = parts.map((part) => part.length)
  return { framing: 'chunked', body: Buffer.concat(parts), chunks, trailers, end: end + 4 }
}
