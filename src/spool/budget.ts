// PURE. The memory that all bodies read ahead hold together, as an account; who finds it used up waits in line.

interface Waiter {
  readonly bytes: number
  readonly granted: () => void
}

/** What is taken is given back by whoever took it; a place in the line ends with the grant or by leaving it. */
export class Budget {
  readonly maxBytes: number
  #bytes = 0
  #files = 0
  /** Longest waiting first. */
  readonly #waiting = new Set<Waiter>()

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
  }

  /** Taken and not yet given back. */
  get bytes(): number {
    return this.#bytes
  }

  /** Bodies of which a part is in a file. */
  get spilling(): number {
    return this.#files
  }

  /** False when there is not so much left, or others wait for it. */
  take(bytes: number): boolean {
    if (this.#waiting.size > 0 || this.#bytes + bytes > this.maxBytes) return false
    this.#bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#bytes -= bytes
    this.#serve()
  }

  /** Takes as soon as it is one's turn and there is enough; the returned function leaves the line. */
  wait(bytes: number, granted: () => void): () => void {
    const waiter = { bytes, granted }
    this.#waiting.add(waiter)
    return () => {
      // Whoever stood behind may need less.
      if (this.#waiting.delete(waiter)) this.#serve()
    }
  }

  fileOpened(): void {
    this.#files++
  }

  fileClosed(): void {
    this.#files--
  }

  #serve(): void {
    for (const waiter of this.#waiting) {
      if (this.#bytes + waiter.bytes > this.maxBytes) return
      this.#waiting.delete(waiter)
      this.#bytes += waiter.bytes
      waiter.granted()
    }
  }
}
