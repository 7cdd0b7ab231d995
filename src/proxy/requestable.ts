// Our own client behind @fastify/reply-from: the object that reply.from calls instead of undici.
import type { FastifyReplyFromHooks, FastifyReplyFromOptions } from '@fastify/reply-from'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sluiceError } from '../errors'
import type { UpstreamResponse } from '../http/message'
import { answer } from './answer'
import { answerError } from './error-page'
import type { RequestExchange } from './exchange'
import { send } from './send'

const kExchange = Symbol('sluice.exchange')

interface Call {
  readonly headers: { readonly [kExchange]: RequestExchange }
}

type Callback = (error: null, result: { statusCode: number; headers: object; body: object }) => void

/**
 * Given to reply-from as `undici`. It calls back once and never in the tick of `request`: in that tick reply-from adds
 * `Connection: close`. Failures are answered here: reply-from would log a line of its own.
 */
const requestable = {
  request({ headers }: Call, callback: Callback): void {
    const exchange = headers[kExchange]
    answer(exchange)
      .then((response) => giveBack(exchange, response, callback))
      .catch((error) => answerError(exchange, error))
  },
  close(): void {},
  destroy(): void {}
}

/** reply-from destroys the body of an answer whose client has gone; the rest of the answer goes round it. */
function giveBack(exchange: RequestExchange, response: UpstreamResponse, callback: Callback): void {
  exchange.response = response
  const body = response.body === null || Buffer.isBuffer(response.body) ? NO_STREAM : response.body
  callback(null, { statusCode: response.status, headers: {}, body })
}

const NO_STREAM = { destroy(): void {} }

/** What reply-from is registered with. `base` is never dialled. */
export const replyFromOptions = {
  base: 'http://sluice.invalid',
  undici: requestable,
  disableRequestLogging: true
} as unknown as FastifyReplyFromOptions

/** The options of every reply.from call. The symbol survives because reply-from copies with Object.assign. */
export const fromOptions = {
  body: null,
  retryDelay: () => null,
  rewriteRequestHeaders: ({ sluice }: FastifyRequest) => ({ [kExchange]: sluice }),
  onResponse: ({ sluice, raw }: FastifyRequest, reply: FastifyReply) => {
    const exchange = sluice as RequestExchange
    // reply-from says close behind content that is not read whole: HTTP/2 knows no such field.
    if (raw.httpVersionMajor >= 2) reply.removeHeader('connection')
    send(exchange, exchange.response as UpstreamResponse)
  }
} as unknown as FastifyReplyFromHooks

/** The versions whose way of handing requests on is known. */
export const REPLY_FROM_RANGE = '~12.6.5'

let checked = false

/** Start-up self-test, once per process: a reply-from that dropped our symbol would answer nothing. `plugin` is its module. */
export function checkReplyFrom(plugin: unknown): void {
  if (checked) return
  if (!handsOver(plugin as Register)) {
    const { version } = require('@fastify/reply-from/package.json') as { version: string }
    throw sluiceError('SLUICE_OPTIONS', {
      detail: `@fastify/reply-from ${version} does not hand requests on to fastify-sluice, which needs ${REPLY_FROM_RANGE}`
    })
  }
  checked = true
}

type Register = (instance: object, options: object, done: () => void) => void
type From = (this: object, source: string, options: object) => void

function handsOver(register: Register): boolean {
  const sluice = {}
  let from: From = () => {}
  let received: unknown
  const request = ({ headers }: Call): void => {
    received = headers[kExchange]
  }
  const decorateReply = (_name: string, decoration: From): void => {
    from = decoration
  }
  const raw = { method: 'GET', url: '/', headers: {}, httpVersionMajor: 1 }
  try {
    const instance = { decorateReply, addHook() {}, onClose() {} }
    register(instance, { ...replyFromOptions, undici: { ...requestable, request } }, () => {})
    from.call({ request: { raw, sluice } }, '/', fromOptions)
  } catch {
    return false
  }
  return received === sluice
}
