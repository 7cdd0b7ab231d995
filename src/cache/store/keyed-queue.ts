// What changes one file happens in the order in which it was asked for; different files do not wait for each other.

/** A line of tasks for each key. */
export class KeyedQueue {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Runs the task when all earlier ones of this key are done. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key)
    const result = before === undefined ? task() : before.then(task)
    const settled: Promise<void> = result.then(
      () => this.#leave(key, settled),
      () => this.#leave(key, settled)
    )
    this.#last.set(key, settled)
    return result
  }

  /** When nothing is left to do. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values())
  }

  #leave(key: string, settled: Promise<void>): void {
    if (this.#last.get(key) === settled) this.#last.delete(key)
  }
}
