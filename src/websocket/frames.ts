// PURE but for its own state. Where one frame ends and the next begins, RFC 6455 §5.2, so that a Close can go between two of them.

/** Follows one direction of a tunnel by its frame headers; content is counted, never looked at. */
export class FrameBoundary {
  /** The peer has said Close: nothing may follow it. */
  closed = false
  /** The lengths make no sense; where frames end is not known any more. */
  #lost = false
  /** Header bytes seen of the frame under way: 0, 1, or 2 and more. */
  #headerBytes = 0
  #lengthBytesLeft = 0
  #maskBytesLeft = 0
  #contentLeft = 0

  /** Whether the bytes so far end with a whole frame. */
  get atBoundary(): boolean {
    return !this.#lost && this.#headerBytes === 0 && this.#contentLeft === 0
  }

  /** Takes the next bytes of the direction. */
  advance(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length && !this.#lost) {
      if (this.#headerBytes === 0 && this.#contentLeft > 0) {
        const skipped = Math.min(this.#contentLeft, chunk.length - at)
        this.#contentLeft -= skipped
        at += skipped
      } else {
        this.#header(chunk[at] as number)
        at++
      }
    }
  }

  #header(byte: number): void {
    if (this.#headerBytes === 0) {
      if ((byte & 0x0f) === 0x8) this.closed = true
      this.#headerBytes = 1
      return
    }
    if (this.#headerBytes === 1) this.#firstLength(byte)
    else if (this.#lengthBytesLeft > 0) this.#furtherLength(byte)
    else this.#maskBytesLeft--
    if (this.#lengthBytesLeft === 0 && this.#maskBytesLeft === 0) this.#headerBytes = 0
  }

  #firstLength(byte: number): void {
    this.#headerBytes = 2
    this.#maskBytesLeft = byte & 0x80 ? 4 : 0
    const length = byte & 0x7f
    this.#lengthBytesLeft = length === 126 ? 2 : length === 127 ? 8 : 0
    this.#contentLeft = length < 126 ? length : 0
  }

  #furtherLength(byte: number): void {
    this.#contentLeft = this.#contentLeft * 256 + byte
    this.#lengthBytesLeft--
    if (!Number.isSafeInteger(this.#contentLeft)) this.#lost = true
  }
}
