// Bytes of one connection in, responses out (RFC 9112 §6, §7): llhttp judges, and what it lets pass is judged once more.
import { MAX_FIELDS, MAX_HEAD_BYTES, MAX_INTERIM } from '../response-head'
import { fieldName } from './field-names'
import { INPUT_BYTES, NO_CONTENT, PAUSE, Parser, type ParserEvents, type Problem, REFUSE } from './llhttp'
import { type Asked, type Head, readHead } from './message-framing'
import { StatusLine } from './status-line'
import { Mender, type Tolerance } from './tolerance'

/** Who is told; never while bytes are being judged, so that every call may end the exchange or throw. */
export interface FramingEvents {
  onInterim(head: Head): void
  onHead(head: Head): void
  onContent(content: Buffer): void
  /** `trailers`: names in lower case and values in turn. */
  onComplete(trailers: readonly string[]): void
}

/** `idle` → `head` → content → `complete`; `tunnel`: the rest is no HTTP; `broken`: nothing more is read. */
type State = 'idle' | 'head' | 'counted' | 'chunked' | 'close' | 'complete' | 'tunnel' | 'broken'

const NOBODY: FramingEvents = { onInterim: nothing, onHead: nothing, onContent: nothing, onComplete: nothing }
const EMPTY = Buffer.alloc(0)
const NO_TRAILERS: readonly string[] = []

/** Bytes between the content of two chunks: as many as node allows an extension to have. */
const MAX_CHUNK_LINE_BYTES = 16 * 1024

/** Reads one response after the other, each only after `begin`. */
export class Framing {
  readonly #parser: Parser
  readonly #statusLine = new StatusLine()
  /** Only where something is tolerated. */
  readonly #mender: Mender | undefined
  #state: State = 'idle'
  #events = NOBODY
  #asked: Asked = { method: 'GET', upgrade: false }
  #chunk: Buffer = EMPTY
  /** The parser has come to the end of a head or a message. */
  #paused = false
  #raw: string[] = []
  #head: Head | undefined
  #problem: Problem | undefined
  #interims = 0
  /** Counted content that is still to come. */
  #left = 0
  /** Bytes of the head, or since the last byte of chunked content. */
  #overhead = 0
  #contentEnd = 0
  /** Starts and ends of content in the chunk. */
  readonly #content: number[] = []

  constructor(tolerance?: Tolerance) {
    this.#mender = tolerance && new Mender(tolerance)
    const events: ParserEvents = {
      onName: (start, end) => this.#onName(start, end),
      onValue: (start, end) => this.#onValue(start, end),
      onHeadersComplete: (status) => this.#onHeadersComplete(status),
      onContent: (start, end) => this.#onContent(start, end)
    }
    this.#parser = new Parser(events)
  }

  /** The response has come whole, and nothing behind it. */
  get complete(): boolean {
    return this.#state === 'complete'
  }

  /** A response is expected from here on. */
  begin(asked: Asked, events: FramingEvents): void {
    this.#asked = asked
    this.#events = events
    this.#interims = 0
    this.#mender?.begin()
    this.#beginHead()
    this.#state = 'head'
  }

