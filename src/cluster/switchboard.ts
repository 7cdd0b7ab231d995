// The primary's part between the workers of node:cluster: what one tells reaches all others before it is answered.
import { type Message, readMessage, writeMessage } from './message'

/** A worker, as node:cluster has it in the primary. */
export interface Line {
  readonly id: number
  send(message: object, done: (error: Error | null) => void): unknown
}

/** Answers questions to the primary itself, by topic; undefined = it does not understand this one. */
export type Services = Readonly<Record<string, (data: string) => string | undefined>>

/** Something told, until all have heard it. */
interface Round {
  readonly from: Line
  readonly told: Message
  /** Ids of those who have not heard it yet. */
  readonly waiting: Set<number>
}

/** Who is there, and what is on its way. */
export class Switchboard {
  readonly #services: Services
  readonly #members = new Map<number, Line>()
  readonly #rounds = new Map<number, Round>()
  #lastRound = 0

  constructor(services: Services = {}) {
    this.#services = services
  }

  /** Takes a message of a worker; those that are not ours are the app's. */
  receive(from: Line, value: unknown): void {
    const message = readMessage(value)
    if (message === undefined) return
    if (message.kind === 'hello') this.#welcome(from, message)
    else if (message.kind === 'tell') this.#relay(from, message)
    else if (message.kind === 'heard') this.#heard(from.id, message.id)
    else if (message.kind === 'ask') this.#serve(from, message)
  }

  /** A worker is gone: nobody waits for it. */
  leave(id: number): void {
    this.#members.delete(id)
    for (const round of this.#rounds.keys()) this.#heard(id, round)
  }

  #welcome(from: Line, message: Message): void {
    this.#members.set(from.id, from)
    this.#send(from, { ...message, kind: 'answer' })
  }

  #relay(from: Line, told: Message): void {
    const others = [...this.#members.values()].filter(({ id }) => id !== from.id)
    const id = ++this.#lastRound
    this.#rounds.set(id, { from, told, waiting: new Set(others.map((other) => other.id)) })
    for (const other of others) this.#send(other, { ...told, kind: 'told', id })
    this.#endWhenHeard(id)
  }

  #heard(worker: number, id: number): void {
    if (this.#rounds.get(id)?.waiting.delete(worker)) this.#endWhenHeard(id)
  }

  #endWhenHeard(id: number): void {
    const round = this.#rounds.get(id)
    if (round === undefined || round.waiting.size > 0) return
    this.#rounds.delete(id)
    this.#send(round.from, { ...round.told, kind: 'answer', data: '' })
  }

  /** A question that is not understood has no answer: its worker goes on alone. */
  #serve(from: Line, message: Message): void {
    const service = Object.hasOwn(this.#services, message.topic) ? this.#services[message.topic] : undefined
    const data = service?.(message.data)
    if (data !== undefined) this.#send(from, { ...message, kind: 'answer', data })
  }

  #send(to: Line, message: Message): void {
    // Without a listener for it, the end of a worker would end the primary.
    to.send(writeMessage(message), (error) => error && this.leave(to.id))
  }
}
