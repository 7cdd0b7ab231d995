// The only writer: the head with what earlier hooks set on it, a small body whole, any other with back-pressure.
import type { Http2ServerResponse } from 'node:http2'
import { constants } from 'node:http2'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isSluiceError, type SluiceError, sluiceError } from '../errors'
import { type Closable, hasClosed } from '../http/closable'
import { discard } from '../http/discard'
import type { Fields, UpstreamResponse } from '../http/message'
import type { SentContent } from './altered'
import { setStickyCookie } from './balance'
import { type Buffering, flowsAtOnce } from './buffering'
import { countPiped } from './count'
import { answerStatus } from './error-page'
import type { RequestExchange } from './exchange'
import { endWithAnswer } from './linger'
import { fieldsNow, layFields, NO_FIELDS } from './reply-fields'
import { type CookieRewrite, publicLocation } from './response'
import { appendField } from './response-rules'
import type { UpstreamRef } from './route'

/** Sends the answer of the route's upstream or cache, or the page that stands for its status (nginx: proxy_intercept_errors). */
export function send(exchange: RequestExchange, response: UpstreamResponse): void {
  const { errorPages } = exchange.settings
  if (errorPages?.intercepts(response.status)) {
    discard(response.body)
    answerStatus(exchange, response.status, undefined, errorPages.pageFor(response.status))
  } else {
    sendWhole(exchange, response, exchange.to as UpstreamRef)
  }
}

/** Sends a response as it is through Fastify: the app's onSend hooks run. */
export function sendWhole(exchange: RequestExchange, response: UpstreamResponse, from: UpstreamRef): void {
  const { reply } = exchange
  exchange.response = response
  if (reply.sent || hasClosed(reply.raw as Closable)) {
    discard(response.body)
    return
  }
  exchange.answered = true
  endWithAnswer(exchange.request, reply)
  reply.code(response.status)
  setFields(exchange, response.fields, from)
  sendBody(exchange, response)
}

/** Fields that hooks of the app have set win over the upstream's; Set-Cookie and Vary add up. */
function setFields(exchange: RequestExchange, fields: Fields, from: UpstreamRef): void {
  const { reply, settings } = exchange
  const before = fieldsNow(reply)
  exchange.fieldsBefore = before
  const shown = publicFields(exchange, settings.headers.shown(fields), from)
  if (before === NO_FIELDS) layFields(reply, shown)
  else for (const name in shown) setField(exchange, name, shown[name] as string | string[])
  setCacheFields(exchange)
  setStickyCookie(exchange, fields)
}

/** Redirects and cookies brought to the public side. Fastify adds to a list of cookies that it is given. */
function publicFields({ settings, target }: RequestExchange, fields: Fields, from: UpstreamRef): Fields {
  const { location, 'set-cookie': cookies } = fields
  if (location === undefined && cookies === undefined) return fields
  const shown = { ...fields }
  if (typeof location === 'string' && settings.rewriteLocation) {
    shown.location = publicLocation(location, {
      upstream: from,
      path: target.path,
      rewrite: settings.rewrite
    })
  }
  if (cookies !== undefined) shown['set-cookie'] = publicCookies(cookies, settings.cookies)
  return shown
}

function publicCookies(cookies: string | string[], rewrite: CookieRewrite | null): string | string[] {
  if (rewrite !== null) return [cookies].flat().map(rewrite)
  return typeof cookies === 'string' ? cookies : [...cookies]
}

function setField(exchange: RequestExchange, name: string, value: string | string[]): void {
  if (exchange.fieldsBefore?.[name] === undefined) exchange.reply.header(name, value)
  else merge(exchange, name, value)
}

/** The reply has the field already. */
function merge({ reply, settings }: RequestExchange, name: string, value: string | string[]): void {
  if (name === 'set-cookie' || name === 'vary') appendField(reply, name, value)
  else if (isSecurityDefault(settings.security, name, reply.getHeader(name))) reply.header(name, value)
}

