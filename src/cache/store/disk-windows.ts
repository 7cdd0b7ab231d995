// PURE. How much other processes may hold that is not counted yet: their windows, and what they still hold from wider
// ones, never add up to more than the pool, whoever comes, leaves, or has not heard of it.

/** One of the others, as the process that evicts knows it. */
export interface Holder {
  /** It may hold as much from now on. */
  readonly windowBytes: number
  /** It has said what it holds. */
  readonly isKnown: boolean
}

interface Held extends Holder {
  windowBytes: number
  isKnown: boolean
  /** It holds no more than this, whichever windows it has seen. */
  heldBytes: number
  /** The beat that told its window first. */
  toldAt: number
}

/** What is granted, and what is held. */
export class DiskWindows {
  /** What lies there of processes that have not said what they hold. */
  strangerBytes = 0
  readonly #poolBytes: number
  readonly #holders = new Set<Held>()

  constructor(poolBytes: number) {
    this.#poolBytes = poolBytes
  }

  /** What is held beyond the pool: it is to be kept free elsewhere. */
  get excessBytes(): number {
    return Math.max(0, -this.#freeBytes)
  }

  /** It gets nothing before it has said what it holds. */
  join(): Holder {
    const holder = { windowBytes: 0, heldBytes: 0, toldAt: 0, isKnown: false }
    this.#holders.add(holder)
    return holder
  }

  /** All that it held is counted, or gone. */
  leave(holder: Holder): void {
    this.#holders.delete(holder as Held)
  }

  /** It held so much when it had seen this beat: from then on it takes no more than that beat, or a later one, grants. */
  hear(holder: Holder, seenBeat: number, heldBytes: number): void {
    const held = holder as Held
    held.isKnown = true
    held.heldBytes = Math.max(heldBytes, seenBeat >= held.toldAt ? held.windowBytes : held.heldBytes)
  }

  /** Equal windows, to be told with this beat: shrinking ones at once, growing ones as far as the others let go. */
  grant(beat: number): void {
    const part = Math.floor(this.#poolBytes / Math.max(1, this.#holders.size))
    for (const holder of this.#holders) if (holder.windowBytes > part) tell(holder, part, beat)
    for (const holder of this.#holders) {
      const most = Math.min(part, holder.heldBytes + Math.max(0, this.#freeBytes))
      if (holder.isKnown && holder.windowBytes < most) tell(holder, most, beat)
    }
  }

  get #freeBytes(): number {
    let free = this.#poolBytes - this.strangerBytes
    for (const { heldBytes } of this.#holders) free -= heldBytes
    return free
  }
}

function tell(holder: Held, windowBytes: number, beat: number): void {
  holder.windowBytes = windowBytes
  holder.toldAt = beat
  holder.heldBytes = Math.max(holder.heldBytes, windowBytes)
}
