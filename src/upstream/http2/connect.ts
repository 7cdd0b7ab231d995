// A connection that has proved to speak HTTP/2: ALPN over TLS, the server's SETTINGS in either case (RFC 9113 §3.2–3.4).
import { type ClientHttp2Session, connect } from 'node:http2'
import type { Socket } from 'node:net'
import { sluiceError } from '../../errors'
import type { Abort } from '../../http/abort'
import { type Attempt, dial, ignore, type Target } from '../dial'
import { errnoOf } from '../failure'
import { MAX_FIELDS, MAX_HEAD_BYTES } from '../response-head'

/** The socket stays ours: Node leaves it half open when a server does not answer the end of the connection. */
export interface Opened {
  readonly http2: ClientHttp2Session
  readonly socket: Socket
}

/** Bytes that a server may send on one stream before somebody reads: what a slow client costs at most. */
const STREAM_WINDOW = 128 * 1024

/** Bytes on the way on the whole connection. They are taken from it at once, so that no stream holds up another. */
const CONNECTION_WINDOW = 1024 * 1024

/** Node's limit in MB for what a connection holds in memory: all streams with full windows, both ways. */
const SESSION_MEMORY_MB = 64

/** `:status` beside the fields of a response. */
const PSEUDO_FIELDS = 1

/**
 * Dials and waits for the server's SETTINGS, its first frame: a server that speaks something else is found out before it gets
 * a request, and the number of streams that it takes is known.
 */
export async function open(target: Target, attempt: Attempt): Promise<Opened> {
  const startedAt = performance.now()
  const socket = await dial(target, attempt)
  const elapsedMs = performance.now() - startedAt
  const timeoutMs = attempt.timeoutMs > 0 ? Math.max(1, attempt.timeoutMs - elapsedMs) : 0
  return greet(socket, { server: target.origin.url, timeoutMs, abort: attempt.abort })
}

interface Greeting {
  readonly server: string
  readonly timeoutMs: number
  readonly abort: Abort
}

function greet(socket: Socket, { server, timeoutMs, abort }: Greeting): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const place = { server, phase: 'connect', requestSent: false, reused: false } as const
    const http2 = begin(socket)
    const timer = timeoutMs > 0 ? setTimeout(() => setImmediate(expire), timeoutMs) : undefined
    let settled = false
    http2.once('remoteSettings', succeed)
    http2.once('error', refuse)
    socket.once('close', closed)
    abort.listen(fail)

    function succeed(): void {
      if (settled) return
      finish()
      http2.on('error', ignore)
      resolve({ http2, socket })
    }
    function refuse(cause: Error): void {
      const detail = 'the server does not speak HTTP/2'
      fail(sluiceError('SLUICE_CONNECT_FAILED', { ...place, errno: errnoOf(cause), detail, cause }))
    }
    function closed(): void {
      refuse(Object.assign(new Error('closed before its SETTINGS'), { code: 'ECONNRESET' }))
    }
    function expire(): void {
      const detail = 'no SETTINGS of HTTP/2 came'
      fail(sluiceError('SLUICE_CONNECT_TIMEOUT', { ...place, errno: 'ETIMEDOUT', detail }))
    }
    function fail(error: Error): void {
      if (settled) return
      finish()
      http2.on('error', ignore)
      http2.destroy()
      socket.destroy()
      reject(error)
    }
    function finish(): void {
      settled = true
      clearTimeout(timer)
      abort.listen(undefined)
      socket.off('close', closed)
    }
  })
}

function begin(socket: Socket): ClientHttp2Session {
  const http2 = connect('http://upstream', {
    createConnection: () => socket,
    maxSessionMemory: SESSION_MEMORY_MB,
    maxHeaderListPairs: MAX_FIELDS + PSEUDO_FIELDS,
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW, maxHeaderListSize: MAX_HEAD_BYTES }
  })
  http2.once('connect', () => http2.setLocalWindowSize(CONNECTION_WINDOW))
  return http2
}
