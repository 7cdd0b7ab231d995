// One server's connections: kept while idle, limited in number, waited for in turn (nginx: keepalive, keepalive_timeout).
import type { Socket } from 'node:net'
import { type SluiceError, sluiceError } from '../errors'
import { createTarget, type Dialling, dial, type Target } from './dial'
import type { ResolvedConnections } from './options'
import type { Origin } from './origin'
import type { Call } from './transport'
import { createDeadline, wheel } from './wheel'

/** An exchange, as the pool needs to know it. */
export interface Pooled {
  readonly call: Call
  /** The caller has been told how it ended. */
  readonly over: boolean
  /** Set by whoever it waits for. */
  onGivenUp: (() => void) | undefined
  /** Heeds the caller's abort; one that came before ends it here. */
  listen(): void
  fail(error: Error): void
}

/** A connection that carries one exchange at a time. */
export interface Carrier<E> {
  /** The socket can still be used. */
  readonly alive: boolean
  carry(exchange: E): void
  /** Ends the connection, and with it the exchange that it carries. */
  destroy(error: Error): void
}

/** What the pool hears of its connections. */
export interface PoolEvents<C> {
  /** An exchange has ended and the connection can take another. */
  readonly onFree: (connection: C) => void
  /** A connection that had been used before died before the response's first byte. */
  readonly onStale: () => void
  readonly onGone: (connection: C) => void
}

/** Makes a connection of a connected socket. */
export type OpenConnection<C> = (socket: Socket, events: PoolEvents<C>) => C

type Reuse<E, C> = readonly [exchange: E, connection: C]

/** The connections of one server, of whatever client. */
export class Pool<E extends Pooled, C extends Carrier<E>> {
  readonly #target: Target
  readonly #options: ResolvedConnections
  readonly #open: OpenConnection<C>
  readonly #events: PoolEvents<C>
  /** Used last is taken first: the surplus gets old and goes. */
  readonly #idle: C[] = []
  readonly #connections = new Set<C>()
  readonly #dialling = new Set<Dialling>()
  /** Handshakes and tunnels: `close` leaves them to their owner, `destroy` ends them. */
  readonly #outside = new Set<Socket>()
  readonly #waiting = new Set<E>()
  /** Exchanges with the idle connection that each is to use: those that have come since the last turn, and those before. */
  #due: Reuse<E, C>[] = []
  #looked: Reuse<E, C>[] = []
  #looking = false
  readonly #turn = () => this.#onTurn()
  /** Connections open or being opened. */
  #slots = 0
  #closed = false
  #destroyed: Error | undefined
  #onEmpty: (() => void)[] = []

