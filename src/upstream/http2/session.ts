// One HTTP/2 connection: how many streams it has room for, whether it is to be trusted, when it ends (RFC 9113 §5.1.2, §6.7, §6.8).
import { type ClientHttp2Session, constants } from 'node:http2'
import type { Socket } from 'node:net'
import type { UpstreamResponse } from '../../http/message'
import { ignore } from '../dial'
import type { Origin } from '../origin'
import type { Call } from '../transport'
import type { Opened } from './connect'
import { Exchange } from './exchange'

/** What the connections of one server share. */
export interface SessionSettings {
  readonly origin: Origin
  readonly keepaliveTimeoutMs: number
  /** There is room for another stream. */
  readonly onRoom: () => void
  /** The last stream has ended; says whether the connection is kept. */
  readonly onIdle: (session: Session) => boolean
  /** A connection that had been used before died in silence. */
  readonly onStale: () => void
  readonly onGone: (session: Session) => void
}

/** Streams at one time on one connection, where the server allows more: a lost packet holds them all up. */
export const MAX_STREAMS = 100

/** A connection that is never idle is renewed too, so that new addresses of a name are found (nginx: keepalive_time). */
const MAX_AGE_MS = 3_600_000

/** Longest wait for the answer to PING. */
const PING_TIMEOUT_MS = 5_000

/** Longest wait until the server has taken GOAWAY. */
const GOODBYE_MS = 1_000

/** How often a connection with exchanges is looked at. */
const LOOK_MS = 1_000

/** PING and SETTINGS from the server between two signs of work. */
const MAX_IDLE_FRAMES = 1_000

/** A connection that carries many exchanges at a time. */
export class Session {
  readonly #http2: ClientHttp2Session
  readonly #socket: Socket
  readonly #settings: SessionSettings
  readonly #openedAt = performance.now()
  /** Streams under way and promised ones. */
  #active = 0
  /** Exchanges that still send: they may fill the socket, so that nothing else is written. */
  uploads = 0
  #used = false
  #retired = false
  #doubted = false
  /** Nothing has come since the connection was idle: it may have been dead by then. */
  #quiet = false
  #heard = 0
  #idleFrames = 0
  #lastStreamId = Number.POSITIVE_INFINITY
  #idleTimer: NodeJS.Timeout | undefined
  readonly #looking: NodeJS.Timeout
  #heardBefore = 0
  /** Bytes written before the PING of this silence. */
  #probedAt: number | undefined

