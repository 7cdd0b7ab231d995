// How much of an answer waits for its client, how much that client has taken, and the way to be rid of one that takes nothing.
import { constants, type Http2ServerResponse, type ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'
import { connectionOf } from '../http/closable'

type Raw = FastifyReply['raw']

/** What a handle of node:net counts: bytes given to libuv, and those that the kernel has not taken of them. */
interface Handle {
  readonly bytesWritten?: number
  readonly writeQueueSize?: number
  readonly reset?: unknown
  /** Under TLS: the connection's own. */
  readonly _parent?: Handle
}

/** As node:net and node:tls leave it. A test pins that it is so. */
type Connection = Socket & {
  readonly _handle?: Handle | null
  /** Under TLS: the socket below. */
  readonly _parent?: Connection | null
  resetAndClosing?: boolean
}

/** An answer on its way to a client. */
export interface Sending {
  readonly reply: { readonly raw: Raw }
  /** Content bytes written so far. */
  readonly bytesOut: number
}

/** Counts that only grow: while they stand still, the client takes nothing. */
export interface Intake {
  /** Of this answer. */
  readonly answer: number
  /** Of the connection: bytes that the kernel has taken. */
  readonly connection: number
}

/** In HTTP/2 a piece counts when it has gone whole. One that is larger than this may take a slow client longer than it is given. */
const LARGE_PIECE_BYTES = 64 * 1024

/** undefined while nothing of ours waits for the client, however long the upstream is silent. */
export function intakeOf({ reply: { raw }, bytesOut }: Sending): Intake | undefined {
  if (isHttp2(raw)) return intakeOfStream(raw.stream, bytesOut)
  // Without a socket it waits behind another answer on its connection.
  const socket = raw.socket as Connection | null
  if (socket === null || socket.writableLength === 0) return undefined
  const connection = takenByKernel(socket)
  return { answer: connection, connection }
}

function intakeOfStream(stream: ServerHttp2Stream, bytesOut: number): Intake | undefined {
  const waiting = stream.writableLength
  const socket = socketOf(stream)
  if (waiting === 0 || socket === undefined) return undefined
  const connection = takenByKernel(socket)
  const pieces = bytesOut - waiting
  return { answer: waiting > LARGE_PIECE_BYTES ? pieces + connection : pieces, connection }
}

/** Ends an answer that its client does not take: the stream alone when the connection still moves. */
export function cutOff({ reply: { raw } }: Pick<Sending, 'reply'>, before: Intake): void {
  if (!isHttp2(raw)) {
    if (raw.socket !== null) resetWhenClosed(raw.socket)
    raw.destroy()
    return
  }
  const socket = socketOf(raw.stream)
  if (socket === undefined || !isStuck(socket, before)) {
    raw.stream.close(constants.NGHTTP2_CANCEL)
    return
  }
  // A reset of the stream would wait behind all that the client does not read, and so would the end of the session.
  resetWhenClosed(socket)
  socket.destroy()
}

function isHttp2(raw: Raw | Http2ServerResponse): raw is Http2ServerResponse {
  return 'stream' in raw
}

function socketOf({ destroyed, session }: ServerHttp2Stream): Connection | undefined {
  if (destroyed || session === undefined || session.destroyed) return undefined
  return connectionOf(session)
}

function isStuck(socket: Connection, before: Intake): boolean {
  return waitsInKernel(socket) && takenByKernel(socket) === before.connection
}

function waitsInKernel(socket: Connection): boolean {
  return (handleOf(socket)?.writeQueueSize ?? 0) > 0
}

/** Grows with every byte, also within a large piece: `drain` and `writableLength` know only whole ones. */
function takenByKernel(socket: Connection): number {
  const { bytesWritten = 0, writeQueueSize = 0 } = handleOf(socket) ?? {}
  return bytesWritten - writeQueueSize
}

function handleOf({ _handle: handle }: Connection): Handle | undefined {
  return handle?._parent ?? handle ?? undefined
}

/** Closed in the ordinary way, the kernel would keep what was not taken for minutes (nginx: reset_timedout_connection). */
function resetWhenClosed(socket: Connection): void {
  const tcp = socket._parent ?? socket
  // A unix socket has no reset.
  if (typeof tcp._handle?.reset === 'function' && !tcp.writableEnded) tcp.resetAndClosing = true
}
