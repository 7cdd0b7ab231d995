// One connection that carries one exchange at a time: TCP, TLS or a unix socket (nginx: keepalive, keepalive_requests, keepalive_time).
import type { Socket } from 'node:net'
import { isSluiceError } from '../../errors'
import type { Carrier, PoolEvents } from '../pool'
import { createDeadline, wheel } from '../wheel'
import type { Exchange } from './exchange'
import { Framing } from './framing'
import type { Line } from './line'
import type { Problem } from './llhttp'
import { type Head, readKeepAlive } from './message-framing'
import { type ContentEvents, RequestContent } from './request-content'
import type { RequestHead } from './request-head'
import type { Tolerance } from './tolerance'

/** What the connections of one server share. */
export interface ConnectionSettings extends PoolEvents<Connection> {
  readonly server: string
  /** May be used again after an exchange. */
  readonly keepalive: boolean
  readonly idleMs: number
  /** Exchanges that one connection carries; 0 = no limit. */
  readonly maxRequests: number
  /** Age at which it is used no more; 0 = no limit. */
  readonly maxAgeMs: number
  /** Undefined: nothing is let through. */
  readonly tolerance: Tolerance | undefined
}

/** Taken off the server's Keep-Alive hint, for the time that a request is on its way. */
const HINT_MARGIN_MS = 1000

/** A connected socket with the framing of its responses. */
export class Connection implements Line, Carrier<Exchange> {
  readonly #socket: Socket
  readonly #settings: ConnectionSettings
  readonly #framing: Framing
  readonly #deadline = createDeadline(() => this.#onDue())
  readonly #openedAt: number
  #exchange: Exchange | undefined
  #requests = 0
  /** Exchanges that the server will still take. */
  #serverTakes = Number.POSITIVE_INFINITY
  #idleMs: number
  #wrote = false
  #paused = false
  #usable = true
  activity = 0

  constructor(socket: Socket, settings: ConnectionSettings) {
    this.#socket = socket
    this.#settings = settings
    this.#framing = new Framing(settings.tolerance)
    this.#idleMs = settings.idleMs
    this.#openedAt = performance.now()
    socket
      .on('data', this.#onData)
      .on('drain', this.#onDrain)
      .on('end', this.#onEnd)
      .on('error', this.#onError)
      .on('close', this.#onClose)
  }

  get server(): string {
    return this.#settings.server
  }

  /** The socket can still be used. */
  get alive(): boolean {
    return this.#usable && !this.#socket.destroyed && this.#socket.writable
  }

  get reused(): boolean {
    return this.#requests > 1
  }

  get requestSent(): boolean {
    return this.#wrote
  }

  get full(): boolean {
    return this.#socket.writableNeedDrain
  }

  get unsent(): boolean {
    return this.#socket.writableLength > 0
  }

  /** Carries one exchange. */
  carry(exchange: Exchange): void {
    this.#exchange = exchange
    this.#requests++
    this.#serverTakes--
    this.#wrote = false
    if (this.reused) this.#socket.ref()
    this.#framing.begin({ method: exchange.call.request.method, upgrade: exchange.upgrade }, exchange)
    exchange.begin(this)
  }

  /** Ends the connection, and with it the exchange that it carries. */
  destroy(error: Error): void {
    this.#exchange?.fail(error)
    this.#drop()
  }

  write(head: string, body: Buffer | null): void {
    const socket = this.#socket
    if (body === null || body.length === 0) {
      socket.write(head, 'latin1')
    } else {
      socket.cork()
      socket.write(head, 'latin1')
      socket.write(body)
      socket.uncork()
    }
    // What the kernel refuses in this very turn it has refused whole: libuv tries at once, before it queues.
    this.#wrote = !socket.destroyed && socket.errored === null
  }

  content({ content }: RequestHead, events: ContentEvents): RequestContent {
    return new RequestContent(this.#socket, content, events)
  }

  wait(ms: number): void {
    wheel.set(this.#deadline, ms)
  }

  pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#paused = false
    this.#socket.resume()
  }

  done(head: Head, uploaded: boolean): void {
    this.#usable = uploaded && head.persistent && this.#isKept(head)
  }

  cut(error: Error): void {
    if (this.reused && isSluiceError(error) && error.code === 'SLUICE_RESET') this.#settings.onStale()
    this.#drop()
  }

  readonly #onDrain = (): void => {
    this.activity++
    this.#exchange?.onDrain()
  }

  readonly #onError = (error: Error): void => {
    this.#exchange?.onLost(error)
  }

  readonly #onData = (chunk: Buffer): void => {
    const exchange = this.#exchange
    this.activity++
    // Nobody asked: whatever it is, it must not be the answer to the next request.
    if (exchange === undefined) {
      this.#drop()
      return
    }
    exchange.onArrival()
    const problem = this.#read(chunk)
    if (problem !== undefined) {
      exchange.refuse(problem, chunk)
      this.#drop()
    } else if (exchange.over) {
      this.#release()
    } else if (exchange.switching) {
      exchange.onSwitched(this.#leave())
    }
  }

  /** A caller that throws at what it is told has only harmed its own exchange. */
  #read(chunk: Buffer): Problem | undefined {
    try {
      return this.#framing.read(chunk)
    } catch (error) {
      this.#exchange?.fail(error as Error)
      return undefined
    }
  }

  readonly #onEnd = (): void => {
    if (!this.#framing.end()) this.#exchange?.onLost(closedEarly())
    this.#drop()
  }

  readonly #onClose = (): void => {
    this.#exchange?.onLost(closedEarly())
    this.#drop()
    this.#settings.onGone(this)
  }

  #onDue(): void {
    if (this.#exchange === undefined) this.#drop()
    else this.#exchange.onDue()
  }

  #isKept({ keepAlive }: Head): boolean {
    const { keepalive, idleMs, maxRequests, maxAgeMs } = this.#settings
    if (!keepalive || (maxRequests > 0 && this.#requests >= maxRequests)) return false
    if (maxAgeMs > 0 && performance.now() - this.#openedAt >= maxAgeMs) return false
    this.#idleMs = idleMs
    if (keepAlive !== undefined) this.#noteHint(keepAlive)
    return this.#serverTakes > 0 && this.#idleMs > 0
  }

  #noteHint(value: string): void {
    const { timeoutMs, max } = readKeepAlive(value)
    if (timeoutMs !== undefined) this.#idleMs = Math.min(this.#idleMs, timeoutMs - HINT_MARGIN_MS)
    if (max !== undefined) this.#serverTakes = max
  }

  /** The exchange is over, and nothing came behind it. */
  #release(): void {
    this.#exchange = undefined
    if (!this.alive || !this.#framing.complete) {
      this.#drop()
      return
    }
    if (this.#paused) this.resume()
    this.#socket.unref()
    this.wait(this.#idleMs)
    this.#settings.onFree(this)
  }

  /** Nothing of ours stays on the socket; what comes waits in it for its new reader. */
  #leave(): Socket {
    const socket = this.#socket
    socket
      .off('data', this.#onData)
      .off('drain', this.#onDrain)
      .off('end', this.#onEnd)
      .off('error', this.#onError)
      .off('close', this.#onClose)
    this.#retire()
    return Object.assign(socket, { readableFlowing: null })
  }

  #drop(): void {
    this.#retire()
    this.#socket.destroy()
  }

  #retire(): void {
    this.#usable = false
    this.#exchange = undefined
    wheel.remove(this.#deadline)
    this.#framing.free()
  }
}

function closedEarly(): Error {
  return Object.assign(new Error('the server has closed the connection'), { code: 'ECONNRESET' })
}
