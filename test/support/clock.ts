// A clock that stands still until a test moves it, with timers that fire in the order they are due.

interface Timer {
  readonly run: () => void
  readonly every: number | undefined
  due: number
}

/** What node's timer functions return, as far as code under test may use it. */
export interface FakeTimer {
  ref(): FakeTimer
  unref(): FakeTimer
  hasRef(): boolean
}

/** Time under the test's control. All members are closures: they may be passed on one by one. */
export interface FakeClock {
  now(): number
  setTimeout(run: () => void, delayMs?: number): FakeTimer
  setInterval(run: () => void, delayMs?: number): FakeTimer
  clearTimeout(timer: FakeTimer | undefined): void
  clearInterval(timer: FakeTimer | undefined): void
  /** Moves on, firing every timer that comes due on the way at its own moment. */
  advance(ms: number): void
  /** As `advance`, and lets promises settle before and after each timer. */
  advanceAsync(ms: number): Promise<void>
  /** A jump of the wall clock: fires nothing, timers keep their distance. */
  jump(ms: number): void
  /** Timers that have not fired or been cleared. */
  pending(): number
}

/** A fake clock that starts at a round moment of 2023 unless told otherwise. */
export function fakeClock(start = 1_700_000_000_000): FakeClock {
  const timers = new Map<FakeTimer, Timer>()
  let now = start

  const add = (timer: Timer): FakeTimer => {
    const handle: FakeTimer = { ref: () => handle, unref: () => handle, hasRef: () => true }
    timers.set(handle, timer)
    return handle
  }
  const clear = (handle: FakeTimer | undefined): void => {
    if (handle !== undefined) timers.delete(handle)
  }
  const fireNext = (until: number): boolean => {
    const [handle, timer] = [...timers].reduce<[FakeTimer?, Timer?]>(
      (first, entry) => (first[1] === undefined || entry[1].due < first[1].due ? entry : first),
      []
    )
    if (handle === undefined || timer === undefined || timer.due > until) return false
    now = Math.max(now, timer.due)
    if (timer.every === undefined) timers.delete(handle)
    else timer.due += timer.every
    timer.run()
    return true
  }

  return {
    now: () => now,
    setTimeout: (run, delayMs = 0) => add({ run, every: undefined, due: now + Math.max(delayMs, 1) }),
    setInterval: (run, delayMs = 0) => {
      const every = Math.max(delayMs, 1)
      return add({ run, every, due: now + every })
    },
    clearTimeout: clear,
    clearInterval: clear,
    advance: (ms) => {
      const until = now + ms
      while (fireNext(until));
      now = until
    },
    advanceAsync: async (ms) => {
      const until = now + ms
      do await settle()
      while (fireNext(until))
      now = until
    },
    jump: (ms) => {
      now += ms
      for (const timer of timers.values()) timer.due += ms
    },
    pending: () => timers.size
  }
}

/** Lets promise callbacks and one round of the event loop run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
