// The guards, in nginx's order: access → rate limit → concurrency → auth. A cached answer and a file pay them too.
import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import { isSluiceError, type SluiceErrorCode, sluiceError } from '../errors'
import { limitConcurrency } from '../guard/concurrency'
import { clientAddress, isPrivate } from '../http/address'
import { limitRequest } from '../rate-limit/hook'
import { upstreamRequest } from './answer'
import { wishOf } from './balance'
import { diagnoseBucket } from './diagnosis'
import { answerError } from './error-page'
import type { RequestExchange } from './exchange'
import type { Route } from './route'
import { sendWhole } from './send'

/** The route's second onRequest hook. A route without guards pays nothing. */
export function limitHook(route: Route, log: FastifyBaseLogger) {
  const { access, rateLimits, concurrency, auth } = route.guards
  if (access === null && rateLimits === null && concurrency === null && auth === null) {
    return (request: FastifyRequest, _reply: FastifyReply, next: () => void): void => {
      admit(request.sluice as RequestExchange, next)
    }
  }
  const noteRefusal = oneBucketWarning(route, log)
  return (request: FastifyRequest, _reply: FastifyReply, next: () => void): void => {
    const exchange = request.sluice as RequestExchange
    limit(exchange).then(
      (passed) => {
        if (passed) admit(exchange, next)
      },
      (error) => {
        noteRefusal(exchange, error)
        answerError(exchange, error)
      }
    )
  }
}

/**
 * A refusal that came about because a proxy in front is taken for the client: all its clients share one bucket. Said once per
 * route, for they are all refused from then on.
 */
function oneBucketWarning({ guards, name, optionPrefix }: Route, log: FastifyBaseLogger) {
  let said = false
  return ({ ip, request }: RequestExchange, error: unknown): void => {
    const limit = isSluiceError(error) ? LIMITS.get(error.code) : undefined
    if (said || !guards.byAddress || limit === undefined) return
    const { remoteAddress } = request.raw.socket
    const behindProxy = request.headers['x-forwarded-for'] !== undefined && isPrivate(remoteAddress)
    if (!behindProxy || ip !== remoteAddress) return
    said = true
    const peer = clientAddress(ip, remoteAddress)
    const facts = { route: name, peer, ...diagnoseBucket(peer) }
    log.warn(facts, `${optionPrefix}${limit}: a proxy in front is refused as if it were one client`)
  }
}

const LIMITS = new Map<SluiceErrorCode, string>([
  ['SLUICE_RATE_LIMITED', 'rateLimit'],
  ['SLUICE_CONCURRENCY', 'concurrency']
])

function admit(exchange: RequestExchange, next: () => void): void {
  exchange.admitted = true
  next()
}

/** False when the request has been answered already (by the auth server); refusals are thrown. */
async function limit(exchange: RequestExchange): Promise<boolean> {
  const { request, reply, settings } = exchange
  const { access, rateLimits, concurrency, auth } = settings.guards
  const address = clientAddress(exchange.ip, request.raw.socket.remoteAddress)
  if (access !== null && access(address) === 'deny')
    throw sluiceError('SLUICE_FORBIDDEN', { detail: `access: ${address}` })
  if (rateLimits !== null) await limitRequest(rateLimits, address, { request, reply })
  if (concurrency !== null) limitConcurrency(concurrency, address, { request, reply })
  return auth === null ? true : authorize(exchange)
}

async function authorize(exchange: RequestExchange): Promise<boolean> {
  const { request, settings, abort } = exchange
  const { auth } = settings.guards
  if (auth === null) return true
  const { fields } = upstreamRequest(exchange, auth.upstream, null)
  const wish = wishOf(exchange, auth.upstream)
  const subject = { method: request.method, target: request.raw.url ?? '/', fields, wish }
  const answer = await auth.ask(subject, abort)
  if (answer.verdict === 'error') throw answer.error
  if (answer.verdict === 'relay') {
    sendWhole(exchange, answer.response, auth.upstream)
    return false
  }
  exchange.authFields = answer.copied
  return true
}
