// Opens connections: name, TCP or unix socket, TLS, all within one connect timeout (nginx: proxy_connect_timeout, proxy_ssl_*).
import { X509Certificate } from 'node:crypto'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { type Phase, sluiceError } from '../errors'
import type { Abort } from '../http/abort'
import { race } from './connect-race'
import { dialOrder } from './dns/peers'
import { lookupAll } from './dns/platform'
import { failureOf, type Place } from './failure'
import { defaultServername, type Origin } from './origin'
import type { Protocol } from './protocol'
import type { Pem, ResolvedTls } from './tls-options'

/** How one server's connections are opened. */
export interface Target {
  readonly origin: Origin
  readonly secure: SecureTarget | undefined
  /** The address that was connected to last: a dead one before it costs its delay once. */
  preferred: string | undefined
}

interface SecureTarget {
  readonly context: SecureContext
  readonly servername: string
  readonly rejectUnauthorized: boolean
  /** The one protocol that is offered by ALPN. */
  readonly alpn: 'http/1.1' | 'h2'
  /** Ticket of the last connection, so that the next one saves a round trip. */
  session: Buffer | undefined
}

/** A dial under way. */
export interface Dialling {
  destroy(error: Error): void
}

/** What bounds one attempt. */
export interface Attempt {
  readonly timeoutMs: number
  readonly abort: Abort
  /** What is under way, for whoever must end it all. */
  readonly dialling: Set<Dialling>
}

/** Probes dead peers of connections that idle for long; Node's own default is never. */
const TCP_KEEPALIVE_MS = 60_000

const CERTIFICATE = /-----BEGIN [A-Z0-9 ]*CERTIFICATE-----[^-]*-----END [A-Z0-9 ]*CERTIFICATE-----/g

/** Prepares a server's target; certificates that cannot be used fail here, at start. */
export function createTarget(origin: Origin, tls: ResolvedTls, protocol: Protocol = 'http1'): Target {
  if (!origin.secure) return { origin, secure: undefined, preferred: undefined }
  const { ca, cert, key, rejectUnauthorized } = tls
  try {
    checkAuthorities(ca)
    const context = createSecureContext({ ca, cert, key, minVersion: 'TLSv1.2' })
    const servername = tls.servername ?? defaultServername(origin)
    const alpn = protocol === 'h2' ? 'h2' : 'http/1.1'
    const session = undefined
    return {
      origin,
      secure: { context, servername, rejectUnauthorized, alpn, session },
      preferred: undefined
    }
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause)
    throw sluiceError('SLUICE_OPTIONS', { detail: `tls for ${origin.url}: ${problem}`, cause })
  }
}

/** A connected socket, its certificate verified. It has an error listener for life. */
export function dial(target: Target, attempt: Attempt): Promise<Socket> {
  return new Promise((resolve, reject) => new Dial(target, attempt, { resolve, reject }))
}

interface Result {
  readonly resolve: (socket: Socket) => void
  readonly reject: (error: Error) => void
}

class Dial implements Dialling {
  readonly #target: Target
  readonly #attempt: Attempt
  readonly #result: Result
  readonly #timer: NodeJS.Timeout | undefined
  readonly #fail = (cause: Error): void => this.destroy(cause)
  readonly #closed = (): void =>
    this.destroy(Object.assign(new Error('closed before it was ready'), { code: 'ECONNRESET' }))
  #phase: Phase
  #endRace = ignore
  #socket: Socket | undefined
  #settled = false

