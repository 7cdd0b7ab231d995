// Joins two sockets byte for byte until one of them ends. nginx: the upgraded connection of proxy_pass.
import type { Duplex } from 'node:stream'
import { FrameBoundary } from './frames'

/** Who or what ended a tunnel. */
export type EndReason = 'client' | 'upstream' | 'idle' | 'shutdown'

/** The account of a tunnel. */
export interface TunnelEnd {
  readonly reason: EndReason
  /** When that side did not end but fail (a reset). */
  readonly error?: Error
  /** From the client. */
  readonly bytesIn: number
  /** To the client, the 101 not included. */
  readonly bytesOut: number
}

/** One socket, and what was read from it before the tunnel stood. */
export interface Side {
  readonly socket: Duplex
  readonly head: Buffer
}

/** The two sides and the tunnel's times. */
export interface RelayOptions {
  readonly client: Side
  readonly upstream: Side
  /** 0 = never. */
  readonly idleTimeoutMs: number
  /** How long a side may take to answer our FIN with its own. @default 1000 */
  readonly lingerMs?: number
}

/** Close, unmasked, code 1001 "going away" (RFC 6455 §7.4.1). */
const GOING_AWAY = Buffer.from([0x88, 0x02, 0x03, 0xe9])
/** How long the rest of the bytes (at most one buffer) may take to leave once a side has ended. */
const FLUSH_MS = 30_000
const LINGER_MS = 1000

/** A running tunnel. */
export class Relay {
  bytesIn = 0
  bytesOut = 0
  /** Resolves once, when both sockets are closed. */
  readonly ended: Promise<TunnelEnd>
  readonly #client: Duplex
  readonly #upstream: Duplex
  readonly #lingerMs: number
  readonly #frames = new FrameBoundary()
  #resolve: ((end: TunnelEnd) => void) | undefined
  /** The idle time while open, then what is left of the end; one timer, never one per chunk. */
  #timer: NodeJS.Timeout | undefined
  #cut: NodeJS.Timeout | undefined
  #open = 2
  #leaving: 'no' | 'wanted' | 'told' = 'no'
  #reason: EndReason | undefined
  #error: Error | undefined

  constructor({ client, upstream, idleTimeoutMs, lingerMs = LINGER_MS }: RelayOptions) {
    this.#lingerMs = lingerMs
    this.#client = client.socket
    this.#upstream = upstream.socket
    this.ended = new Promise((resolve) => {
      this.#resolve = resolve
    })
    if (idleTimeoutMs > 0) this.#arm(idleTimeoutMs, () => this.destroy('idle'))
    this.#watch(client.socket, 'client')
    this.#watch(upstream.socket, 'upstream')
    if (client.head.length > 0) this.#toUpstream(client.head)
    if (upstream.head.length > 0) this.#toClient(upstream.head)
    client.socket.on('data', (chunk: Buffer) => this.#toUpstream(chunk))
    upstream.socket.on('data', (chunk: Buffer) => this.#toClient(chunk))
  }

  /** Asks both sides to end (the app closes) and cuts them after the grace. */
  leave(graceMs: number): void {
    if (this.#open === 0) return
    this.#cut ??= setTimeout(() => this.destroy('shutdown'), graceMs)
    if (this.#reason !== undefined) return
    this.#leaving = 'wanted'
    this.#tellClient()
  }

  /** Ends both sides now. */
  destroy(reason: EndReason): void {
    this.#reason ??= reason
    this.#client.destroy()
    this.#upstream.destroy()
  }

  #watch(socket: Duplex, name: 'client' | 'upstream'): void {
    const other = name === 'client' ? this.#upstream : this.#client
    socket.on('drain', () => other.resume())
    socket.on('end', () => this.#sideEnded(other, name))
    socket.on('error', (error) => {
      if (this.#reason === undefined) this.#error = error
      this.#sideEnded(other, name)
    })
    socket.on('finish', () => {
      const otherFlushes = other.writableEnded && !other.writableFinished && !other.destroyed
      if (!otherFlushes) this.#arm(this.#lingerMs, () => this.destroy(name))
    })
    const onClose = () => {
      this.#sideEnded(other, name)
      this.#open--
      if (this.#open === 0) this.#done()
    }
    if (socket.closed) onClose()
    else socket.on('close', onClose)
  }

  #toUpstream(chunk: Buffer): void {
    // After its end the other side takes nothing more; reading goes on so that our own end is noticed.
    if (this.#upstream.writableEnded || this.#upstream.destroyed) return
    this.bytesIn += chunk.length
    if (this.#reason === undefined) this.#timer?.refresh()
    if (!this.#upstream.write(chunk)) this.#client.pause()
  }

  #toClient(chunk: Buffer): void {
    if (this.#leaving === 'told' || this.#client.writableEnded || this.#client.destroyed) return
    this.bytesOut += chunk.length
    if (this.#reason === undefined) this.#timer?.refresh()
    if (!this.#client.write(chunk)) this.#upstream.pause()
    this.#frames.advance(chunk)
    if (this.#leaving === 'wanted') this.#tellClient()
  }

  /** Says 1001 between two frames; the client's own Close then goes to the upstream, which ends the connection as usual. */
  #tellClient(): void {
    if (!this.#frames.atBoundary || this.#client.writableEnded || this.#client.destroyed) return
    this.#leaving = 'told'
    if (this.#frames.closed) return
    this.#reason ??= 'shutdown'
    this.#client.write(GOING_AWAY)
    this.bytesOut += GOING_AWAY.length
    clearTimeout(this.#timer)
  }

  #sideEnded(other: Duplex, name: 'client' | 'upstream'): void {
    this.#reason ??= name
    if (other.destroyed || other.writableEnded) return
    this.#arm(FLUSH_MS, () => this.destroy(name))
    other.end()
    // It may be paused for a reader that is gone.
    other.resume()
  }

  #arm(ms: number, run: () => void): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(run, ms)
    this.#timer.unref()
  }

  #done(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#cut)
    const end = { reason: this.#reason ?? 'shutdown', bytesIn: this.bytesIn, bytesOut: this.bytesOut }
    this.#resolve?.(this.#error === undefined ? end : { ...end, error: this.#error })
  }
}
