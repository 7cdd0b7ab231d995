// `reply.sluice`: an own handler hands its request on, once the app has checked what it must. From there on it is a route like any other.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sluiceError } from '../errors'
import { alteredHook } from './altered'
import { answer } from './answer'
import { type Logging, openExchange, refuse } from './begin'
import { answerError, onRouteError } from './error-page'
import { RequestExchange } from './exchange'
import { toEdge } from './handler'
import { lengthOf, parsedContent } from './own-content'
import { evaluateRules, responseRulesHook } from './response-rules'
import type { Route } from './route'
import { contextOf, contextWith, handlerBefore, perContext, type SendHook, setContext } from './route-context'
import { send } from './send'
import { wholeHook } from './whole'

/** Forwards the reply's request by the rules of the route. Returns the reply, for handlers that are async. */
export function forwardReply(
  reply: FastifyReply,
  route: Route,
  isLogDisabled: Logging['isLogDisabled']
): FastifyReply {
  const { request } = reply
  if (request.sluice) takeOver(request)
  setContext(request, forwardContext(contextOf(request)))
  const { exchange, problem } = openExchange(
    route,
    { request, reply },
    { log: reply.server.log, isLogDisabled }
  )
  if (problem !== undefined) refuse(exchange, problem)
  else start(exchange)
  return reply
}

/** From a route of ours that has left the request to the app's 404; the answer is none of its own any more. */
function takeOver({ sluice }: FastifyRequest): void {
  const isOurs = sluice instanceof RequestExchange
  if (isOurs && sluice.passedOn) {
    sluice.settings.sendTimeout?.forget(sluice)
    return
  }
  const detail = isOurs
    ? 'reply.sluice: this request is being forwarded already'
    : 'reply.sluice: not in a handler of app.sluice.cached; it has a `cache` option of its own'
  throw sluiceError('SLUICE_INTERNAL', { detail })
}

function start(exchange: RequestExchange): void {
  try {
    const content = parsedContent(exchange.request)
    if (content !== undefined) {
      exchange.content = content
      exchange.bytesIn = lengthOf(content.body)
    }
    evaluateRules(exchange)
    toEdge(exchange, onward)
  } catch (error) {
    answerError(exchange, error)
  }
}

function onward(exchange: RequestExchange): void {
  answer(exchange)
    .then((response) => send(exchange, response))
    .catch((error) => answerError(exchange, error))
}

const forwardContext = perContext((context) =>
  contextWith(context, {
    errorHandler: handlerBefore(context.errorHandler, onForwardError),
    onSend: [ourAnswersOnly, ...(context.onSend ?? []), keepLength, alteredHook, applyRules, wholeHook]
  })
)

/** A handler that is async and returns nothing has Fastify send nothing, at once: that is not the answer. */
const ourAnswersOnly: SendHook = ({ sluice, log }, _reply, payload, next) => {
  if ((sluice as RequestExchange).answered) next(null, payload)
  else if (payload !== undefined) log.warn('reply.sluice: the handler has answered as well; that is dropped')
}

/** Fastify's own HEAD routes call no content `content-length: 0`. */
const keepLength: SendHook = ({ method, sluice }, reply, payload, next) => {
  const { response, error } = sluice as RequestExchange
  if (method === 'HEAD' && response !== undefined && error === undefined) {
    const length = response.fields['content-length']
    if (length === undefined) reply.removeHeader('content-length')
    else reply.header('content-length', length)
  }
  next(null, payload)
}

/** The context is shared by all that its route's handler forwards to. */
const applyRules: SendHook = (request, reply, payload, next) =>
  responseRulesHook((request.sluice as RequestExchange).settings)(request, reply, payload, next)

/** What the handler throws once it has handed its request on comes too late to be the answer. */
function onForwardError(error: Error, request: FastifyRequest): void {
  if ((request.sluice as RequestExchange).answered) onRouteError(error, request)
  else request.log.error({ err: error }, 'reply.sluice: the handler failed after it had forwarded')
}
