// A primary and its workers without processes: every message goes through JSON, in order, and only when it is let through.
import { Channel, type Port } from '../../src/cluster/channel'
import { type Line, type Services, Switchboard } from '../../src/cluster/switchboard'
import { HandTimers } from '../cache/scene'

/** A worker of a test. */
export class Worker {
  readonly id: number
  readonly timers = new HandTimers()
  readonly channel: Channel
  readonly #hears: ((value: unknown) => void)[] = []
  readonly #ends: (() => void)[] = []

  constructor(id: number, send: Port['send']) {
    this.id = id
    const port: Port = {
      send,
      onMessage: (listener) => void this.#hears.push(listener),
      onDisconnect: (listener) => void this.#ends.push(listener)
    }
    this.channel = new Channel(port, this.timers)
  }

  /** All that it waits for is late. */
  late(upToMs?: number): void {
    this.timers.fire(upToMs)
    this.timers.fire(1)
  }

  hear(value: unknown): void {
    for (const listener of this.#hears) listener(value)
  }

  disconnected(): void {
    for (const listener of this.#ends) listener()
  }
}

/** The wires between them. */
export class Wires {
  readonly switchboard: Switchboard
  /** Ids of workers that do not answer: their messages wait. */
  readonly hanging = new Set<number>()
  readonly #lines = new Map<number, Line>()
  readonly #workers = new Map<number, Worker>()
  #mail: (() => boolean)[] = []

  constructor(services?: Services) {
    this.switchboard = new Switchboard(services)
  }

  worker(id: number): Worker {
    const line: Line = { id, send: (message, done) => this.#toWorker(id, message, done) }
    this.#lines.set(id, line)
    const worker = new Worker(id, (message, done) => {
      this.#post(id, () => this.switchboard.receive(line, JSON.parse(JSON.stringify(message))), done)
    })
    this.#workers.set(id, worker)
    return worker
  }

  /** Its process ends. */
  end(id: number): void {
    this.#lines.delete(id)
    this.switchboard.leave(id)
  }

  /** Delivers until nothing is on its way; gives promises their turn. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 5; quiet++) {
      const mail = this.#mail
      this.#mail = []
      for (const deliver of mail) if (deliver()) quiet = 0
      await new Promise(setImmediate)
    }
  }

  #toWorker(id: number, message: object, done: (error: Error | null) => void): void {
    this.#post(id, () => this.#workers.get(id)?.hear(JSON.parse(JSON.stringify(message))), done)
  }

  #post(id: number, deliver: () => void, done: (error: Error | null) => void): void {
    const tryNow = (): boolean => {
      if (this.#lines.has(id) && this.hanging.has(id)) {
        this.#mail.push(tryNow)
        return false
      }
      if (this.#lines.has(id)) deliver()
      else done(new Error('channel closed'))
      return true
    }
    this.#mail.push(tryNow)
  }
}
