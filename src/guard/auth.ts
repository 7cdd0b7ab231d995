// Asks another service whether a request may pass (nginx auth_request).
import type { Readable } from 'node:stream'
import { type FailureFacts, isSluiceError, type SluiceError, sluiceError } from '../errors'
import { Abort } from '../http/abort'
import { CONDITIONAL } from '../http/conditional'
import { dropNamed } from '../http/forwarded'
import type { Body, Fields, UpstreamRequest, UpstreamResponse, Wish } from '../http/message'
import type { ResolvedAuthRequest } from './options'

/** The request that wants to pass. */
export interface AuthSubject {
  readonly method: string
  /** The request target as received. */
  readonly target: string
  /** End-to-end fields as they would go upstream, forwarded fields set and client copies of `copyFields` dropped. */
  readonly fields: Fields
  readonly wish?: Wish | undefined
}

/** `copied` goes onto the upstream request; `response` goes to the client as it is. */
export type AuthVerdict =
  | { readonly verdict: 'pass'; readonly copied: Fields }
  | { readonly verdict: 'relay'; readonly response: UpstreamResponse }
  | { readonly verdict: 'error'; readonly error: Error }

/** Sends the question; the promise rejects with `abort.reason` once that is set. */
export type SendAuth = (
  request: UpstreamRequest,
  abort: Abort,
  wish: Wish | undefined
) => Promise<UpstreamResponse>

/** Asks about one request; never rejects. `client` is the life line of the exchange. */
export type Auth = (subject: AuthSubject, client: Abort) => Promise<AuthVerdict>

/** Content of a 2xx answer that is read so that its connection can be used again; beyond it the connection is closed. */
const DRAIN_BYTES = 64 * 1024

/**
 * Fields about the content, which the question has not, and those that could turn its answer into a 206, 304 or 412 that
 * says nothing about access.
 */
const NOT_ASKED = new Set([
  ...CONDITIONAL,
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-md5',
  'content-range',
  'content-type',
  'digest',
  'content-digest',
  'repr-digest',
  'expect',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'x-original-method',
  'x-original-uri'
])

/** Makes the guard; `send` knows how to reach the upstream of the options. */
export function createAuth(options: ResolvedAuthRequest, send: SendAuth): Auth {
  return async (subject, client) => {
    const question = new Abort()
    const timer = setTimeout(() => question.abort(timedOut(options)), options.timeoutMs)
    client.listen((reason) => question.abort(reason))
    try {
      if (question.reason !== undefined) throw question.reason
      return judge(await send(buildQuestion(options.path, subject), question, subject.wish), options)
    } catch (cause) {
      return { verdict: 'error', error: client.reason ?? unavailable(options, cause) }
    } finally {
      clearTimeout(timer)
      // The next phase of the exchange listens from here on.
      client.listen(undefined)
    }
  }
}

function buildQuestion(path: string, { method, target, fields }: AuthSubject): UpstreamRequest {
  const asked = { ...fields }
  dropNamed(asked, NOT_ASKED)
  asked['x-original-uri'] = target
  asked['x-original-method'] = method
  return { method: 'GET', path, fields: asked, body: null }
}

function judge(response: UpstreamResponse, { copyFields, timeoutMs }: ResolvedAuthRequest): AuthVerdict {
  if (response.status < 200 || response.status > 299) return { verdict: 'relay', response }
  discard(response.body, timeoutMs)
  const copied: Fields = {}
  for (const name of copyFields) {
    const value = response.fields[name]
    if (value !== undefined) copied[name] = value
  }
  return { verdict: 'pass', copied }
}

/** Nobody waits for this: the verdict is known. Content without end must not hold a connection for each request. */
function discard(body: Body, timeoutMs: number): void {
  if (body === null || Buffer.isBuffer(body)) return
  const stream: Readable = body
  let seen = 0
  const timer = setTimeout(() => stream.destroy(), timeoutMs).unref()
  stream.on('error', () => undefined)
  stream.on('close', () => clearTimeout(timer))
  stream.on('data', (chunk: Buffer) => {
    seen += chunk.length
    if (seen > DRAIN_BYTES) stream.destroy()
  })
}

function timedOut({ upstream, timeoutMs }: ResolvedAuthRequest): Error {
  return sluiceError('SLUICE_READ_TIMEOUT', {
    detail: `authRequest: upstream ${upstream} gave no answer in ${timeoutMs} ms`
  })
}

/** The facts of the failure move up, so that one log line names the server. */
function unavailable({ upstream, onError }: ResolvedAuthRequest, cause: unknown): SluiceError {
  const facts = isSluiceError(cause) ? pickFacts(cause) : {}
  const detail = `authRequest: upstream ${upstream} could not be asked`
  const error = sluiceError('SLUICE_AUTH_UNAVAILABLE', { ...facts, cause, detail })
  return Object.assign(error, { statusCode: onError })
}

function pickFacts({ server, phase, errno }: SluiceError): FailureFacts {
  return {
    ...(server !== undefined && { server }),
    ...(phase !== undefined && { phase }),
    ...(errno !== undefined && { errno })
  }
}
