// PURE. Heads of old servers, put right before the parser judges them: what was allowed, and nothing else (RFC 9112 §2.2, §5.1, §5.2).

/** What old servers do to a head: lines ended by LF alone, a field folded over several lines, blanks before the colon. */
export type Fault = 'bare-lf' | 'obs-fold' | 'space-before-colon'

/** All of them. */
export const FAULTS: readonly Fault[] = ['bare-lf', 'obs-fold', 'space-before-colon']

/** Answers with each fault that were let through. */
export type FaultCounts = Partial<Record<Fault, number>>

/** What is let through, and where that is counted. */
export interface Tolerance {
  readonly faults: readonly Fault[]
  readonly counts: FaultCounts
}

/** A part of a head, put right, and where it ended in what was given. */
interface Mended {
  readonly head: Buffer
  readonly end: number
}

/** `start` is the status line; `fold`: at the beginning of a continued line. */
type Place = 'start' | 'name' | 'value' | 'fold'

const HT = 0x09
const LF = 0x0a
const CR = 0x0d
const SP = 0x20
const COLON = 0x3a

/** Goes through one head after the other. What it does not put right it passes on as it came, for the parser to refuse. */
export class Mender {
  readonly #tolerance: Tolerance
  readonly #found = new Set<Fault>()
  #out: number[] = []
  #place: Place = 'start'
  /** Nothing has come of this line. */
  #isEmpty = true
  #whole = false
  /** Held back until the next byte tells what it is: a CR, the end of a line, blanks behind a name. */
  #cr = false
  #lineEnd = false
  readonly #blanks: number[] = []

  constructor(tolerance: Tolerance) {
    this.#tolerance = tolerance
  }

  /** Something has been put right since the response began. */
  get mended(): boolean {
    return this.#found.size > 0
  }

  /** A response begins. */
  begin(): void {
    this.#found.clear()
    this.next()
  }

  /** A head begins: the response's first, or one behind an interim response. */
  next(): void {
    this.#place = 'start'
    this.#isEmpty = true
    this.#whole = false
    this.#cr = false
    this.#lineEnd = false
    this.#blanks.length = 0
  }

  /** The response has been let through with what was found. */
  count(): void {
    const { counts } = this.#tolerance
    for (const fault of this.#found) counts[fault] = (counts[fault] ?? 0) + 1
  }

  /** Takes the head's bytes from `at` on, up to its end or that of the chunk. */
  mend(chunk: Buffer, at: number): Mended {
    this.#out = []
    let end = at
    while (end < chunk.length && !this.#whole) this.#take(chunk[end++] as number)
    return { head: Buffer.from(this.#out), end }
  }

  #take(byte: number): void {
    if (this.#cr) {
      this.#cr = false
      if (byte === LF) {
        this.#onLineEnd()
        return
      }
      this.#onByte(CR)
    }
    if (byte === CR) this.#cr = true
    else if (byte === LF && this.#allows('bare-lf')) this.#onLineEnd()
    else this.#onByte(byte)
  }

  #onLineEnd(): void {
    if (this.#place === 'start' && this.#isEmpty) {
      this.#out.push(CR, LF)
      return
    }
    if (this.#isEmpty) {
      this.#out.push(CR, LF, CR, LF)
      this.#whole = true
      return
    }
    this.#releaseBlanks()
    this.#lineEnd = true
    this.#isEmpty = true
    // A status line cannot be continued.
    this.#place = this.#place === 'start' ? 'name' : 'fold'
  }

  #onByte(byte: number): void {
    if (this.#lineEnd) this.#onLineStart(byte)
    if (this.#place === 'fold') {
      this.#isEmpty = false
      if (isBlank(byte)) return
      this.#place = 'value'
    }
    if (this.#place === 'name') this.#onNameByte(byte)
    else this.#pass(byte)
  }

  #onLineStart(byte: number): void {
    const isContinued = this.#place === 'fold' && isBlank(byte) && this.#allows('obs-fold')
    this.#lineEnd = false
    if (isContinued) {
      this.#out.push(SP)
      return
    }
    this.#out.push(CR, LF)
    this.#place = 'name'
  }

  #onNameByte(byte: number): void {
    if (isBlank(byte) && !this.#isEmpty) {
      this.#blanks.push(byte)
      return
    }
    if (byte === COLON) {
      if (this.#blanks.length > 0 && this.#allows('space-before-colon')) this.#blanks.length = 0
      this.#place = 'value'
    }
    this.#pass(byte)
  }

  #pass(byte: number): void {
    this.#releaseBlanks()
    this.#isEmpty = false
    this.#out.push(byte)
  }

  #releaseBlanks(): void {
    for (const blank of this.#blanks) this.#out.push(blank)
    this.#blanks.length = 0
  }

  #allows(fault: Fault): boolean {
    if (!this.#tolerance.faults.includes(fault)) return false
    this.#found.add(fault)
    return true
  }
}

function isBlank(byte: number): boolean {
  return byte === SP || byte === HT
}
