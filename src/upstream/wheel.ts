// One coarse timer for the deadlines of all connections: exact to a tick, and nothing is allocated when one is moved.

/** What a deadline is looked at. A deadline is never early, and late by less than this and what the process stood still. */
const TICK_MS = 20
const SLOTS = 256

/** The clock and the one timer that a wheel needs. */
export interface WheelClock {
  /** Milliseconds, monotonic. */
  readonly now: () => number
  readonly setTimer: (callback: () => void, ms: number) => unknown
  readonly clearTimer: (timer: never) => void
}

/** One deadline. It stays where it is in the wheel until that place comes up, and only then moves to where it belongs. */
export interface Deadline {
  readonly onDue: () => void
  /** 0 = off. */
  dueAt: number
  /** The tick under which it is kept; 0 = not in the wheel. */
  tick: number
  before: Deadline | undefined
  after: Deadline | undefined
}

const PROCESS: WheelClock = {
  now: () => performance.now(),
  setTimer: (callback, ms) => setTimeout(callback, ms).unref(),
  clearTimer: (timer) => clearTimeout(timer)
}

/** A deadline that is off. */
export function createDeadline(onDue: () => void): Deadline {
  return { onDue, dueAt: 0, tick: 0, before: undefined, after: undefined }
}

/** Keeps deadlines by the tick at which they are to be looked at. */
export class Wheel {
  readonly #clock: WheelClock
  /** In each slot, in the order of their ticks. */
  readonly #first: (Deadline | undefined)[] = Array.from({ length: SLOTS })
  readonly #last: (Deadline | undefined)[] = Array.from({ length: SLOTS })
  readonly #turn = () => this.#onTimer()
  #lastTick = 0
  #wakeTick = Number.POSITIVE_INFINITY
  #timer: unknown
  #turning = false

  constructor(clock: WheelClock = PROCESS) {
    this.#clock = clock
  }

  /** Due in `ms` from now; 0 = off. */
  set(deadline: Deadline, ms: number): void {
    if (ms <= 0) {
      deadline.dueAt = 0
      return
    }
    const now = this.#clock.now()
    deadline.dueAt = now + ms
    const tick = Math.ceil(deadline.dueAt / TICK_MS)
    if (deadline.tick !== 0 && deadline.tick <= tick) return
    this.#unlink(deadline)
    this.#add(deadline, Math.min(tick, Math.floor(now / TICK_MS) + SLOTS - 1))
    if (deadline.tick < this.#wakeTick && !this.#turning) this.#wakeAt(deadline.tick, now)
  }

  /** Off, and out of the wheel: its owner is gone. */
  remove(deadline: Deadline): void {
    deadline.dueAt = 0
    this.#unlink(deadline)
  }

  #unlink(deadline: Deadline): void {
    if (deadline.tick === 0) return
    const slot = deadline.tick % SLOTS
    if (deadline.before === undefined) this.#first[slot] = deadline.after
    else deadline.before.after = deadline.after
    if (deadline.after === undefined) this.#last[slot] = deadline.before
    else deadline.after.before = deadline.before
    deadline.before = undefined
    deadline.after = undefined
    deadline.tick = 0
  }

  #add(deadline: Deadline, tick: number): void {
    const slot = tick % SLOTS
    const last = this.#last[slot]
    deadline.tick = tick
    deadline.before = last
    if (last === undefined) this.#first[slot] = deadline
    else last.after = deadline
    this.#last[slot] = deadline
  }

  #onTimer(): void {
    const now = this.#clock.now()
    const tick = Math.floor(now / TICK_MS)
    this.#turning = true
    for (let at = Math.max(this.#lastTick, tick - SLOTS) + 1; at <= tick; at++)
      this.#look(at % SLOTS, tick, now)
    this.#turning = false
    this.#lastTick = tick
    this.#wakeTick = Number.POSITIVE_INFINITY
    const next = this.#nextTick(tick)
    if (next !== undefined) this.#wakeAt(next, now)
  }

  /** One at a time from the front, for each may take others out. */
  #look(slot: number, tick: number, now: number): void {
    for (;;) {
      const deadline = this.#first[slot]
      if (deadline === undefined || deadline.tick > tick) return
      const { dueAt } = deadline
      this.#unlink(deadline)
      if (dueAt > now) {
        this.#add(deadline, Math.min(Math.ceil(dueAt / TICK_MS), tick + SLOTS - 1))
      } else if (dueAt > 0) {
        deadline.dueAt = 0
        deadline.onDue()
      }
    }
  }

  #nextTick(tick: number): number | undefined {
    for (let at = tick + 1; at < tick + SLOTS; at++) {
      if (this.#first[at % SLOTS] !== undefined) return at
    }
    return undefined
  }

  #wakeAt(tick: number, now: number): void {
    if (this.#wakeTick === Number.POSITIVE_INFINITY)
      this.#lastTick = Math.min(Math.floor(now / TICK_MS), tick - 1)
    else this.#clock.clearTimer(this.#timer as never)
    this.#wakeTick = tick
    this.#timer = this.#clock.setTimer(this.#turn, Math.max(1, Math.ceil(tick * TICK_MS - now)))
  }
}

/** The one of this process. */
export const wheel = new Wheel()
