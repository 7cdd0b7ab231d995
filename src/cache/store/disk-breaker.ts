// PURE. Whether the disk may be used: trouble turns it off, one try after a while tells whether it is back.

const FIRST_PAUSE_MS = 5_000
const MAX_PAUSE_MS = 60_000

/** One for reading, one for writing: a full disk still serves what it has. */
export class DiskBreaker {
  #errno: string | undefined
  #pauseMs = FIRST_PAUSE_MS
  #retryAt = 0
  /** A call that tells how things are is under way; what began before the trouble does not count. */
  #probing = false
  readonly #onChange: (errno: string | undefined) => void

  /** `onChange` is told when the disk goes off, with the reason, and when it is back. */
  constructor(onChange: (errno: string | undefined) => void = () => undefined) {
    this.#onChange = onChange
  }

  /** Why the disk is off for now. */
  get errno(): string | undefined {
    return this.#errno
  }

  /** Whether a call may be made. While it is off, one in each pause may. */
  allows(now: number): boolean {
    if (this.#errno === undefined) return true
    if (now < this.#retryAt) return false
    this.#retryAt = now + this.#pauseMs
    this.#probing = true
    return true
  }

  /** A call failed for a reason that is the disk's. */
  fail(errno: string, now: number): void {
    if (this.#errno === undefined) this.#pauseMs = FIRST_PAUSE_MS
    else if (this.#probing) this.#pauseMs = Math.min(this.#pauseMs * 2, MAX_PAUSE_MS)
    else return
    const off = this.#errno === undefined
    this.#errno = errno
    this.#retryAt = now + this.#pauseMs
    this.#probing = false
    if (off) this.#onChange(errno)
  }

  succeed(): void {
    if (this.#errno === undefined || !this.#probing) return
    this.#errno = undefined
    this.#probing = false
    this.#onChange(undefined)
  }
}
