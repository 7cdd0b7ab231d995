// What a run has started: ended when the run ends, fails or is interrupted, in the reverse order.

type End = () => unknown

/** As much of a test's context as `test/support` asks for. */
export class Scope {
  readonly #ends: End[] = []
  #isOpen = true

  /** False from the moment it is closed. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  after(end: End): void {
    if (this.#isOpen) this.#ends.push(end)
    else void end()
  }

  /** A contestant that is not installed is left out, with one line. */
  skip(why?: string): void {
    console.log(`left out: ${why}`)
  }

  /** Ends everything; what is started from now on is ended at once. */
  async close(): Promise<void> {
    this.#isOpen = false
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
      try {
        await end()
      } catch (error) {
        console.error(error)
      }
    }
  }
}

/** Ends the scope and the process when somebody asks the process to end. */
export function endOnSignal(scope: Scope): void {
  let isEnding = false
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143]
  ] as const) {
    process.on(signal, () => {
      if (isEnding) return
      isEnding = true
      console.error(`${signal}: ending what was started`)
      void scope.close().finally(() => process.exit(code))
    })
  }
}
