// A worker's part between the workers of node:cluster: finds out whether its primary relays, tells the others, hears what they tell.
import cluster from 'node:cluster'
import { type Message, readMessage, writeMessage } from './message'

/** The way to the primary. */
export interface Port {
  send(message: object, done: (error: Error | null) => void): void
  onMessage(listener: (value: unknown) => void): void
  onDisconnect(listener: () => void): void
}

/** The timers in use; tests pass their own. */
export interface ChannelTimers {
  set(listener: () => void, delayMs: number): unknown
  clear(timer: unknown): void
}

/** Who hears about a topic. */
export interface Listener {
  onTold(data: string): void
  /** From here on nothing is missed; what was told before may have been. */
  onJoin(): void
}

interface Question {
  readonly onAnswer: (data: string) => void
  readonly onFailed: (error: Error) => void
  /** Lets it wait no longer for being late. */
  readonly stop: () => void
}

/** A primary that relays answers at once; one that is busy forking gets its time. */
const HELLO_MS = 5000
/** All other workers have heard it by then, or one of them hangs. */
const TELL_MS = 5000

/** The channel of this process to its primary. */
export class Channel {
  readonly #port: Port
  readonly #timers: ChannelTimers
  readonly #listeners = new Map<string, Set<Listener>>()
  readonly #questions = new Map<number, Question>()
  readonly #verdict: Promise<void>
  #isMember = false
  #lastId = 0

  constructor(port: Port, timers: ChannelTimers) {
    this.#port = port
    this.#timers = timers
    port.onMessage((value) => this.#receive(value))
    port.onDisconnect(() => this.#end())
    this.#verdict = new Promise((resolve) => {
      const stop = this.#when(HELLO_MS, resolve)
      // However late it comes: then it is a member from then on.
      const onAnswer = (): void => {
        this.#join()
        resolve()
      }
      this.#put({ kind: 'hello', topic: '', data: '' }, { onAnswer, onFailed: () => resolve(), stop })
    })
  }

  /** Whether the primary is known to relay. */
  get isMember(): boolean {
    return this.#isMember
  }

  /** Whether the primary relays, as soon as it is known. */
  async joined(): Promise<boolean> {
    await this.#verdict
    return this.#isMember
  }

  /** Hears what others tell about a topic, until the function returned is called. */
  listen(topic: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set()
    this.#listeners.set(topic, listeners)
    listeners.add(listener)
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0 && this.#listeners.get(topic) === listeners) this.#listeners.delete(topic)
    }
  }

  /** Resolves when all other workers have heard it; rejects when that is not known. */
  async tell(topic: string, data: string): Promise<void> {
    await this.#question({ kind: 'tell', topic, data }, TELL_MS)
  }

  /** Asks the primary itself. */
  ask(topic: string, data: string, timeoutMs: number): Promise<string> {
    return this.#question({ kind: 'ask', topic, data }, timeoutMs)
  }

  #question(message: Omit<Message, 'id'>, timeoutMs: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const late = (): void => this.#fail(id, new Error(`no answer in ${timeoutMs} ms`))
      const stop = this.#when(timeoutMs, late)
      const id = this.#put(message, { onAnswer: resolve, onFailed: reject, stop })
    })
  }

  /** After a time, and once more around the loop: what waits there while this process was busy comes first. */
  #when(delayMs: number, listener: () => void): () => void {
    let timer = this.#timers.set(() => {
      timer = this.#timers.set(listener, 1)
    }, delayMs)
    return () => this.#timers.clear(timer)
  }

  #put(message: Omit<Message, 'id'>, question: Question): number {
    const id = ++this.#lastId
    this.#questions.set(id, question)
    this.#send({ ...message, id })
    return id
  }

  #send(message: Message): void {
    this.#port.send(writeMessage(message), (error) => error && this.#fail(message.id, error))
  }

  #receive(value: unknown): void {
    const message = readMessage(value)
    if (message?.kind === 'answer') this.#settle(message.id)?.onAnswer(message.data)
    if (message?.kind !== 'told') return
    for (const listener of this.#listeners.get(message.topic) ?? []) listener.onTold(message.data)
    this.#port.send(writeMessage({ ...message, kind: 'heard', data: '' }), () => undefined)
  }

  #join(): void {
    this.#isMember = true
    for (const listeners of this.#listeners.values()) for (const listener of listeners) listener.onJoin()
  }

  #settle(id: number): Question | undefined {
    const question = this.#questions.get(id)
    this.#questions.delete(id)
    question?.stop()
    return question
  }

  #fail(id: number, error: Error): void {
    this.#settle(id)?.onFailed(error)
  }

  #end(): void {
    for (const id of [...this.#questions.keys()]) this.#fail(id, new Error('the primary is gone'))
  }
}

let channel: Channel | undefined

/** The one channel of this process; undefined when it is no worker of node:cluster. It stays open as long as the process. */
export function workerChannel(timers: ChannelTimers): Channel | undefined {
  if (!cluster.isWorker) return undefined
  channel ??= new Channel(processPort(), timers)
  return channel
}

function processPort(): Port {
  return {
    send(message, done) {
      if (process.send === undefined) done(new Error('the primary is gone'))
      else process.send(message, undefined, undefined, done)
    },
    onMessage: (listener) => void process.on('message', listener),
    onDisconnect: (listener) => void process.on('disconnect', listener)
  }
}
