// The idle time of one stream: node's own stream timeout counts what other streams of the connection do.

/** Calls back when nothing has happened for the time that the current phase allows. */
export class IdleWatch {
  readonly #onIdle: () => void
  #timer: NodeJS.Timeout | undefined
  #activity = 0

  constructor(onIdle: () => void) {
    this.#onIdle = onIdle
  }

  /** A new phase; 0 = it may last. */
  arm(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = ms > 0 ? setTimeout(() => this.#look(), ms) : undefined
  }

  /** Something has happened: the time runs again from here. */
  touch(): void {
    this.#activity++
    this.#timer?.refresh()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** Looks again after the next round of I/O: perhaps it was this process that stood still. */
  #look(): void {
    const seen = this.#activity
    setImmediate(() => {
      if (this.#timer !== undefined && this.#activity === seen) this.#onIdle()
    })
  }
}
