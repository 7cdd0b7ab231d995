// A disk can hang without an error (a dead network mount, a failing drive): nobody waits for it longer than this.

/** Far beyond any disk that works, short enough for a request to go on without it. */
const PATIENCE_MS = 2_000

/** Calls `late` when the result does not come in time, and gives what that gives; a later result is dropped. */
export function inTime<T>(result: Promise<T>, late: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(late()), PATIENCE_MS)
    const settle =
      <A>(next: (value: A) => void) =>
      (value: A) => {
        clearTimeout(timer)
        next(value)
      }
    result.then(settle(resolve), settle(reject))
  })
}
