// PURE. Whether a failed try goes on to the next server, and whom a failure blames (nginx: proxy_next_upstream*).
import { errorRow, type SluiceError } from '../errors'

/** What may send a request on to the next server. `error`: not reached, reset, or cut off before anything was passed on. */
export type RetryOn =
  | 'error'
  | 'timeout'
  | 'invalid_header'
  | 'http_500'
  | 'http_502'
  | 'http_503'
  | 'http_504'
  | 'http_403'
  | 'http_404'
  | 'http_429'
  | 'non_idempotent'

/** How a try ended: an error, or a status of the server. */
export interface Failure {
  readonly error?: SluiceError
  readonly status?: number
}

/** What of the request decides about sending it again. */
export interface Repeatable {
  readonly method: string
  /** The content can be sent a second time: none, or a Buffer. */
  readonly replayable: boolean
  /** A stream of which nothing has been taken: what follows would pass for the whole. */
  readonly untouched: boolean
}

/** The tries so far, and how many there may be. */
export interface Tries {
  /** Tries made, the failed one included, free ones not. */
  readonly done: number
  readonly max: number
  readonly on: ReadonlySet<RetryOn>
  readonly elapsedMs: number
  /** No further try after this long; 0 = no limit. */
  readonly timeoutMs: number
  /** The one try for a dead idle connection has been used up. */
  readonly freeUsed?: boolean
}

/** `again` is the free try: a fresh connection, any server (the same one too), and it does not count. */
export type Verdict = 'next' | 'again' | 'give-up'

/** RFC 9110 §9.2.2, with the safe methods of RFC 4918, 5323, 3253 and the QUERY method. */
const IDEMPOTENT = new Set([
  'GET',
  'HEAD',
  'OPTIONS',
  'TRACE',
  'PUT',
  'DELETE',
  'PROPFIND',
  'SEARCH',
  'REPORT',
  'QUERY'
])

const STATUS_KIND: Partial<Record<number, RetryOn>> = {
  403: 'http_403',
  404: 'http_404',
  429: 'http_429',
  500: 'http_500',
  502: 'http_502',
  503: 'http_503',
  504: 'http_504'
}

/** Whether the method may be repeated without repeating its effect. */
export function isIdempotent(method: string): boolean {
  return IDEMPOTENT.has(method)
}

/** Whether the try ended in what `retry.on` could list. */
export function isFailure(ended: Failure): boolean {
  return kindOf(ended) !== undefined
}

/** What follows a failed try. */
export function nextUpstream(failure: Failure, request: Repeatable, tries: Tries): Verdict {
  const kind = kindOf(failure)
  if (kind === undefined || !mayRepeat(failure, request, tries)) return 'give-up'
  if (tries.timeoutMs > 0 && tries.elapsedMs >= tries.timeoutMs) return 'give-up'
  if (isStaleConnection(failure) && tries.freeUsed !== true) return 'again'
  return tries.done < tries.max && tries.on.has(kind) ? 'next' : 'give-up'
}

/** Whether the try counts as a failure of the server. A client that left, and our own limits, never do. */
export function blames(failure: Failure, on: ReadonlySet<RetryOn>): boolean {
  const kind = kindOf(failure)
  if (kind === undefined || isStaleConnection(failure)) return false
  if (kind === 'error' || kind === 'invalid_header') return true
  return on.has(kind) && failure.status !== 403 && failure.status !== 404
}

/** Whether sending the request again may give the servers work that one of them has begun. */
export function repeatsWork({ error }: Failure): boolean {
  return error?.requestSent !== false
}

/** What RFC 5861 §4 calls an error; 501 and 505 are the client's doing. */
const SERVER_ERRORS: ReadonlySet<number> = new Set([500, 502, 503, 504])

/** How a request ended, for the breaker; undefined when that says nothing about the upstream. */
export function failsRequest({ error, status }: Failure): 'ok' | 'failed' | undefined {
  if (error === undefined) return status !== undefined && SERVER_ERRORS.has(status) ? 'failed' : 'ok'
  return errorRow(error.code).fault === 'upstream' ? 'failed' : undefined
}

function kindOf({ error, status }: Failure): RetryOn | undefined {
  if (error === undefined) return status === undefined ? undefined : STATUS_KIND[status]
  switch (error.code) {
    case 'SLUICE_CONNECT_FAILED':
    case 'SLUICE_DNS':
    case 'SLUICE_TLS':
    case 'SLUICE_RESET':
    case 'SLUICE_INCOMPLETE_RESPONSE':
      return 'error'
    case 'SLUICE_BAD_RESPONSE':
      return 'invalid_header'
    case 'SLUICE_CONNECT_TIMEOUT':
      // A server that does not even take the connection is as unreachable as one that refuses it.
      return 'error'
    case 'SLUICE_SEND_TIMEOUT':
    case 'SLUICE_READ_TIMEOUT':
    case 'SLUICE_TRY_TIMEOUT':
      return 'timeout'
    default:
      return undefined
  }
}

function mayRepeat({ error }: Failure, request: Repeatable, tries: Tries): boolean {
  const { method, replayable, untouched } = request
  if (error?.requestSent === false) return replayable || untouched
  return replayable && (isIdempotent(method) || tries.on.has('non_idempotent'))
}

/** The server closed an idle connection as we took it: no failure, the normal end of a keep-alive. */
function isStaleConnection({ error }: Failure): boolean {
  return error?.code === 'SLUICE_RESET' && error.reused === true
}