  /** Takes what has come. The result is what is wrong with it; the connection is of no use then. */
  read(chunk: Buffer): Problem | undefined {
    let at = 0
    while (at < chunk.length && this.#problem === undefined) {
      if (this.#state === 'head') at = this.#readHeadPart(chunk, at)
      else if (this.#state === 'counted') at = this.#readCounted(chunk, at)
      else if (this.#state === 'chunked') at = this.#readChunked(chunk, at)
      else if (this.#state === 'close' || this.#state === 'tunnel') at = this.#readAll(chunk, at)
      else if (this.#state === 'idle' || this.#state === 'complete')
        this.#fail('bytes that were not asked for')
      else break
    }
    return this.#problem
  }

  /** The connection has ended. True: that was the end of the content. */
  end(): boolean {
    if (this.#state !== 'close') return false
    this.#complete(NO_TRAILERS)
    return true
  }

  /** Reads no more, and tells nobody anything. */
  stop(): void {
    this.#state = 'broken'
    this.#events = NOBODY
  }

  /** Gives back what the collector cannot. */
  free(): void {
    this.stop()
    this.#parser.free()
  }

  /** What was put right in it is part of the head only; the parser judges all of it. */
  #readHeadPart(chunk: Buffer, at: number): number {
    if (this.#mender === undefined) return this.#readHead(chunk, at)
    const { head, end } = this.#mender.mend(chunk, at)
    // What was left out counts as well.
    this.#growHead(Math.max(0, end - at - head.length))
    let done = 0
    while (done < head.length && this.#state === 'head' && this.#problem === undefined)
      done = this.#readHead(head, done)
    return end
  }

  #readHead(chunk: Buffer, at: number): number {
    if (!this.#statusLine.read(chunk, at)) {
      this.#fail('Expected LF after CR', 'HPE_STRICT')
      return chunk.length
    }
    const end = this.#judge(chunk, at)
    const head = this.#head
    this.#growHead(end - at)
    if (this.#problem !== undefined || head === undefined) return end
    if (head.status < 200 && head.delimiter === 'none') this.#onInterim(head)
    else this.#onFinal(head)
    return end
  }

  #growHead(bytes: number): void {
    this.#overhead += bytes
    if (this.#overhead > MAX_HEAD_BYTES)
      this.#fail(`a head above ${MAX_HEAD_BYTES} bytes`, 'HPE_HEADER_OVERFLOW')
  }

  #onInterim(head: Head): void {
    this.#interims++
    this.#mender?.next()
    this.#beginHead()
    if (this.#interims > MAX_INTERIM) this.#fail(`more than ${MAX_INTERIM} interim responses`)
    else this.#events.onInterim(head)
  }

  #onFinal(head: Head): void {
    const { delimiter, length } = head
    this.#mender?.count()
    const empty = delimiter === 'none' || (delimiter === 'counted' && length === 0)
    this.#left = length
    this.#overhead = 0
    this.#state = delimiter === 'none' ? 'counted' : delimiter
    if (delimiter === 'chunked') this.#parser.resume()
    this.#events.onHead(head)
    if (empty && this.#state === 'counted') this.#complete(NO_TRAILERS)
  }

  #readCounted(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#left)
    this.#left -= end - at
    this.#events.onContent(part(chunk, at, end))
    if (this.#left === 0 && this.#state === 'counted') this.#complete(NO_TRAILERS)
    return end
  }

  #readAll(chunk: Buffer, at: number): number {
    this.#events.onContent(part(chunk, at, chunk.length))
    return chunk.length
  }

  #readChunked(chunk: Buffer, at: number): number {
    this.#content.length = 0
    this.#contentEnd = at
    const end = this.#judge(chunk, at)
    this.#noteOverhead(end)
    for (let index = 0; index < this.#content.length && this.#state === 'chunked'; index += 2) {
      this.#events.onContent(part(chunk, this.#content[index] as number, this.#content[index + 1] as number))
    }
    if (this.#raw.length > MAX_FIELDS * 2) this.#fail(`more than ${MAX_FIELDS} trailer fields`)
    if (this.#paused && this.#problem === undefined && this.#state === 'chunked')
      this.#complete(trimmed(this.#raw))
    return end
  }

  /** llhttp reads on to the end of a head, of a message, or of what there is. */
  #judge(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + INPUT_BYTES)
    this.#chunk = chunk
    const result = this.#parser.execute(chunk, at, end)
    this.#chunk = EMPTY
    this.#paused = result === PAUSE
    if (result === 0) return end
    if (!this.#paused) this.#problem ??= this.#parser.problem(result)
    return this.#parser.position
  }

  #onName(start: number, end: number): void {
    const raw = this.#raw
    const name = fieldName(this.#chunk, start, end)
    if (raw.length === 0 && this.#state === 'chunked') this.#noteOverhead(start)
    if (raw.length % 2 === 0) raw.push(name)
    else raw[raw.length - 1] += name
  }

  #onValue(start: number, end: number): void {
    const raw = this.#raw
    const value = this.#chunk.toString('latin1', start, end)
    if (raw.length % 2 === 1) raw.push(value)
    else raw[raw.length - 1] += value
  }

  #onHeadersComplete(status: number): number {
    const raw = trimmed(this.#raw)
    const head = this.#agreed(readHead(this.#asked, { status, version: this.#parser.version, raw }))
    if (typeof head === 'string') {
      this.#fail(head)
      return REFUSE
    }
    // What was read leniently once must not be relied on twice.
    this.#head = this.#mender?.mended === true ? { ...head, persistent: false } : head
    this.#raw = []
    return head.delimiter === 'chunked' ? PAUSE : NO_CONTENT
  }

  /** Chunks are the parser's to read: what it does not take for chunked we must not. */
  #agreed(head: Head | string): Head | string {
    const isChunked = typeof head !== 'string' && head.delimiter === 'chunked'
    return isChunked && this.#parser.needsEnd ? 'invalid transfer-encoding' : head
  }

  #onContent(start: number, end: number): void {
    this.#noteOverhead(start)
    this.#overhead = 0
    this.#contentEnd = end
    if (this.#problem === undefined) this.#content.push(start, end)
  }

  /** Sizes, extensions and trailers must not be without end; only trailers may be as long as a head. */
  #noteOverhead(at: number): void {
    this.#overhead += at - this.#contentEnd
    this.#contentEnd = at
    const most = this.#raw.length === 0 ? MAX_CHUNK_LINE_BYTES : MAX_HEAD_BYTES
    if (this.#overhead > most) this.#fail('a chunk extension or trailer section that is too long')
  }

  #beginHead(): void {
    this.#parser.reset()
    this.#statusLine.begin()
    this.#raw = []
    this.#head = undefined
    this.#overhead = 0
  }

  #complete(trailers: readonly string[]): void {
    const events = this.#events
    this.#state = 'complete'
    this.#events = NOBODY
    events.onComplete(trailers)
  }

  #fail(detail: string, errno?: string): void {
    this.#problem ??= { detail, errno }
  }
}

function part(chunk: Buffer, start: number, end: number): Buffer {
  return start === 0 && end === chunk.length ? chunk : chunk.subarray(start, end)
}

/** llhttp leaves the white space behind a value on it (RFC 9110 §5.5). */
function trimmed(raw: string[]): string[] {
  for (let index = 1; index < raw.length; index += 2) {
    const value = raw[index] as string
    let end = value.length
    while (end > 0 && isBlank(value.charCodeAt(end - 1))) end--
    if (end < value.length) raw[index] = value.slice(0, end)
  }
  return raw
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function nothing(): void {}