  constructor({ http2, socket }: Opened, settings: SessionSettings) {
    this.#http2 = http2
    this.#socket = socket
    this.#settings = settings
    http2.on('remoteSettings', () => this.#onSettings())
    http2.on('ping', () => this.#onIdleFrame())
    http2.on('goaway', (_code, lastStreamId) => this.#onGoaway(lastStreamId))
    http2.once('close', () => socket.destroy())
    socket.once('close', () => this.#onClose())
    this.#looking = setInterval(() => this.#look(), LOOK_MS).unref()
  }

  /** Streams that it allows at one time. */
  get limit(): number {
    return Math.min(this.#http2.remoteSettings.maxConcurrentStreams ?? MAX_STREAMS, MAX_STREAMS)
  }

  /** Whether it takes another stream now. */
  get hasRoom(): boolean {
    return this.#usable && this.#active < this.limit
  }

  get isIdle(): boolean {
    return this.#active === 0
  }

  get #usable(): boolean {
    const { closed, destroyed } = this.#http2
    if (this.#retired || this.#doubted || closed || destroyed) return false
    return performance.now() - this.#openedAt < MAX_AGE_MS
  }

  /** Promises a stream; `send` must follow. */
  reserve(): void {
    clearTimeout(this.#idleTimer)
    if (this.#active === 0) this.#quiet = this.#used
    this.#active++
    this.#used = true
  }

  /** Carries one exchange, for which there is a reservation; its try began at `startedAt`. */
  send(call: Call, startedAt: number): Promise<UpstreamResponse> {
    return new Promise((resolve, reject) => {
      const { origin } = this.#settings
      const exchange = new Exchange(call, { session: this, origin, startedAt }, { resolve, reject })
      exchange.begin(this.#http2)
    })
  }

  /** An exchange has ended. */
  release(): void {
    this.#active--
    if (this.hasRoom) this.#settings.onRoom()
    if (this.#active === 0) this.#onIdle()
  }

  /** The server has said something on a stream. */
  noteHeard(): void {
    this.#heard++
    this.#idleFrames = 0
    this.#quiet = false
  }

  /** Changes with each sign of life. */
  get heard(): number {
    return this.#heard
  }

  /** Dead or dying as an idle connection does, though it was taken for a new exchange. */
  get isStale(): boolean {
    return this.#quiet
  }

  /** The server has announced that it does not process this stream (RFC 9113 §6.8). */
  isUnprocessed(streamId: number | undefined): boolean {
    return streamId !== undefined && streamId > this.#lastStreamId
  }

  get destroyed(): boolean {
    return this.#http2.destroyed
  }

  /** A connection that died in silence takes its idle brothers along. */
  noteStale(): void {
    this.#settings.onStale()
  }

  /** An exchange has waited in vain. If nothing else came either, the server must answer PING before it gets another one. */
  doubt(heardBefore: number): void {
    if (this.#doubted || heardBefore !== this.#heard || !this.#usable) return
    this.#doubted = true
    const timer = setTimeout(() => this.destroy(new Error('PING was not answered')), PING_TIMEOUT_MS)
    this.#http2.ping((error) => {
      clearTimeout(timer)
      this.#doubted = false
      if (error === null && this.hasRoom) this.#settings.onRoom()
    })
  }

  /** Takes no more; ends with its last exchange. */
  retire(): void {
    this.#retired = true
    if (this.isIdle) this.#end()
  }

  /** Ends now, and with it all its exchanges. */
  destroy(error: Error): void {
    this.#http2.destroy(error, constants.NGHTTP2_CANCEL)
    this.#socket.destroy()
  }

  /**
   * Over a frame that may not be Node ends a connection in silence: it neither reads nor writes any more, and tells nobody. A PING
   * that is not written shows it, unless an upload blocks the way. One for each silence, for some servers mind more.
   */
  #look(): void {
    const silent = !this.isIdle && this.#heard === this.#heardBefore
    this.#heardBefore = this.#heard
    if (!silent || this.#http2.destroyed) {
      this.#probedAt = undefined
    } else if (this.#probedAt === undefined) {
      this.#probedAt = this.#socket.bytesWritten
      this.#http2.ping(ignore)
    } else if (this.#socket.bytesWritten === this.#probedAt && this.uploads === 0) {
      const error = new Error('the connection was ended over a frame that may not be')
      this.destroy(Object.assign(error, { code: 'ERR_HTTP2_ERROR' }))
    }
  }

  #onIdle(): void {
    if (!this.#usable || !this.#settings.onIdle(this)) {
      this.#end()
      return
    }
    this.#idleTimer = setTimeout(() => this.retire(), this.#settings.keepaliveTimeoutMs)
  }

  /** GOAWAY, and the end of the connection whether or not the server takes note. */
  #end(): void {
    this.#retired = true
    clearTimeout(this.#idleTimer)
    this.#http2.destroy()
    const timer = setTimeout(() => this.#socket.destroy(), GOODBYE_MS)
    this.#socket.once('close', () => clearTimeout(timer))
  }

  #onSettings(): void {
    this.#onIdleFrame()
    if (this.hasRoom) this.#settings.onRoom()
  }

  #onIdleFrame(): void {
    this.#idleFrames++
    if (this.#idleFrames > MAX_IDLE_FRAMES) this.destroy(new Error('a flood of PING or SETTINGS'))
  }

  #onGoaway(lastStreamId: number): void {
    this.#retired = true
    this.#lastStreamId = lastStreamId
    if (this.isIdle) this.#end()
  }

  #onClose(): void {
    clearTimeout(this.#idleTimer)
    clearInterval(this.#looking)
    this.#retired = true
    // Node has seen the end by itself, unless the socket was taken from it.
    if (!this.#http2.destroyed) this.#http2.destroy()
    this.#settings.onGone(this)
  }
}
