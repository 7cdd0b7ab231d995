// Our own client behind @fastify/reply-from: the object that reply.from calls instead of undici (DESIGN §5.1).
import type { FastifyReplyFromHooks } from '@fastify/reply-from'
import { discard } from '../http/discard'
import type { UpstreamResponse } from '../http/message'
import { answerError, answerStatus } from './error-page'
import type { RequestExchange } from './exchange'
import type { UpstreamRef } from './route'
import { send } from './send'

/** The work of one exchange, started by reply.from. */
export interface Work {
  readonly exchange: RequestExchange
  readonly upstream: UpstreamRef
  run(): Promise<UpstreamResponse>
}

const kWork = Symbol('sluice.work')

interface Carrier {
  [kWork]: Work
}

type Callback = (error: Error | null, result: { statusCode: number; headers: object; body: unknown }) => void

/**
 * Given to reply-from as `undici`. It calls back once and never in the tick of `request`: in that tick reply-from adds
 * `Connection: close`. Failures are answered here: reply-from would log a line of its own.
 */
export const requestable = {
  request({ headers }: { headers: Carrier }, callback: Callback): void {
    const { exchange, run } = headers[kWork]
    run()
      .then((response) => relay(exchange, response, callback))
      .catch((error) => answerError(exchange, error))
  },
  close(): void {},
  destroy(): void {}
}

/** reply-from destroys the body of an answer whose client has gone. */
function relay(exchange: RequestExchange, response: UpstreamResponse, callback: Callback): void {
  exchange.response = response
  const body = response.body !== null && 'destroy' in response.body ? response.body : { destroy() {} }
  callback(null, { statusCode: response.status, headers: {}, body })
}

/** The options of every reply.from call. The symbol survives because reply-from copies with Object.assign; a contract test pins it. */
export const fromOptions = {
  body: null,
  retryDelay: () => null,
  rewriteRequestHeaders: (request: { sluiceWork: Work | null }) => ({ [kWork]: request.sluiceWork }),
  onResponse: (request: { sluiceWork: Work | null }) => {
    const { exchange, upstream } = request.sluiceWork as Work
    const response = exchange.response as UpstreamResponse
    const { errorPages } = exchange.settings
    if (errorPages?.intercepts(response.status)) {
      discard(response.body)
      answerStatus(exchange, response.status, undefined, errorPages.pageFor(response.status))
    } else {
      send(exchange, response, upstream)
    }
  }
} as unknown as FastifyReplyFromHooks
