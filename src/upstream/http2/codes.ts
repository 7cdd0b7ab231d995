// PURE. Error codes of HTTP/2 → the codes of errors.ts (RFC 9113 §7, §8.7).
import { type SluiceError, type SluiceErrorCode, sluiceError } from '../../errors'
import { errnoOf, type Place } from '../failure'

/** How a stream ended before its response was complete. */
export interface Loss {
  /** Of RST_STREAM, or of the whole connection's end. */
  readonly code: number
  /** The connection itself has gone. */
  readonly connectionGone: boolean
  /** What Node said about it. */
  readonly errno: string | undefined
}

const NAMES: readonly string[] = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED'
]

/** One of the two sides does not keep to the protocol. A reset by us, after a frame that may not be, looks the same. */
const PROTOCOL_BROKEN: ReadonlySet<string> = new Set([
  'PROTOCOL_ERROR',
  'FLOW_CONTROL_ERROR',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'COMPRESSION_ERROR',
  'HTTP_1_1_REQUIRED'
])

/** The name of an error code as RFC 9113 §7 has it. */
export function nameOfCode(code: number): string {
  return NAMES[code] ?? `0x${code.toString(16)}`
}

/** The server says that it has not looked at the request (RFC 9113 §8.7): any request may be sent again. */
export function isRefused(code: number): boolean {
  return nameOfCode(code) === 'REFUSED_STREAM'
}

/** The error of the table for a stream that ended early. */
export function codeOfLoss({ code, errno }: Loss, phase: Place['phase']): SluiceErrorCode {
  if (phase === 'body') return 'SLUICE_INCOMPLETE_RESPONSE'
  return PROTOCOL_BROKEN.has(nameOfCode(code)) || errno === 'ERR_HTTP2_ERROR'
    ? 'SLUICE_BAD_RESPONSE'
    : 'SLUICE_RESET'
}

/** What the log shows as errno. */
export function errnoOfLoss({ code, errno, connectionGone }: Loss): string {
  if (errno !== undefined && errno !== 'ERR_HTTP2_STREAM_ERROR') return errno
  if (connectionGone) return 'ECONNRESET'
  return `HTTP2_${nameOfCode(code)}`
}

/** Node takes no more streams on a connection that ends, and no fields that HTTP/2 cannot have. */
export function notSent(server: string, cause: Error): SluiceError {
  const errno = errnoOf(cause)
  const isOver = /^ERR_HTTP2_.*(?:SESSION|STREAMS)$/.test(errno)
  const place = { server, phase: 'send', requestSent: false, reused: isOver, errno, cause } as const
  return sluiceError(isOver ? 'SLUICE_RESET' : 'SLUICE_BAD_REQUEST', place)
}
