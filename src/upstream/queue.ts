// Requests that wait for a server with room, first come, first served (nginx: queue).
import { sluiceError } from '../errors'
import type { Abort } from '../http/abort'

/** Sets a timer and returns how to clear it. */
export type SetTimer = (run: () => void, ms: number) => () => void

/** What a waiting request is offered: `none` leaves it waiting, `hopeless` ends its wait without a server. */
export type Offer<T> = { readonly lease: T } | 'none' | 'hopeless'

/** How long a request waits: until its end, or so long. */
export interface Patience {
  readonly abort: Abort
  /** What is shorter counts, this or the queue's own time. */
  readonly longestMs?: number | undefined
}

/** One request that wants to wait. */
export interface Applicant<T> extends Patience {
  /** Asked whenever there may be room. */
  readonly offer: () => Offer<T>
  /** Any server would do: when it gets none, those behind it get none either. */
  readonly takesAny: boolean
}

interface Waiting<T> extends Applicant<T> {
  readonly settle: (lease: T | undefined) => void
  readonly end: (error: Error) => void
}

/** A queue as it stands. */
export interface QueueState {
  readonly waiting: number
  /** How many may wait. */
  readonly size: number
}

/** The requests of one group that wait. Whoever sees room arise calls `serve`. */
export class Queue<T> {
  readonly #size: number
  readonly #timeoutMs: number
  readonly #setTimer: SetTimer
  readonly #waiting = new Set<Waiting<T>>()

  constructor({ size, timeoutMs }: { size: number; timeoutMs: number }, setTimer: SetTimer) {
    this.#size = size
    this.#timeoutMs = timeoutMs
    this.#setTimer = setTimer
  }

  get state(): QueueState {
    return { waiting: this.#waiting.size, size: this.#size }
  }

  /** Resolves with what it was offered, undefined when that is hopeless; rejects when full, too late, or the client has left. */
  wait(applicant: Applicant<T>): Promise<T | undefined> {
    if (this.#waiting.size >= this.#size)
      return Promise.reject(refusal(`${this.#size} requests wait already`))
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#waiting.delete(waiting)
        clear()
        applicant.abort.listen(undefined)
      }
      const waiting: Waiting<T> = {
        ...applicant,
        settle: (lease) => {
          leave()
          resolve(lease)
        },
        end: (error) => {
          leave()
          reject(error)
        }
      }
      const limitMs = Math.min(this.#timeoutMs, applicant.longestMs ?? this.#timeoutMs)
      const late = (): void => waiting.end(refusal(`no server had room within ${Math.round(limitMs)} ms`))
      const clear = this.#setTimer(late, limitMs)
      this.#waiting.add(waiting)
      // The last step: it ends the wait at once when the client has left already.
      applicant.abort.listen(waiting.end)
    })
  }

  /** Offers what room there is, in order. */
  serve(): void {
    for (const waiting of this.#waiting) {
      const offer = waiting.offer()
      if (offer === 'hopeless') waiting.settle(undefined)
      else if (offer !== 'none') waiting.settle(offer.lease)
      else if (waiting.takesAny) return
    }
  }

  /** Sends all home. */
  close(error: Error): void {
    for (const waiting of this.#waiting) waiting.end(error)
  }
}

function refusal(detail: string): Error {
  return sluiceError('SLUICE_QUEUE', { phase: 'choose', detail })
}