  constructor(origin: Origin, options: ResolvedConnections, open: OpenConnection<C>) {
    this.#target = createTarget(origin, options.tls)
    this.#options = options
    this.#open = open
    this.#events = {
      onFree: (connection) => this.#onFree(connection),
      onStale: () => this.#dropIdle(),
      onGone: (connection) => this.#onGone(connection)
    }
  }

  /** Gives the exchange a connection, sooner or later; the exchange tells its caller how it went. */
  send(exchange: E): void {
    exchange.listen()
    if (exchange.over) return
    if (this.#closed) exchange.fail(this.#refusal('SLUICE_CLOSING'))
    else this.#place(exchange)
  }

  /** A fresh socket outside the pool, for a connection that will not be HTTP any more. */
  async dial(call: Call): Promise<Socket> {
    if (this.#closed) throw this.#refusal('SLUICE_CLOSING')
    const socket = await this.#dial(call)
    this.#outside.add(socket)
    socket.once('close', () => this.#outside.delete(socket))
    return socket
  }

  /** Resolves when the last exchange has ended. */
  close(): Promise<void> {
    this.#closed = true
    this.#dropIdle()
    return this.#isEmpty() ? Promise.resolve() : new Promise((resolve) => this.#onEmpty.push(resolve))
  }

  /** Ends everything now. */
  destroy(error: Error = this.#refusal('SLUICE_CLOSING')): void {
    this.#closed = true
    this.#destroyed = error
    for (const exchange of this.#waiting) exchange.fail(error)
    for (const [exchange] of [...this.#due, ...this.#looked]) exchange.fail(error)
    for (const socket of this.#dialling) socket.destroy(error)
    for (const socket of this.#outside) socket.destroy(error)
    for (const connection of this.#connections) connection.destroy(error)
  }

  #place(exchange: E): void {
    const limit = this.#options.maxConnections
    const idle = exchange.call.fresh === true ? undefined : this.#takeIdle()
    if (idle !== undefined) this.#reuse(exchange, idle)
    else if (limit > 0 && this.#slots >= limit) {
      this.#queue(exchange)
      this.#idle.shift()?.destroy(new Error('its place is for a fresh connection'))
    } else {
      this.#slots++
      this.#connect(exchange)
    }
  }

  /**
   * Not before the network has been polled once more: an answer that nobody asked for and the server's goodbye are noticed
   * then, and neither meets the request. One poll serves all that have come before it; it lies between two turns.
   */
  #reuse(exchange: E, connection: C): void {
    this.#due.push([exchange, connection])
    if (this.#looking) return
    this.#looking = true
    setImmediate(this.#turn)
  }

  #onTurn(): void {
    const looked = this.#looked
    this.#looked = this.#due
    this.#due = []
    this.#looking = this.#looked.length > 0
    if (this.#looking) setImmediate(this.#turn)
    for (const [exchange, connection] of looked) this.#use(exchange, connection)
    this.#tellIfEmpty()
  }

  #use(exchange: E, connection: C): void {
    if (exchange.over) {
      if (connection.alive) this.#onFree(connection)
    } else if (connection.alive) {
      exchange.call.record.connectTime = 0
      connection.carry(exchange)
    } else {
      this.#place(exchange)
    }
  }

  /** The slot is already ours; it is given back when the connection closes or never comes to be. */
  #connect(exchange: E): void {
    this.#dial(exchange.call).then(
      (socket) => this.#onConnected(exchange, socket),
      (error: Error) => {
        exchange.fail(error)
        this.#freeSlot()
      }
    )
  }

  #onConnected(exchange: E, socket: Socket): void {
    const connection = this.#open(socket, this.#events)
    this.#connections.add(connection)
    exchange.listen()
    if (this.#destroyed !== undefined) exchange.fail(this.#destroyed)
    if (exchange.over) connection.destroy(new Error('nothing to send'))
    else connection.carry(exchange)
  }

  async #dial(call: Call): Promise<Socket> {
    const startedAt = performance.now()
    const { abort, timeouts } = call
    const socket = await dial(this.#target, { timeoutMs: timeouts.connect, abort, dialling: this.#dialling })
    call.record.connectTime = Math.round(performance.now() - startedAt) / 1000
    return socket
  }

  #queue(exchange: E): void {
    const deadline = createDeadline(() => exchange.fail(this.#refusal('SLUICE_CONCURRENCY')))
    wheel.set(deadline, exchange.call.timeouts.connect)
    this.#waiting.add(exchange)
    exchange.onGivenUp = () => {
      wheel.remove(deadline)
      this.#waiting.delete(exchange)
    }
  }

  /** The one that has waited longest. */
  #nextWaiting(): E | undefined {
    const [exchange] = this.#waiting
    exchange?.onGivenUp?.()
    if (exchange !== undefined) exchange.onGivenUp = undefined
    return exchange
  }

  #takeIdle(): C | undefined {
    for (;;) {
      const connection = this.#idle.pop()
      if (connection === undefined || connection.alive) return connection
    }
  }

  #onFree(connection: C): void {
    const [first] = this.#waiting
    // Its slot is free when it has closed.
    if (first?.call.fresh === true) {
      connection.destroy(new Error('its place is for a fresh connection'))
      return
    }
    const waiting = this.#nextWaiting()
    if (waiting !== undefined) this.#reuse(waiting, connection)
    else if (this.#closed) connection.destroy(new Error('the pool is closed'))
    else if (this.#idle.push(connection) > this.#options.keepalive) {
      this.#idle.shift()?.destroy(new Error('more idle connections than keepalive allows'))
    }
  }

  #onGone(connection: C): void {
    this.#connections.delete(connection)
    const index = this.#idle.indexOf(connection)
    if (index !== -1) this.#idle.splice(index, 1)
    this.#freeSlot()
  }

  /** A waiting request takes over the slot. */
  #freeSlot(): void {
    const waiting = this.#nextWaiting()
    if (waiting !== undefined) {
      this.#connect(waiting)
      return
    }
    this.#slots--
    this.#tellIfEmpty()
  }

  #isEmpty(): boolean {
    return this.#slots === 0 && !this.#looking
  }

  #tellIfEmpty(): void {
    if (this.#onEmpty.length > 0 && this.#isEmpty()) for (const resolve of this.#onEmpty.splice(0)) resolve()
  }

  /** One dead idle connection means a restarted server: its brothers are as dead, and the next try gets a fresh one. */
  #dropIdle(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy(new Error('idle connection dropped'))
  }

  #refusal(code: 'SLUICE_CLOSING' | 'SLUICE_CONCURRENCY'): SluiceError {
    const { maxConnections } = this.#options
    return sluiceError(code, {
      server: this.#target.origin.url,
      phase: 'connect',
      requestSent: false,
      ...(code === 'SLUICE_CONCURRENCY' && {
        detail: `all ${maxConnections} connections (maxConnections) are in use`
      })
    })
  }
}
