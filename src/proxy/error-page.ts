// Answers that are errors of the edge: the route's own page, or a short body that names no server (nginx: error_page).
import { readFileSync } from 'node:fs'
import { STATUS_CODES } from 'node:http'
import { extname, resolve } from 'node:path'
import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { errorRow, isSluiceError, optionError, type SluiceError, sluiceError } from '../errors'
import { countAnswer } from './count'
import type { RequestExchange } from './exchange'
import { endWithAnswer } from './linger'
import type { ErrorPage } from './options'

type Page =
  | { readonly kind: 'file'; readonly type: string; readonly content: Buffer }
  | { readonly kind: 'function'; readonly answer: Exclude<ErrorPage, string> }

/** The pages of a route by status. */
export interface ErrorPages {
  pageFor(status: number): Page | undefined
  /** Whether the upstream's own answer of this status is replaced as well. */
  intercepts(status: number): boolean
}

const JSON_TYPE = 'application/json; charset=utf-8'

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.htm': 'text/html; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
  '.xml': 'application/xml',
  '.svg': 'image/svg+xml'
}

/** Reads the files once, at start; a missing one is an option error. */
export function readErrorPages(
  pages: Readonly<Record<string, ErrorPage>>,
  intercept: readonly (number | string)[],
  path: string
): ErrorPages {
  const table = new Map(
    Object.entries(pages).map(([status, page]) => [status, readPage(page, `${path}[${status}]`)])
  )
  const intercepted = new Set(intercept.map(String))
  const classOf = (status: number): string => `${Math.floor(status / 100)}xx`
  const pageFor = (status: number): Page | undefined =>
    table.get(String(status)) ?? table.get(classOf(status))
  return {
    pageFor,
    intercepts: (status) =>
      (intercepted.has(String(status)) || intercepted.has(classOf(status))) && pageFor(status) !== undefined
  }
}

function readPage(page: ErrorPage, path: string): Page {
  if (typeof page === 'function') return { kind: 'function', answer: page }
  try {
    return {
      kind: 'file',
      type: TYPES[extname(page)] ?? 'text/plain; charset=utf-8',
      content: readFileSync(resolve(page))
    }
  } catch (error) {
    throw optionError(path, `cannot read ${page} (${(error as NodeJS.ErrnoException).code})`)
  }
}

/** Ends the exchange with an error: an answer while there is none yet, a broken connection after. */
export function answerError(exchange: RequestExchange, cause: unknown): void {
  const error = isSluiceError(cause) ? cause : sluiceError('SLUICE_INTERNAL', { cause })
  const { reply, settings } = exchange
  exchange.error ??= error
  exchange.takeBack()
  if (reply.sent || reply.raw.headersSent || reply.raw.destroyed || error.code === 'SLUICE_CLIENT_CLOSED') {
    reply.raw.destroy()
    return
  }
  if (error.statusCode === 503 && !reply.hasHeader('retry-after'))
    reply.header('retry-after', String(error.retryAfterSeconds ?? 1))
  answerStatus(exchange, error.statusCode, error, settings.errorPages?.pageFor(error.statusCode))
}

/**
 * The error handler of our routes. What is ours, a body that broke before its head was out among it, is answered as any error
 * of the edge; what a hook of the app threw goes on to the app's own handler.
 */
export function onRouteError(error: Error, { sluice }: FastifyRequest): void {
  const exchange = sluice as RequestExchange | null
  if (exchange === null) throw error
  exchange.noteFailure(error)
  const { response } = exchange
  const broken = response?.body instanceof Readable && response.body.errored === error
  if (!broken && !isSluiceError(error)) {
    exchange.takeBack()
    countAnswer(exchange)
    throw error
  }
  answerError(exchange, broken ? exchange.error : error)
}

/** Answers with a status of the edge, or with the page that stands for the upstream's. */
export function answerStatus(
  exchange: RequestExchange,
  status: number,
  error: SluiceError | undefined,
  page?: Page
): void {
  const { reply, request } = exchange
  exchange.answered = true
  endWithAnswer(request, reply)
  reply.code(status).header('cache-control', 'no-store')
  countAnswer(exchange)
  if (page === undefined) sendPlain(reply, status, error)
  else if (page.kind === 'file') reply.type(page.type).send(page.content)
  else sendAnswer({ request, reply, error, status }, page.answer)
}

function sendPlain(reply: FastifyReply, status: number, error: SluiceError | undefined): void {
  const body = {
    statusCode: status,
    code: error?.code,
    error: STATUS_CODES[status],
    message: error === undefined ? STATUS_CODES[status] : errorRow(error.code).message
  }
  reply.type(JSON_TYPE).send(JSON.stringify(body))
}

/** The user's function may answer itself, return a body or the reply, or fail, which ends in the plain body. */
function sendAnswer(
  facts: { request: FastifyRequest; reply: FastifyReply; error: SluiceError | undefined; status: number },
  answer: Exclude<ErrorPage, string>
): void {
  const { request, reply, error, status } = facts
  new Promise((resolve) => resolve(answer(request, reply, error)))
    .then((body) => {
      if (reply.sent || body === reply) return
      if (body === undefined) throw new Error('it neither answered nor returned a body')
      sendContent(reply, body)
    })
    .catch((cause) => {
      request.log.error({ err: cause }, 'errorPages: the function failed')
      if (!reply.sent) sendPlain(reply.code(status), status, error)
    })
}

/** Anything but text, bytes and streams is JSON; made here, so that what has no JSON is a failure of the function. */
function sendContent(reply: FastifyReply, body: unknown): void {
  const ready = typeof body === 'string' || Buffer.isBuffer(body) || body instanceof Readable
  const content = ready ? body : JSON.stringify(body)
  if (!ready && !reply.hasHeader('content-type')) reply.type(JSON_TYPE)
  reply.send(content)
}
