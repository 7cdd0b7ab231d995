// The one table of errors: code → status, whose fault, RFC 9209 token, and what the client may read.
import createError from '@fastify/error'

/** Whose fault it was: the client, the upstream, this edge (a limit, a drain), or the configuration. */
export type Fault = 'client' | 'upstream' | 'edge' | 'options'

interface Row {
  readonly status: number
  readonly fault: Fault
  /** Proxy-Status error type, RFC 9209 §2.3. */
  readonly proxyStatus: string
  /** Names no server, address or path: it is what the client reads. */
  readonly message: string
}

const TABLE = {
  SLUICE_OPTIONS: row(500, 'options', 'proxy_configuration_error', '%s'),
  SLUICE_BAD_REQUEST: row(400, 'client', 'http_request_error', 'Bad request'),
  SLUICE_BAD_TARGET: row(400, 'client', 'http_request_error', 'Bad request target'),
  SLUICE_FORBIDDEN: row(403, 'client', 'http_request_denied', 'Forbidden'),
  SLUICE_METHOD_NOT_ALLOWED: row(405, 'client', 'http_request_denied', 'Method not allowed'),
  SLUICE_BODY_TIMEOUT: row(408, 'client', 'http_request_error', 'The request body did not arrive in time'),
  SLUICE_CLIENT_TIMEOUT: row(408, 'client', 'http_request_error', 'The client took nothing of its answer'),
  SLUICE_BODY_TOO_LARGE: row(413, 'client', 'http_request_error', 'The request body is too large'),
  SLUICE_EXPECTATION: row(417, 'client', 'http_request_error', 'Expectation failed'),
  SLUICE_UPGRADE_REQUIRED: row(426, 'client', 'http_request_denied', 'Upgrade required'),
  SLUICE_RATE_LIMITED: row(429, 'client', 'http_request_denied', 'Too many requests'),
  SLUICE_TOO_MANY_FIELDS: row(431, 'client', 'http_request_error', 'Too many header fields'),
  SLUICE_CLIENT_CLOSED: row(499, 'client', 'http_request_error', 'The client closed the request'),
  SLUICE_INTERNAL: row(500, 'edge', 'proxy_internal_error', 'Internal error'),
  SLUICE_CONNECT_FAILED: row(502, 'upstream', 'connection_refused', 'Bad gateway'),
  SLUICE_DNS: row(502, 'upstream', 'dns_error', 'Bad gateway'),
  SLUICE_TLS: row(502, 'upstream', 'tls_certificate_error', 'Bad gateway'),
  SLUICE_RESET: row(502, 'upstream', 'connection_terminated', 'Bad gateway'),
  SLUICE_BAD_RESPONSE: row(502, 'upstream', 'http_protocol_error', 'Bad gateway'),
  SLUICE_INCOMPLETE_RESPONSE: row(502, 'upstream', 'http_response_incomplete', 'Bad gateway'),
  SLUICE_NO_SERVER: row(502, 'upstream', 'destination_unavailable', 'Bad gateway'),
  SLUICE_UNKNOWN_UPSTREAM: row(502, 'options', 'destination_not_found', 'Bad gateway'),
  SLUICE_CONCURRENCY: row(503, 'edge', 'connection_limit_reached', 'Service unavailable'),
  SLUICE_QUEUE: row(503, 'edge', 'connection_limit_reached', 'Service unavailable'),
  SLUICE_AUTH_UNAVAILABLE: row(503, 'upstream', 'destination_unavailable', 'Service unavailable'),
  SLUICE_CLOSING: row(503, 'edge', 'proxy_internal_response', 'Service unavailable'),
  SLUICE_CIRCUIT_OPEN: row(503, 'upstream', 'destination_unavailable', 'Service unavailable'),
  SLUICE_CONNECT_TIMEOUT: row(504, 'upstream', 'connection_timeout', 'Gateway timeout'),
  SLUICE_SEND_TIMEOUT: row(504, 'upstream', 'connection_write_timeout', 'Gateway timeout'),
  SLUICE_READ_TIMEOUT: row(504, 'upstream', 'connection_read_timeout', 'Gateway timeout'),
  SLUICE_TRY_TIMEOUT: row(504, 'upstream', 'http_response_timeout', 'Gateway timeout'),
  SLUICE_TOTAL_TIMEOUT: row(504, 'upstream', 'http_response_timeout', 'Gateway timeout'),
  SLUICE_ONLY_IF_CACHED: row(504, 'edge', 'proxy_internal_response', 'Gateway timeout'),
  SLUICE_LOOP: row(508, 'upstream', 'proxy_loop_detected', 'Loop detected')
} as const satisfies Record<string, Row>

/** A stable code of the table. */
export type SluiceErrorCode = keyof typeof TABLE

/** Where in an upstream exchange it failed. */
export type Phase = 'choose' | 'dns' | 'connect' | 'tls' | 'send' | 'header' | 'body'

/** What is known of a failure; goes to the log, never to the client. */
export interface FailureFacts {
  cause?: unknown
  server?: string
  phase?: Phase
  /** `ECONNREFUSED`, `CERT_HAS_EXPIRED`, … */
  errno?: string
  /** False only when no byte of the request can have reached the server. */
  requestSent?: boolean
  /** The connection had carried another exchange before. */
  reused?: boolean
  /** For the log: what exactly was wrong. */
  detail?: string
  /** For Retry-After of a 503. */
  retryAfterSeconds?: number
  /** How the server's answer began, when it was no HTTP. */
  received?: string
}

/** An error of the table with the facts of this failure. */
export interface SluiceError extends Error, FailureFacts {
  readonly code: SluiceErrorCode
  readonly statusCode: number
  /** Of `check`: every wrong option, each with its path; the message is the first of them. */
  readonly problems?: readonly string[]
}

const constructors = Object.fromEntries(
  Object.entries(TABLE).map(([code, { message, status }]) => [code, createError(code, message, status)])
)

/** Builds an error of the table. `SLUICE_OPTIONS` takes its message from `detail`. */
export function sluiceError(code: SluiceErrorCode, facts: FailureFacts = {}): SluiceError {
  const Constructor = constructors[code] as ReturnType<typeof createError>
  // An argument without a place in the message is appended to it, and the client would read it.
  const error = code === 'SLUICE_OPTIONS' ? new Constructor(facts.detail) : new Constructor()
  return Object.assign(error, facts) as unknown as SluiceError
}

/** Whether the error is one of ours. */
export function isSluiceError(error: unknown): error is SluiceError {
  return error instanceof Error && 'code' in error && Object.hasOwn(TABLE, String(error.code))
}

/** A wrong option: the message starts with the option's path (`routes[2].upstream: …`). */
export function optionError(path: string, problem: string): SluiceError {
  return sluiceError('SLUICE_OPTIONS', { detail: `${path}: ${problem}` })
}

/** The table's row for a code. */
export function errorRow(code: SluiceErrorCode): Row {
  return TABLE[code]
}

function row(status: number, fault: Fault, proxyStatus: string, message: string): Row {
  return { status, fault, proxyStatus, message }
}
