// One server's connections: kept while idle, limited in number, waited for in turn (nginx: keepalive, keepalive_timeout).
import type { Socket } from 'node:net'
import { sluiceError } from '../errors'
import { createTarget, type Dialling, dial, type Target } from './dial'
import type { ResolvedConnections } from './options'
import type { Origin } from './origin'
import type { Call } from './transport'
import { Connection, type ConnectionSettings } from './undici-connection'

/** A request in the queue; `give` hands it a connection, or the right to open one. */
interface Waiter {
  readonly give: (connection: Connection | undefined) => void
  readonly fail: (error: Error) => void
}

/** The connections of one server. */
export class Pool {
  readonly #target: Target
  readonly #options: ResolvedConnections
  readonly #settings: ConnectionSettings
  /** Used last is taken first: the surplus gets old and goes. */
  readonly #idle: Connection[] = []
  readonly #open = new Set<Connection>()
  readonly #dialling = new Set<Dialling>()
  /** Handshakes and tunnels: `close` leaves them to their owner, `destroy` ends them. */
  readonly #outside = new Set<Socket>()
  readonly #waiting = new Set<Waiter>()
  /** Connections open or being opened. */
  #slots = 0
  #closed = false
  #onEmpty: (() => void)[] = []

  constructor(origin: Origin, options: ResolvedConnections) {
    this.#target = createTarget(origin, options.tls)
    this.#options = options
    this.#settings = {
      server: origin.url,
      authority: origin.authority,
      keepalive: options.keepalive > 0,
      keepaliveTimeoutMs: Math.max(1, options.keepaliveTimeoutMs),
      onFree: (connection) => this.#onFree(connection),
      onStale: () => this.#dropIdle(),
      onGone: (connection) => this.#onGone(connection)
    }
  }

  /** A connection for one exchange; an idle one without waiting. */
  acquire(call: Call): Connection | Promise<Connection> {
    if (this.#closed) return Promise.reject(this.#refusal())
    const idle = call.fresh === true ? undefined : this.#takeIdle()
    if (idle === undefined) return this.#connect(call)
    call.record.connectTime = 0
    return idle
  }

  /** A fresh socket outside the pool, for a connection that will not be HTTP any more. */
  async dial(call: Call): Promise<Socket> {
    if (this.#closed) throw this.#refusal()
    const socket = await this.#dial(call)
    this.#outside.add(socket)
    socket.once('close', () => this.#outside.delete(socket))
    return socket
  }

  /** Resolves when the last exchange has ended. */
  close(): Promise<void> {
    this.#closed = true
    this.#dropIdle()
    return this.#slots === 0 ? Promise.resolve() : new Promise((resolve) => this.#onEmpty.push(resolve))
  }

  /** Ends everything now. */
  destroy(error: Error = this.#refusal()): void {
    this.#closed = true
    for (const waiter of this.#waiting) waiter.fail(error)
    for (const dialling of this.#dialling) dialling.destroy(error)
    for (const socket of this.#outside) socket.destroy(error)
    for (const connection of this.#open) connection.destroy(error)
  }

  async #connect(call: Call): Promise<Connection> {
    const limit = this.#options.maxConnections
    if (limit > 0 && this.#slots >= limit) {
      this.#idle.shift()?.destroy(new Error('its place is for a fresh connection'))
      const given = await this.#wait(call)
      if (given !== undefined) {
        call.record.connectTime = 0
        return given
      }
    } else {
      this.#slots++
    }
    return this.#openConnection(call)
  }

  /** The slot is already ours; it is given back when the connection closes or never comes to be. */
  async #openConnection(call: Call): Promise<Connection> {
    try {
      const connection = new Connection(await this.#dial(call), this.#settings)
      this.#open.add(connection)
      return connection
    } catch (error) {
      this.#freeSlot()
      throw error
    }
  }

  async #dial(call: Call): Promise<Socket> {
    const startedAt = performance.now()
    const { abort, timeouts } = call
    const socket = await dial(this.#target, { timeoutMs: timeouts.connect, abort, dialling: this.#dialling })
    call.record.connectTime = Math.round(performance.now() - startedAt) / 1000
    return socket
  }

  #wait(call: Call): Promise<Connection | undefined> {
    return new Promise((resolve, reject) => {
      const { connect } = call.timeouts
      const timer = connect > 0 ? setTimeout(() => waiter.fail(this.#noRoom()), connect) : undefined
      const leave = () => {
        clearTimeout(timer)
        call.abort.listen(undefined)
        this.#waiting.delete(waiter)
      }
      const waiter: Waiter = {
        give: (connection) => {
          leave()
          resolve(connection)
        },
        fail: (error) => {
          leave()
          reject(error)
        }
      }
      this.#waiting.add(waiter)
      call.abort.listen(waiter.fail)
    })
  }

  #takeIdle(): Connection | undefined {
    for (;;) {
      const connection = this.#idle.pop()
      if (connection === undefined || connection.alive) return connection
    }
  }

  #onFree(connection: Connection): void {
    const [waiter] = this.#waiting
    if (!this.#settings.keepalive) connection.destroy(new Error('closed after use'))
    else if (waiter !== undefined) waiter.give(connection)
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
    const [waiter] = this.#waiting
    if (waiter !== undefined) {
      waiter.give(undefined)
      return
    }
    this.#slots--
    if (this.#slots === 0) for (const resolve of this.#onEmpty.splice(0)) resolve()
  }

  /** One dead idle connection means a restarted server: its brothers are as dead, and the next try gets a fresh one. */
  #dropIdle(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy(new Error('idle connection dropped'))
  }

  #refusal(): Error {
    return sluiceError('SLUICE_CLOSING', {
      server: this.#target.origin.url,
      phase: 'connect',
      requestSent: false
    })
  }

  #noRoom(): Error {
    const { maxConnections } = this.#options
    return sluiceError('SLUICE_CONCURRENCY', {
      server: this.#target.origin.url,
      phase: 'connect',
      requestSent: false,
      detail: `all ${maxConnections} connections (maxConnections) are in use`
    })
  }
}
