// One connection, with undici's Client as its HTTP/1.1 framing: dialling, pooling and timing are ours.
import type { Socket } from 'node:net'
import { Client, type Dispatcher } from 'undici'
import { isSluiceError } from '../../errors'
import { errnoOf } from '../failure'
import type { Carrier, PoolEvents } from '../pool'
import { MAX_HEAD_BYTES } from '../response-head'
import type { Exchange } from './exchange'
import { skipContinue } from './skip-continue'

/** What the connections of one server share. */
export interface ConnectionSettings extends PoolEvents<Connection> {
  readonly server: string
  readonly authority: string
  /** May be used again after an exchange. */
  readonly keepalive: boolean
  readonly keepaliveTimeoutMs: number
}

/** undici needs an origin; `host` is always given by us. */
const ORIGIN = new URL('http://upstream')

/** Taken off the server's Keep-Alive hint, for the time that a request is on its way. */
const HINT_MARGIN_MS = 1000

/** A connection that carries one exchange at a time. */
export class Connection implements Carrier<Exchange> {
  readonly #socket: Socket
  readonly #settings: ConnectionSettings
  readonly #client: Client
  readonly #expectContinue: () => void
  #exchange: Exchange | undefined
  #used = false
  #taken = false

  constructor(socket: Socket, settings: ConnectionSettings) {
    this.#socket = socket
    this.#settings = settings
    this.#expectContinue = skipContinue(socket)
    // Before undici's own listeners: see `#onError` and `Exchange.onEnd`.
    socket.on('error', (error) => this.#onError(error))
    socket.on('end', () => this.#exchange?.onEnd())
    socket.on('timeout', () => this.#exchange?.onIdle(socket))
    socket.once('close', () => settings.onGone(this))
    this.#client = new Client(ORIGIN, {
      connect: (_options, callback) => this.#handOver(callback),
      pipelining: settings.keepalive ? 1 : 0,
      keepAliveTimeout: settings.keepaliveTimeoutMs,
      keepAliveMaxTimeout: settings.keepaliveTimeoutMs,
      keepAliveTimeoutThreshold: HINT_MARGIN_MS,
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: 0,
      bodyTimeout: 0
    })
  }

  /** The socket can still be used. */
  get alive(): boolean {
    return !this.#socket.destroyed && this.#socket.writable
  }

  /** Carries one exchange. */
  carry(exchange: Exchange): void {
    const reused = this.#used
    this.#exchange = exchange
    this.#used = true
    exchange.begin({ socket: this.#socket, reused, onOver: (error) => this.#onOver(reused, error) })
    this.#expectContinue()
    this.#client.dispatch(this.#optionsOf(exchange), exchange)
  }

  /** Ends the connection, and with it the exchange that it carries. */
  destroy(error: Error): void {
    this.#exchange?.fail(error)
    this.#socket.destroy(error)
  }

  #optionsOf({ call, upload }: Exchange): Dispatcher.DispatchOptions {
    const { method, path, fields, body } = call.request
    const headers = fields.host === undefined ? { host: this.#settings.authority, ...fields } : fields
    return {
      method: method as Dispatcher.HttpMethod,
      path,
      headers,
      body: upload?.stream ?? body,
      blocking: false
    }
  }

  /** undici dials once; it asks a second time when the connection closed before it wrote, and then must fail. */
  #handOver(callback: (...result: [Error, null] | [null, Socket]) => void): void {
    const taken = this.#taken
    this.#taken = true
    queueMicrotask(() => {
      if (taken) callback(Object.assign(new Error('the connection has closed'), { code: 'ECONNRESET' }), null)
      else callback(null, this.#socket)
    })
  }

  #onError(error: Error): void {
    const exchange = this.#exchange
    if (exchange?.over === false) exchange.onResponseError(undefined, error)
    // For ECONNRESET undici asks its parser to finish: while it is paused that throws, uncaught; while it reads a
    // body that ends with the connection it takes the reset for the proper end.
    if (errnoOf(error) === 'ECONNRESET') Object.assign(error, { code: 'UND_ERR_SOCKET' })
  }

  #onOver(reused: boolean, error: Error | undefined): void {
    if (reused && isSluiceError(error) && error.code === 'SLUICE_RESET') this.#settings.onStale()
    // undici closes what cannot be used again right after its last callback.
    queueMicrotask(() => {
      this.#exchange = undefined
      if (!this.alive) return
      if (this.#settings.keepalive) this.#settings.onFree(this)
      else this.destroy(new Error('closed after use'))
    })
  }
}
