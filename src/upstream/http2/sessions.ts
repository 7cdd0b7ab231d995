// One server's HTTP/2 connections: a stream for each exchange, another connection when all are full (nginx: keepalive).
import { type SluiceError, sluiceError } from '../../errors'
import { Abort } from '../../http/abort'
import { createTarget, type Target } from '../dial'
import type { ResolvedConnections } from '../options'
import type { Origin } from '../origin'
import type { Call } from '../transport'
import { open } from './connect'
import { MAX_STREAMS, Session, type SessionSettings } from './session'

/** A request without a stream. */
interface Waiter {
  readonly startedAt: number
  readonly connectMs: number
  readonly give: (session: Session) => void
  readonly fail: (error: Error) => void
}

/** The connections of one server. */
export class Sessions {
  readonly #target: Target
  readonly #options: ResolvedConnections
  readonly #settings: SessionSettings
  readonly #open = new Set<Session>()
  readonly #dials = new Set<Abort>()
  readonly #waiting = new Set<Waiter>()
  /** Streams that the last connection took, which is what the next one will take. */
  #usualLimit = MAX_STREAMS
  #closed = false
  #onEmpty: (() => void)[] = []

  constructor(origin: Origin, options: ResolvedConnections) {
    this.#target = createTarget(origin, options.tls, options.protocol)
    this.#options = options
    this.#settings = {
      origin,
      keepaliveTimeoutMs: Math.max(1, options.keepaliveTimeoutMs),
      onRoom: () => this.#serve(),
      onIdle: (session) => this.#keeps(session),
      onStale: () => this.#retireIdle(),
      onGone: (session) => this.#onGone(session)
    }
  }

  /** A connection with a stream reserved on it. */
  acquire(call: Call): Session | Promise<Session> {
    if (this.#closed) return Promise.reject(this.#refusal())
    const session = this.#withRoom()
    if (session === undefined) return this.#wait(call)
    session.reserve()
    call.record.connectTime = 0
    return session
  }

  /** Resolves when the last exchange has ended. */
  close(): Promise<void> {
    this.#closed = true
    for (const session of this.#open) session.retire()
    return this.#isEmpty ? Promise.resolve() : new Promise((resolve) => this.#onEmpty.push(resolve))
  }

  /** Ends everything now. */
  destroy(error: Error = this.#refusal()): void {
    this.#closed = true
    for (const waiter of this.#waiting) waiter.fail(error)
    for (const dial of this.#dials) dial.abort(error)
    for (const session of this.#open) session.destroy(error)
  }

  get #isEmpty(): boolean {
    return this.#open.size === 0 && this.#dials.size === 0
  }

  /** The oldest one: those that a peak has opened become idle, and go. */
  #withRoom(): Session | undefined {
    for (const session of this.#open) if (session.hasRoom) return session
    return undefined
  }

  #wait(call: Call): Promise<Session> {
    return new Promise((resolve, reject) => {
      const startedAt = performance.now()
      const connectMs = call.timeouts.connect
      const timer = connectMs > 0 ? setTimeout(() => waiter.fail(this.#tooLate()), connectMs) : undefined
      const leave = () => {
        clearTimeout(timer)
        call.abort.listen(undefined)
        this.#waiting.delete(waiter)
        this.#dropDials()
      }
      const waiter: Waiter = {
        startedAt,
        connectMs,
        give: (session) => {
          session.reserve()
          leave()
          call.record.connectTime = Math.round(performance.now() - startedAt) / 1000
          resolve(session)
        },
        fail: (error) => {
          leave()
          reject(error)
        }
      }
      this.#waiting.add(waiter)
      call.abort.listen(waiter.fail)
      this.#dialForWaiting()
    })
  }

  /** One connection for all that wait, more when they are more than it will take. */
  #dialForWaiting(): void {
    const { maxConnections } = this.#options
    for (const { connectMs } of this.#waiting) {
      if (this.#dials.size * this.#usualLimit >= this.#waiting.size) return
      if (maxConnections > 0 && this.#open.size + this.#dials.size >= maxConnections) return
      this.#dial(connectMs)
    }
  }

  /** Nobody waits any more: nothing to dial for. */
  #dropDials(): void {
    if (this.#waiting.size > 0) return
    for (const dial of this.#dials) dial.abort(new Error('nobody waits for the connection'))
    this.#dials.clear()
    this.#reportEmpty()
  }

  async #dial(timeoutMs: number): Promise<void> {
    const abort = new Abort()
    this.#dials.add(abort)
    try {
      const opened = await open(this.#target, { timeoutMs, abort, dialling: new Set() })
      this.#dials.delete(abort)
      this.#add(new Session(opened, this.#settings))
    } catch (error) {
      this.#dials.delete(abort)
      if (abort.reason === undefined) this.#failWaiting(error as SluiceError)
    }
    this.#reportEmpty()
  }

  #add(session: Session): void {
    this.#open.add(session)
    this.#usualLimit = session.limit
    if (session.limit === 0) {
      session.retire()
      this.#usualLimit = MAX_STREAMS
      this.#failWaiting(this.#failure('SLUICE_CONNECT_FAILED', 'the server takes no streams'))
      return
    }
    this.#serve()
    if (session.isIdle) session.retire()
  }

  #serve(): void {
    for (const waiter of this.#waiting) {
      const session = this.#withRoom()
      if (session === undefined) break
      waiter.give(session)
    }
    this.#dialForWaiting()
  }

  /** A time that was too short for one may not have been for another, who then dials anew. */
  #failWaiting(error: SluiceError): void {
    const now = performance.now()
    const isTimeout = error.code === 'SLUICE_CONNECT_TIMEOUT'
    for (const waiter of this.#waiting) {
      const hasTime = waiter.connectMs === 0 || now - waiter.startedAt < waiter.connectMs
      if (isTimeout && hasTime) continue
      const { code, server, phase, errno, requestSent, reused, detail, cause } = error
      waiter.fail(sluiceError(code, { server, phase, errno, requestSent, reused, detail, cause } as object))
    }
    this.#dialForWaiting()
  }

  #keeps(session: Session): boolean {
    const { keepalive } = this.#options
    if (this.#closed || keepalive === 0) return false
    let idle = 0
    for (const other of this.#open) if (other !== session && other.isIdle) idle++
    return idle < keepalive
  }

  /** One dead idle connection means a restarted server: its brothers are as dead. */
  #retireIdle(): void {
    for (const session of this.#open) if (session.isIdle) session.retire()
  }

  #onGone(session: Session): void {
    this.#open.delete(session)
    this.#dialForWaiting()
    this.#reportEmpty()
  }

  #reportEmpty(): void {
    if (this.#isEmpty) for (const resolve of this.#onEmpty.splice(0)) resolve()
  }

  #refusal(): SluiceError {
    return this.#failure('SLUICE_CLOSING')
  }

  /** The time is up: for want of a connection, or because all that there may be are full. */
  #tooLate(): SluiceError {
    if (this.#dials.size > 0) return this.#failure('SLUICE_CONNECT_TIMEOUT', undefined, 'ETIMEDOUT')
    const { maxConnections } = this.#options
    return this.#failure(
      'SLUICE_CONCURRENCY',
      `all streams of all ${maxConnections} connections (maxConnections) are in use`
    )
  }

  #failure(
    code: 'SLUICE_CLOSING' | 'SLUICE_CONNECT_FAILED' | 'SLUICE_CONNECT_TIMEOUT' | 'SLUICE_CONCURRENCY',
    detail?: string,
    errno?: string
  ): SluiceError {
    const facts = { server: this.#target.origin.url, phase: 'connect', requestSent: false } as const
    return sluiceError(code, { ...facts, ...(detail && { detail }), ...(errno && { errno }) })
  }
}
