// PURE. The end of a status line (RFC 9112 §2.2, §4): llhttp takes a second CR for its LF, and what follows for fields.
const CR = 0x0d
const LF = 0x0a

/** `before`: empty lines may come first; `cr`: its LF must be next. */
type Place = 'before' | 'within' | 'cr' | 'behind'

/** Looks over one status line, in whatever pieces it comes. */
export class StatusLine {
  #place: Place = 'before'

  /** Another one is expected. */
  begin(): void {
    this.#place = 'before'
  }

  /** Looks at what has come from `at` on; false: its CR stands alone. */
  read(chunk: Buffer, at: number): boolean {
    let next = at
    if (this.#place === 'behind') return true
    if (this.#place === 'before') {
      while (chunk[next] === CR || chunk[next] === LF) next++
      if (next < chunk.length) this.#place = 'within'
    }
    if (this.#place === 'within') {
      const end = chunk.indexOf(CR, next)
      if (end === -1) return true
      this.#place = 'cr'
      next = end + 1
    }
    if (this.#place !== 'cr' || next === chunk.length) return true
    this.#place = 'behind'
    return chunk[next] === LF
  }
}
