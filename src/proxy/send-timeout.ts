// Clients that ask and do not read: an answer of which nothing is taken for so long is cut off (nginx: send_timeout).
import { type SluiceError, sluiceError } from '../errors'
import { cutOff, type Intake, intakeOf, type Sending } from './client-intake'

/**
 * One timer for all answers: it looks so many times within the time that a client has. Looks are counted and not time, as a
 * process that stood still has neither written nor seen anything.
 */
const LOOKS = 8

/** An answer that is watched. */
export interface Watched extends Sending {
  /** Its client has had its time; called before the answer is cut off. */
  clientTimedOut(error: SluiceError): void
  /** Where it stands among those that are watched. */
  place?: number
}

/** What was seen of an answer that waits for its client. */
interface Seen {
  readonly intake: Intake
  looks: number
}

/** The answers under way whose clients have the same time. */
export class SendTimeout {
  readonly #timeoutMs: number
  /** Every request comes and goes here: a Set would take ten times as long. */
  readonly #watched: Watched[] = []
  readonly #seen = new WeakMap<Watched, Seen>()
  #timer: NodeJS.Timeout | undefined

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs
  }

  /** From now on; costs nothing else until bytes are found that wait for the client. */
  watch(answer: Watched): void {
    if (this.#watches(answer)) return
    answer.place = this.#watched.push(answer) - 1
    this.#timer ??= setInterval(() => this.look(), Math.ceil(this.#timeoutMs / LOOKS)).unref()
  }

  /** The answer is out, or somebody else's. */
  forget(answer: Watched): void {
    if (!this.#watches(answer)) return
    const last = this.#watched.pop() as Watched
    if (last === answer) return
    last.place = answer.place as number
    this.#watched[last.place] = last
  }

  #watches(answer: Watched): boolean {
    const { place = Number.POSITIVE_INFINITY } = answer
    return place < this.#watched.length && this.#watched[place] === answer
  }

  /** Looks at every answer; the timer's work. */
  look(): void {
    if (this.#watched.length === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
      return
    }
    // One that is cut off leaves at once.
    for (const answer of [...this.#watched]) this.#lookAt(answer)
  }

  #lookAt(answer: Watched): void {
    const intake = intakeOf(answer)
    const before = this.#seen.get(answer)
    if (intake === undefined) {
      if (before !== undefined) this.#seen.delete(answer)
    } else if (before?.intake.answer !== intake.answer) {
      this.#seen.set(answer, { intake, looks: 0 })
    } else {
      before.looks += 1
      if (before.looks === LOOKS) this.#end(answer, before.intake)
    }
  }

  /** It is watched on until it has closed: a stream's reset may get stuck on a connection that is. */
  #end(answer: Watched, before: Intake): void {
    this.#seen.delete(answer)
    answer.clientTimedOut(sluiceError('SLUICE_CLIENT_TIMEOUT', { errno: 'ETIMEDOUT' }))
    cutOff(answer, before)
  }
}
