// PURE. What Node and undici report → the codes of errors.ts, with what is known of the failure.
import { isSluiceError, type Phase, type SluiceError, type SluiceErrorCode, sluiceError } from '../errors'

/** Where a failure happened. */
export interface Place {
  readonly server: string
  readonly phase: Phase
  /** False only when no byte of the request can have reached the server. */
  readonly requestSent: boolean
  readonly reused: boolean
}

/** Errors of a request that cannot be framed as given: not the server's doing. */
const OUR_REQUEST = new Set([
  'UND_ERR_INVALID_ARG',
  'UND_ERR_NOT_SUPPORTED',
  'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH'
])

/** An error of the table for whatever went wrong at `place`. */
export function failureOf(cause: Error, place: Place): SluiceError {
  if (isSluiceError(cause)) return cause
  const errno = errnoOf(cause)
  return sluiceError(codeOf(cause, errno, place.phase), {
    ...place,
    phase: isDns(cause, errno) ? 'dns' : place.phase,
    cause,
    errno,
    ...receivedOf(cause)
  })
}

/** Enough to tell another protocol by. */
const RECEIVED_LENGTH = 24

/** What the parser could not read, in the shape that undici has for it; `code` is the parser's name for it. */
export function protocolError(detail: string, code: string, chunk: Buffer): Error {
  const message = `the response does not match HTTP/1.1 (${detail})`
  return Object.assign(new Error(message), { code, data: chunk.toString('latin1', 0, RECEIVED_LENGTH) })
}

/** undici's parser keeps what it could not read. Only the very beginning is shown: anything after it may be somebody's data. */
function receivedOf(cause: Error): { received?: string } {
  const foreign = cause.message.includes('Expected HTTP/')
  if (!foreign || !('data' in cause) || typeof cause.data !== 'string') return {}
  return { received: cause.data.slice(0, RECEIVED_LENGTH) }
}

/** `ECONNREFUSED`, `CERT_HAS_EXPIRED`, `HPE_INVALID_CONSTANT`, …; the error's name when it has no code. */
export function errnoOf(cause: Error): string {
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.name
}

function codeOf(cause: Error, errno: string, phase: Phase): SluiceErrorCode {
  if (phase === 'dns' || isDns(cause, errno)) return 'SLUICE_DNS'
  if (OUR_REQUEST.has(errno)) return 'SLUICE_BAD_REQUEST'
  if (phase === 'connect') return 'SLUICE_CONNECT_FAILED'
  if (phase === 'tls') return 'SLUICE_TLS'
  if (phase === 'body') return 'SLUICE_INCOMPLETE_RESPONSE'
  return isProtocolError(cause, errno) ? 'SLUICE_BAD_RESPONSE' : 'SLUICE_RESET'
}

function isDns(cause: Error, errno: string): boolean {
  return errno.startsWith('EAI_') || ('syscall' in cause && cause.syscall === 'getaddrinfo')
}

function isProtocolError(cause: Error, errno: string): boolean {
  if (errno.startsWith('HPE_') || errno === 'HTTPParserError' || errno === 'UND_ERR_HEADERS_OVERFLOW')
    return true
  if (errno === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH') return true
  // undici has one code for a closed socket and for an answer it refuses ("bad response", "bad upgrade").
  return errno === 'UND_ERR_SOCKET' && cause.message.startsWith('bad ')
}

/** What a failure was, as `servers()` and the log show it. */
export function failureText({ error, status }: { error?: SluiceError; status?: number }): string {
  if (error === undefined) return `status ${status}`
  const { errno, code, phase } = error
  return phase === undefined ? (errno ?? code) : `${errno ?? code} (${phase})`
}

/** There is nobody, which the next dial would only find out again. */
const NOBODY_THERE = new Set(['ECONNREFUSED', 'ENETUNREACH', 'EHOSTUNREACH', 'ENOENT'])
/** This machine lets no connection out: ports, a firewall, permissions. They do not change from one moment to the next. */
const NO_WAY_OUT = new Set(['EADDRNOTAVAIL', 'EPERM', 'EACCES'])

/** Long enough to spare a dead server the dial of every request, short enough that nobody waits for one that is back. */
export const SHORT_HOLD_MS = 250
export const LONG_HOLD_MS = 10_000

/** How long the server is not dialled after this failure (Varnish: backend_remote_error_holddown, backend_local_error_holddown). */
export function holdMs({ error }: { error?: SluiceError }): number {
  if (error?.phase !== 'connect' || error.errno === undefined) return 0
  if (NOBODY_THERE.has(error.errno)) return SHORT_HOLD_MS
  return NO_WAY_OUT.has(error.errno) ? LONG_HOLD_MS : 0
}
