// PURE. The part of a body that is in memory: chunks by their place in the body, dropped from the front.

/** Bytes `start` to `end` (exclusive) of a body that grows at its end. */
export class Window {
  #chunks: Buffer[] = []
  /** Where each chunk begins. */
  #places: number[] = []
  #end = 0

  get start(): number {
    return this.#places[0] ?? this.#end
  }

  get end(): number {
    return this.#end
  }

  get bytes(): number {
    return this.#end - this.start
  }

  /** Where the oldest chunk ends. */
  get firstEnd(): number {
    return this.#places[1] ?? this.#end
  }

  append(chunk: Buffer): void {
    if (chunk.length === 0) return
    this.#chunks.push(chunk)
    this.#places.push(this.#end)
    this.#end += chunk.length
  }

  /** The rest of the chunk that holds this place; undefined when it is not in memory. */
  at(place: number): Buffer | undefined {
    if (place < this.start || place >= this.#end) return undefined
    const index = this.#indexOf(place)
    return this.#chunks[index]?.subarray(place - (this.#places[index] ?? 0))
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
    this.#chunks.splice(0, count)
    this.#places.splice(0, count)
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
