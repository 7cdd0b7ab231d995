// Opens connections: name, TCP or unix socket, TLS, all within one connect timeout (nginx: proxy_connect_timeout, proxy_ssl_*).
import { X509Certificate } from 'node:crypto'
import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { connect as connectTls, createSecureContext, type SecureContext, type TLSSocket } from 'node:tls'
import { type Phase, sluiceError } from '../errors'
import type { Abort } from '../http/abort'
import { failureOf, type Place } from './failure'
import { defaultServername, type Origin } from './origin'
import type { Protocol } from './protocol'
import type { Pem, ResolvedTls } from './tls-options'

/** How one server's connections are opened. */
export interface Target {
  readonly origin: Origin
  readonly secure: SecureTarget | undefined
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

/** What bounds one attempt. */
export interface Attempt {
  readonly timeoutMs: number
  readonly abort: Abort
  /** Sockets under way, for whoever must end them all. */
  readonly dialling: Set<Socket>
}

/** Probes dead peers of connections that idle for long; Node's own default is never. */
const TCP_KEEPALIVE_MS = 60_000

const CERTIFICATE = /-----BEGIN [A-Z0-9 ]*CERTIFICATE-----[^-]*-----END [A-Z0-9 ]*CERTIFICATE-----/g

/** Prepares a server's target; certificates that cannot be used fail here, at start. */
export function createTarget(origin: Origin, tls: ResolvedTls, protocol: Protocol = 'http1'): Target {
  if (!origin.secure) return { origin, secure: undefined }
  const { ca, cert, key, rejectUnauthorized } = tls
  try {
    checkAuthorities(ca)
    const context = createSecureContext({ ca, cert, key, minVersion: 'TLSv1.2' })
    const servername = tls.servername ?? defaultServername(origin)
    const alpn = protocol === 'h2' ? 'h2' : 'http/1.1'
    return { origin, secure: { context, servername, rejectUnauthorized, alpn, session: undefined } }
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause)
    throw sluiceError('SLUICE_OPTIONS', { detail: `tls for ${origin.url}: ${problem}`, cause })
  }
}

/** A connected socket, its certificate verified. It has an error listener for life. */
export function dial(target: Target, { timeoutMs, abort, dialling }: Attempt): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { origin, secure } = target
    const socket = open(target)
    let phase: Phase = origin.socketPath === undefined && isIP(origin.hostname) === 0 ? 'dns' : 'connect'
    const place = (): Place => ({ server: origin.url, phase, requestSent: false, reused: false })
    let settled = false
    // One more round of I/O: a process that stood still must not take a waiting connection for none.
    const timer = timeoutMs > 0 ? setTimeout(() => setImmediate(expire), timeoutMs) : undefined
    dialling.add(socket)

    socket.on('error', fail)
    socket.once('close', closed)
    socket.once('lookup', () => {
      phase = 'connect'
    })
    socket.once('connect', () => {
      phase = 'tls'
      if (secure === undefined) succeed()
    })
    socket.once('secureConnect', () => {
      if (secure?.alpn === 'h2' && (socket as TLSSocket).alpnProtocol !== 'h2') fail(noHttp2())
      else succeed()
    })
    abort.listen(fail)

    function succeed(): void {
      finish()
      resolve(socket)
    }
    function fail(cause: Error): void {
      if (settled) return
      finish()
      socket.destroy()
      reject(cause === abort.reason ? cause : failureOf(cause, place()))
    }
    function closed(): void {
      fail(Object.assign(new Error('closed before it was ready'), { code: 'ECONNRESET' }))
    }
    function expire(): void {
      fail(sluiceError('SLUICE_CONNECT_TIMEOUT', { ...place(), errno: 'ETIMEDOUT' }))
    }
    // 'error' keeps its listener: a late one, after a timeout or an abort, must find somebody at home.
    function finish(): void {
      settled = true
      clearTimeout(timer)
      abort.listen(undefined)
      dialling.delete(socket)
      socket.off('close', closed)
      socket.off('error', fail)
      socket.on('error', ignore)
    }
  })
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

function open({ origin, secure }: Target): Socket {
  const address =
    origin.socketPath === undefined
      ? { host: origin.hostname, port: origin.port }
      : { path: origin.socketPath }
  const common = { ...address, noDelay: true, keepAlive: true, keepAliveInitialDelay: TCP_KEEPALIVE_MS }
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
