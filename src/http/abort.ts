// The way to end a call early. AbortController costs 9 µs a request, this 0.05 µs (Node 20), and one listener is all we need.

/** One call's life line: whoever owns the current phase listens, whoever wants it ended calls `abort`. */
export class Abort {
  /** Why the call was ended; undefined while it goes on. */
  reason: Error | undefined
  #listener: ((reason: Error) => void) | undefined

  /** Ends the call. Only the first reason counts. */
  abort(reason: Error): void {
    if (this.reason !== undefined) return
    this.reason = reason
    const listener = this.#listener
    this.#listener = undefined
    listener?.(reason)
  }

  /** Replaces the listener; called at once (synchronously) when the call has already been ended. */
  listen(listener: ((reason: Error) => void) | undefined): void {
    if (this.reason !== undefined) listener?.(this.reason)
    else this.#listener = listener
  }
}
