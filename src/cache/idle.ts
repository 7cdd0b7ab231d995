// Ends what has brought nothing for a while, with one timer however often something comes.
import type { Timers } from './lock'

/** Looks now and then; `moved` costs nothing. */
export class IdleWatch {
  readonly #timers: Timers
  readonly #afterMs: number
  readonly #onIdle: () => void
  #timer: unknown
  #hasMoved = false

  /** `onIdle` is called when nothing has come for `afterMs`, or for up to twice as long. */
  constructor(timers: Timers, afterMs: number, onIdle: () => void) {
    this.#timers = timers
    this.#afterMs = afterMs
    this.#onIdle = onIdle
  }

  start(): void {
    if (this.#timer !== undefined) return
    this.#hasMoved = false
    this.#timer = this.#timers.set(() => this.#look(), this.#afterMs)
  }

  moved(): void {
    this.#hasMoved = true
  }

  stop(): void {
    if (this.#timer !== undefined) this.#timers.clear(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    this.#timer = undefined
    if (this.#hasMoved) this.start()
    else this.#onIdle()
  }
}
