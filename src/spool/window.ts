// PURE. The part of a body that is in memory: chunks by their place in the body, dropped from the front.

/** A chunk's own object and its two places in the lists. */
const CHUNK_BYTES = 128
/** Chunks up to this size are handed out several at once: to copy them costs less than to hand on each. */
const SMALL_BYTES = 8_192
const GATHERED_BYTES = 65_536

/** Bytes `start` to `end` (exclusive) of a body that grows at its end. */
export class Window {
  #chunks: Buffer[] = []
  /** Where each chunk begins. */
  #places: number[] = []
  #end = 0
  #retained = 0

  get start(): number {
    return this.#places[0] ?? this.#end
  }

  get end(): number {
    return this.#end
  }

  get bytes(): number {
    return this.#end - this.start
  }

  /** The memory that is really held: a chunk that is a slice keeps all that it was cut from, together with its neighbours. */
  get retainedBytes(): number {
    return this.#retained
  }

  /** Where the oldest chunk ends. */
  get firstEnd(): number {
    return this.#places[1] ?? this.#end
  }

  append(chunk: Buffer): void {
    if (chunk.length === 0) return
    if (chunk.buffer !== this.#chunks[this.#chunks.length - 1]?.buffer) {
      this.#retained += chunk.buffer.byteLength
    }
    this.#retained += CHUNK_BYTES
    this.#chunks.push(chunk)
    this.#places.push(this.#end)
    this.#end += chunk.length
  }

  /** Of a window without bytes: these come after it and go at once. */
  pass(chunk: Buffer): void {
    this.#end += chunk.length
  }

  /** What comes at this place: the rest of its chunk, small ones together; undefined when it is not in memory. */
  at(place: number): Buffer | undefined {
    if (place < this.start || place >= this.#end) return undefined
    const index = this.#indexOf(place)
    const chunk = this.#chunks[index]
    const from = this.#places[index] ?? 0
    if (chunk === undefined) return undefined
    const rest = place === from ? chunk : chunk.subarray(place - from)
    return rest.length > SMALL_BYTES ? rest : this.#gather(rest, index)
  }

  #gather(first: Buffer, index: number): Buffer {
    let next = index + 1
    let bytes = first.length
    for (; next < this.#chunks.length; next++) {
      const length = this.#chunks[next]?.length ?? 0
      if (length > SMALL_BYTES || bytes + length > GATHERED_BYTES) break
      bytes += length
    }
    if (next === index + 1) return first
    return Buffer.concat([first, ...this.#chunks.slice(index + 1, next)], bytes)
  }

  /** The oldest bytes in one piece, whole chunks, at least one and at most about so many. */
  oldest(aboutBytes: number): Buffer {
    let count = 0
    let bytes = 0
    while (count < this.#chunks.length && (count === 0 || bytes < aboutBytes)) {
      bytes += this.#chunks[count]?.length ?? 0
      count++
    }
    const [first] = this.#chunks
    if (count === 1 && first !== undefined) return first
    return Buffer.concat(this.#chunks.slice(0, count), bytes)
  }

  /** Lets go of the chunks that end at or before this place. */
  dropBefore(place: number): void {
    if (place <= this.start) return
    const count = place >= this.#end ? this.#chunks.length : this.#indexOf(place)
    for (let index = 0; index < count; index++) this.#forget(index)
    this.#chunks.splice(0, count)
    this.#places.splice(0, count)
  }

  /** Neighbours that are slices of one memory let go of it with the last of them. */
  #forget(index: number): void {
    const memory = this.#chunks[index]?.buffer
    this.#retained -= CHUNK_BYTES
    if (memory !== this.#chunks[index + 1]?.buffer) this.#retained -= memory?.byteLength ?? 0
  }

  /** The chunk that holds a place inside. */
  #indexOf(place: number): number {
    let low = 0
    let high = this.#places.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#places[middle] ?? 0) <= place) low = middle
      else high = middle - 1
    }
    return low
  }
}