/** The security fields are set where the answer has none: the upstream's own value replaces what we set in advance. */
function isSecurityDefault(
  security: RequestExchange['settings']['security'],
  name: string,
  value: unknown
): boolean {
  if (security === null) return false
  return (
    security.always.some(([own, text]) => own === name && text === value) ||
    security.tlsOnly.some(([own, text]) => own === name && text === value)
  )
}

function setCacheFields({ outcome, settings, reply }: RequestExchange): void {
  if (outcome === undefined || settings.cache === null) return
  const { statusHeader } = settings.cache.policy
  if (statusHeader !== false) reply.header(statusHeader, outcome.word)
  appendField(reply, 'cache-status', outcome.cacheStatus)
}

/** An answer on its way out, with what the writer has to say of it. */
export interface Outgoing {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  bytesOut: number
  /** What was given to Fastify: a hook of the app may send something else in its place. */
  sent: SentContent | undefined
  error: SluiceError | undefined
  readonly buffering: Pick<Buffering, 'on'>
}

/** Writes the content behind a head that is set on the reply. */
export function sendBody(exchange: Outgoing, response: UpstreamResponse): void {
  const { reply, request } = exchange
  const { body, status } = response
  if (body === null || request.method === 'HEAD' || status === 204 || status === 304) {
    discard(body)
    if (status === 204) reply.removeHeader('content-length')
    reply.send()
  } else if (Buffer.isBuffer(body)) {
    sendBuffer(exchange, body)
  } else {
    sendStream(exchange, response, body)
  }
}

/** What may wait whole on a stream of HTTP/2: past 10 MB in all, Node refuses further streams of the session (maxSessionMemory). */
const PIECE_BYTES = 64 * 1024

/** Fastify would call a Buffer without a type application/octet-stream, so that one takes the stream path. */
function sendBuffer(exchange: Outgoing, body: Buffer): void {
  const { reply, request } = exchange
  const isWhole = request.raw.httpVersionMajor < 2 || body.length <= PIECE_BYTES
  exchange.sent = body
  if (body.length === 0) {
    reply.send()
  } else if (isWhole && reply.hasHeader('content-type')) {
    exchange.bytesOut += body.length
    reply.send(body)
  } else {
    const stream = Readable.from(piecesOf(body), { objectMode: false })
    countPiped(exchange)
    exchange.sent = stream
    reply.header('content-length', body.length).send(stream)
  }
}

function* piecesOf(body: Buffer): Generator<Buffer> {
  for (let at = 0; at < body.length; at += PIECE_BYTES) yield body.subarray(at, at + PIECE_BYTES)
}

function sendStream(exchange: Outgoing, response: UpstreamResponse, body: Readable): void {
  const { reply, request } = exchange
  const raw = reply.raw
  body.on('error', (error) => breakOff(exchange, error))
  body.once('end', () => {
    const mayTrail =
      request.raw.httpVersion !== '1.0' &&
      (request.raw.httpVersionMajor > 1 || !reply.hasHeader('content-length'))
    if (response.trailers !== undefined && mayTrail) raw.addTrailers(response.trailers as never)
  })
  countPiped(exchange)
  exchange.sent = body
  if (flowsAtOnce(exchange.buffering, response.fields)) raw.once('pipe', () => setImmediate(flushHead, raw))
  reply.send(body)
}

/**
 * Node holds the head back until there is content. For most that is right, as in nginx: content that never comes can still be
 * answered with an error. Events may take their time, and their head goes with what is there by now, or alone.
 */
function flushHead(raw: FastifyReply['raw']): void {
  if (!raw.headersSent && !raw.destroyed) raw.flushHeaders()
}

/** After the head a failure must be visible to the client: no last chunk on HTTP/1, a reset on HTTP/2. */
function breakOff(exchange: Outgoing, error: Error): void {
  exchange.error ??= isSluiceError(error)
    ? error
    : sluiceError('SLUICE_INCOMPLETE_RESPONSE', { cause: error, phase: 'body' })
  const { raw, request } = exchange.reply
  if (request.raw.httpVersionMajor < 2 || !raw.headersSent) return
  const { stream } = raw as unknown as Http2ServerResponse
  if (!stream.destroyed) stream.close(constants.NGHTTP2_INTERNAL_ERROR)
}
