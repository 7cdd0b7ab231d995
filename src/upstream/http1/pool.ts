// One server's connections: kept while idle, limited in number, waited for in turn (nginx: keepalive, keepalive_timeout).
import type { Socket } from 'node:net'
import { type SluiceError, sluiceError } from '../../errors'
import { createTarget, dial, type Target } from '../dial'
import type { ResolvedConnections } from '../options'
import type { Origin } from '../origin'
import type { Call } from '../transport'
import { Connection, type ConnectionSettings } from './connection'
import type { Exchange } from './exchange'
import type { Tolerance } from './tolerance'
import { createDeadline, wheel } from './wheel'

type Reuse = readonly [exchange: Exchange, connection: Connection]

/** The connections of one server. */
export class Pool {
  readonly #target: Target
  readonly #options: ResolvedConnections
  readonly #settings: ConnectionSettings
  /** Used last is taken first: the surplus gets old and goes. */
  readonly #idle: Connection[] = []
  readonly #open = new Set<Connection>()
  readonly #dialling = new Set<Socket>()
  /** Handshakes and tunnels: `close` leaves them to their owner, `destroy` ends them. */
  readonly #outside = new Set<Socket>()
  readonly #waiting = new Set<Exchange>()
  /** Exchanges with the idle connection that each is to use: those that have come since the last turn, and those before. */
  #due: Reuse[] = []
  #looked: Reuse[] = []
  #looking = false
  readonly #turn = () => this.#onTurn()
  /** Connections open or being opened. */
  #slots = 0
  #closed = false
  #destroyed: Error | undefined
  #onEmpty: (() => void)[] = []

  constructor(origin: Origin, options: ResolvedConnections, tolerance?: Tolerance) {
    this.#target = createTarget(origin, options.tls)
    this.#options = options
    this.#settings = {
      server: origin.url,
      keepalive: options.keepalive > 0,
      idleMs: Math.max(1, options.keepaliveTimeoutMs),
      maxRequests: options.keepaliveRequests,
      maxAgeMs: options.keepaliveTimeMs,
      tolerance,
      onFree: (connection) => this.#onFree(connection),
      onStale: () => this.#dropIdle(),
      onGone: (connection) => this.#onGone(connection)
    }
  }

  /** Gives the exchange a connection, sooner or later; the exchange tells its caller how it went. */
  send(exchange: Exchange): void {
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
    for (const connection of this.#open) connection.destroy(error)
  }

  #place(exchange: Exchange): void {
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
  #reuse(exchange: Exchange, connection: Connection): void {
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

  #use(exchange: Exchange, connection: Connection): void {
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
  #connect(exchange: Exchange): void {
    this.#dial(exchange.call).then(
      (socket) => this.#onConnected(exchange, socket),
      (error: Error) => {
        exchange.fail(error)
        this.#freeSlot()
      }
    )
  }

  #onConnected(exchange: Exchange, socket: Socket): void {
    const connection = new Connection(socket, this.#settings)
    this.#open.add(connection)
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

  #queue(exchange: Exchange): void {
    const deadline = createDeadline(() => exchange.fail(this.#refusal('SLUICE_CONCURRENCY')))
    wheel.set(deadline, exchange.call.timeouts.connect)
    this.#waiting.add(exchange)
    exchange.onGivenUp = () => {
      wheel.remove(deadline)
      this.#waiting.delete(exchange)
    }
  }

  /** The one that has waited longest. */
  #nextWaiting(): Exchange | undefined {
    const [exchange] = this.#waiting
    exchange?.onGivenUp?.()
    if (exchange !== undefined) exchange.onGivenUp = undefined
    return exchange
  }

  #takeIdle(): Connection | undefined {
    for (;;) {
      const connection = this.#idle.pop()
      if (connection === undefined || connection.alive) return connection
    }
  }

  #onFree(connection: Connection): void {
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

  #onGone(connection: Connection): void {
    this.#open.delete(connection)
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
