// Answers with a found file: conditions and ranges (RFC 9110 §13, §14) are decided here, @fastify/static sends the bytes.
import { basename, dirname } from 'node:path'
import type { SendOptions } from '@fastify/static'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { evaluate, rangeApplies } from '../http/conditional'
import { formatHttpDate } from '../http/date'
import type { Fields } from '../http/message'
import { contentRange, parseRange, unsatisfiedRange } from '../http/range'
import { expiresAt, type Lifetime } from './cache-control'
import { assertUnchanged, endWithReply, watchStream } from './file-stream'
import type { Found } from './lookup'

/** What is sent, and for how long it may be kept. */
export interface Sending {
  readonly file: Found
  readonly lifetime: Lifetime | undefined
  /** Another Accept-Encoding could have been given another file. */
  readonly negotiated: boolean
  readonly now: number
}

interface Span {
  readonly start: number
  readonly end: number
}

type Answer = { readonly status: 200 | 304 | 412 | 416 } | { readonly status: 206; readonly span: Span }

/** Starts the answer; the caller returns the reply to Fastify. */
export function sendFile(request: FastifyRequest, reply: FastifyReply, sending: Sending): void {
  const { file, now } = sending
  // A time in the future would make every later condition false (RFC 9110 §8.8.2.1).
  const lastModified = formatHttpDate(Math.min(file.mtimeMs, now))
  const answer = decide(request, file, { lastModified, now })
  reply.code(answer.status)
  if (sending.negotiated) addVary(reply, 'Accept-Encoding')
  // An error must not be kept as long as the file, nor pass for it.
  if (answer.status === 412) return void reply.send()
  if (answer.status === 416) return void reply.header('content-range', unsatisfiedRange(file.size)).send()
  const before = reply.getHeader('cache-control')
  reply.headers({ etag: file.etag, 'last-modified': lastModified, ...lifetimeFields(sending) })
  if (answer.status === 304) return void reply.send()
  reply.headers({ 'content-type': file.type, 'accept-ranges': 'bytes' })
  if (file.coding !== undefined) reply.header('content-encoding', file.coding)
  if (request.method === 'HEAD' || file.size === 0) {
    return void reply.header('content-length', file.size).send()
  }
  sendContent(request, reply, { file, answer, takeBack: () => takeBack(reply, before) })
}

/** Several ranges, which nginx sends as multipart, get the whole file: RFC 9110 §14.2 leaves it open, and no browser asks. */
function decide(request: FastifyRequest, file: Found, at: { lastModified: string; now: number }): Answer {
  const fields = request.headers as Fields
  const validators = { etag: file.etag, lastModified: at.lastModified }
  const verdict = evaluate({ method: request.method, fields }, { status: 200, ...validators }, at.now)
  if (verdict !== 'proceed') return { status: verdict === 'not-modified' ? 304 : 412 }
  const ranged = request.method === 'GET' && request.headers.range !== undefined
  if (!ranged || !rangeApplies(fields, validators, at.now)) return { status: 200 }
  const range = parseRange(request.headers.range, file.size)
  if (range.kind === 'unsatisfiable') return { status: 416 }
  const span = range.kind === 'spans' && range.spans.length === 1 ? range.spans[0] : undefined
  return span === undefined ? { status: 200 } : { status: 206, span }
}

interface Content {
  readonly file: Found
  readonly answer: Answer
  takeBack(): void
}

function sendContent(
  request: FastifyRequest,
  reply: FastifyReply,
  { file, answer, takeBack }: Content
): void {
  const span = answer.status === 206 ? answer.span : undefined
  if (span !== undefined) reply.header('content-range', contentRange(span, file.size))
  const fail = (error: Error): Error => {
    takeBack()
    return error
  }
  watchStream(reply, { file, length: span === undefined ? file.size : span.end - span.start + 1, fail })
  endWithReply(reply)
  // @fastify/static knows a weak tag only, and would fail these two although they have been met.
  delete request.raw.headers['if-match']
  delete request.raw.headers['if-unmodified-since']
  const options: SendOptions & Partial<Span> = {
    // Its own fields would replace ours, and its ranges refuse a suffix longer than the file and take a weak If-Range.
    acceptRanges: false,
    cacheControl: false,
    contentType: false,
    etag: false,
    lastModified: false,
    index: false,
    // The name has been judged; what is left may be the hidden target of a link that the operator has made.
    dotfiles: 'allow',
    onFile: (_path, stats) => {
      const problem = assertUnchanged(file, stats)
      if (problem !== undefined) throw fail(problem)
    },
    ...span
  }
  reply.sendFile(`/${basename(file.realPath)}`, dirname(file.realPath), options)
}

function lifetimeFields({ lifetime, now }: Sending): Record<string, string> {
  if (lifetime === undefined) return {}
  return { 'cache-control': lifetime.cacheControl, expires: formatHttpDate(expiresAt(lifetime, now)) }
}

const FILE_FIELDS = ['etag', 'last-modified', 'accept-ranges', 'content-range', 'content-encoding', 'expires']

/** The error that takes the place of the file keeps nothing of it; Fastify has set a stream's fields on the raw response already. */
function takeBack(reply: FastifyReply, cacheControl: unknown): void {
  if (reply.raw.headersSent) return
  for (const name of [...FILE_FIELDS, 'cache-control']) {
    reply.removeHeader(name)
    reply.raw.removeHeader(name)
  }
  if (cacheControl !== undefined) reply.header('cache-control', cacheControl)
  reply.code(200)
}

function addVary(reply: FastifyReply, name: string): void {
  const current = reply.getHeader('vary')
  const list = current === undefined ? '' : String(current)
  const present = list.split(',').map((member) => member.trim().toLowerCase())
  if (present.includes('*') || present.includes(name.toLowerCase())) return
  reply.header('vary', list === '' ? name : `${list}, ${name}`)
}
