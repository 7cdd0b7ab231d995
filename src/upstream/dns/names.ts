// The names of all groups: each asked for in time, one question at a time, shared by whoever wants it (nginx: resolver).
import type { Asking } from './ask'
import type { ResolvedResolve } from './options'
import { differs, hasten, noteAnswer, type Resolution, UNKNOWN } from './resolution'

/** Time. */
export interface NamesClock {
  /** Milliseconds of a monotonic clock. */
  now(): number
  setTimeout(run: () => void, delayMs: number): { unref(): unknown }
  clearTimeout(timer: { unref(): unknown } | undefined): void
}

/** Told of each change of status or addresses. */
export type OnChange = (resolution: Resolution, before: Resolution) => void

/** One server's hold on a name. */
export interface Watch {
  readonly resolution: Resolution
  /** The questions begin. */
  start(): void
  /** The addresses, after the first question if need be; rejects with the resolver's error when there are none. */
  addresses(): readonly string[] | Promise<readonly string[]>
  /** They did not work: they are asked for sooner. */
  suspect(): void
  stop(): void
}

/** All names. */
export class Names {
  readonly #asking: Asking
  readonly #clock: NamesClock
  readonly #names = new Map<string, Name>()

  constructor(asking: Asking, clock: NamesClock) {
    this.#asking = asking
    this.#clock = clock
  }

  /** Nothing is asked before `start` or `addresses`. */
  watch(name: string, settings: ResolvedResolve, onChange: OnChange): Watch {
    const key = JSON.stringify([name, settings])
    let shared = this.#names.get(key)
    if (shared === undefined) {
      shared = new Name({ name, settings, asking: this.#asking, clock: this.#clock })
      this.#names.set(key, shared)
    }
    const one = shared
    one.listeners.add(onChange)
    return {
      get resolution() {
        return one.resolution
      },
      start: () => one.start(),
      addresses: () => one.addresses(),
      suspect: () => one.suspect(),
      stop: () => {
        if (one.leave(onChange)) this.#names.delete(key)
      }
    }
  }

  /** No more questions. */
  close(): void {
    for (const name of this.#names.values()) name.close()
    this.#names.clear()
    this.#asking.close()
  }
}

interface Parts {
  readonly name: string
  readonly settings: ResolvedResolve
  readonly asking: Asking
  readonly clock: NamesClock
}

class Name {
  readonly listeners = new Set<OnChange>()
  readonly #parts: Parts
  #resolution = UNKNOWN
  #asked: Promise<void> | undefined
  #timer: { unref(): unknown } | undefined
  #started = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  get resolution(): Resolution {
    return this.#resolution
  }

  start(): void {
    if (this.#started) return
    this.#started = true
    void this.#ask()
  }

  addresses(): readonly string[] | Promise<readonly string[]> {
    const { addresses, status } = this.#resolution
    if (addresses.length > 0) return addresses
    if (status === 'unknown') {
      this.#started = true
      return this.#ask().then(() => this.#orFail())
    }
    this.suspect()
    return Promise.resolve().then(() => this.#orFail())
  }

  suspect(): void {
    const sooner = hasten(this.#resolution, this.#parts.settings.minMs)
    if (sooner === this.#resolution || this.#asked !== undefined) return
    this.#resolution = sooner
    this.#wait()
  }

  /** True when nobody is left. */
  leave(listener: OnChange): boolean {
    this.listeners.delete(listener)
    if (this.listeners.size > 0) return false
    this.close()
    return true
  }

  close(): void {
    this.listeners.clear()
    this.#parts.clock.clearTimeout(this.#timer)
  }

  #ask(): Promise<void> {
    this.#asked ??= this.#answered().finally(() => {
      this.#asked = undefined
      this.#wait()
    })
    return this.#asked
  }

  async #answered(): Promise<void> {
    const { name, settings, asking, clock } = this.#parts
    const before = this.#resolution
    const answer = await asking.ask({ name, settings, known: before })
    const { minMs, maxMs } = settings
    this.#resolution = noteAnswer(before, answer, { now: clock.now(), minMs, maxMs })
    if (!differs(this.#resolution, before)) return
    for (const tell of [...this.listeners]) tell(this.#resolution, before)
  }

  #wait(): void {
    const { clock } = this.#parts
    clock.clearTimeout(this.#timer)
    if (this.listeners.size === 0) return
    const delayMs = Math.max(0, this.#resolution.dueAt - clock.now())
    this.#timer = clock.setTimeout(() => void this.#ask(), delayMs)
    this.#timer.unref()
  }

  #orFail(): readonly string[] {
    const { addresses, reason = 'ENOTFOUND' } = this.#resolution
    if (addresses.length > 0) return addresses
    throw nameError(this.#parts.name, reason)
  }
}

/** As Node reports a failed lookup. */
function nameError(hostname: string, code: string): Error {
  return Object.assign(new Error(`${hostname} has no address: ${code}`), { code, hostname })
}