  constructor(target: Target, attempt: Attempt, result: Result) {
    this.#target = target
    this.#attempt = attempt
    this.#result = result
    this.#phase = isName(target.origin) ? 'dns' : 'connect'
    const { timeoutMs, abort, dialling } = attempt
    // One more round of I/O: a process that stood still must not take a waiting connection for none.
    this.#timer = timeoutMs > 0 ? setTimeout(() => setImmediate(() => this.#expire()), timeoutMs) : undefined
    dialling.add(this)
    abort.listen(this.#fail)
    const addresses = addressesOf(target.origin)
    if (addresses instanceof Promise) addresses.then((found) => this.#begin(found), this.#fail)
    else this.#begin(addresses)
  }

  /** Ends it with this error, unless it has ended. */
  destroy(cause: Error): void {
    if (this.#settled) return
    const { abort } = this.#attempt
    this.#finish()
    this.#socket?.destroy()
    if (this.#phase === 'connect' && cause !== abort.reason) this.#target.origin.book?.suspect()
    this.#result.reject(cause === abort.reason ? cause : failureOf(cause, this.#place()))
  }

  #begin(addresses: readonly string[]): void {
    if (this.#settled) return
    const target = this.#target
    if (addresses.length === 0) {
      this.destroy(Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' }))
      return
    }
    this.#phase = 'connect'
    this.#endRace = race({
      addresses: dialOrder(addresses, target.preferred),
      open: (address) => open(target, address),
      onWon: (socket, address) => this.#onConnected(socket, address),
      onLost: this.#fail
    })
  }

  #onConnected(socket: Socket, address: string): void {
    this.#target.preferred = address
    this.#phase = 'tls'
    this.#socket = socket
    socket.on('error', this.#fail)
    socket.once('close', this.#closed)
    if (this.#target.secure === undefined) this.#succeed(socket)
    else socket.once('secureConnect', () => this.#onSecure(socket as TLSSocket))
  }

  #onSecure(socket: TLSSocket): void {
    if (this.#target.secure?.alpn === 'h2' && socket.alpnProtocol !== 'h2') this.destroy(noHttp2())
    else this.#succeed(socket)
  }

  #succeed(socket: Socket): void {
    this.#finish()
    this.#result.resolve(socket)
  }

  #expire(): void {
    this.destroy(sluiceError('SLUICE_CONNECT_TIMEOUT', { ...this.#place(), errno: 'ETIMEDOUT' }))
  }

  // 'error' keeps its listener: a late one, after a timeout or an abort, must find somebody at home.
  #finish(): void {
    this.#settled = true
    clearTimeout(this.#timer)
    this.#attempt.abort.listen(undefined)
    this.#attempt.dialling.delete(this)
    this.#endRace()
    this.#socket?.off('close', this.#closed)
    this.#socket?.off('error', this.#fail)
    this.#socket?.on('error', ignore)
  }

  #place(): Place {
    return { server: this.#target.origin.url, phase: this.#phase, requestSent: false, reused: false }
  }
}

function isName({ socketPath, hostname }: Origin): boolean {
  return socketPath === undefined && isIP(hostname) === 0
}

/** For a unix socket: its path, the only way there is. */
function addressesOf(origin: Origin): readonly string[] | Promise<readonly string[]> {
  if (!isName(origin)) return [origin.socketPath ?? origin.hostname]
  return origin.book === undefined ? lookupAll(origin.hostname) : origin.book.addresses()
}

/** A server that knows no ALPN lets the handshake pass and would then be sent what it cannot read. */
function noHttp2(): Error {
  return Object.assign(new Error('the server did not choose h2 (ALPN)'), { code: 'ERR_NO_ALPN_H2' })
}

/** OpenSSL skips what it cannot read, and would trust nobody, or fewer than were meant. */
function checkAuthorities(ca: Pem | undefined): void {
  for (const block of ca === undefined ? [] : [ca].flat()) {
    const found = block.toString().match(CERTIFICATE)
    if (found === null) throw new Error('ca holds no certificate')
    for (const certificate of found) new X509Certificate(certificate)
  }
}

function open({ origin, secure }: Target, address: string): Socket {
  const place = origin.socketPath === undefined ? { host: address, port: origin.port } : { path: address }
  const common = { ...place, noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS }
  if (secure === undefined) return connectTcp(common)
  const { context, servername, rejectUnauthorized, alpn, session } = secure
  const socket = connectTls({
    ...common,
    secureContext: context,
    servername,
    rejectUnauthorized,
    ALPNProtocols: [alpn],
    ...(session && { session })
  })
  socket.on('session', (ticket) => {
    secure.session = ticket
  })
  return socket
}

/** Gives a stream or socket an error listener, so that no error of it can end the process. */
export function ignore(): void {}
