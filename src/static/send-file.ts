// Answers with a found file: conditions and ranges (RFC 9110 §13, §14) are decided here, @fastify/static sends the bytes of all but several parts.
import { basename, dirname } from 'node:path'
import type { SendOptions } from '@fastify/static'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { evaluate, rangeApplies } from '../http/conditional'
import { formatHttpDate } from '../http/date'
import type { Fields } from '../http/message'
import { byteranges } from '../http/partial'
import { contentRange, parseRange, type Span, spanLength, unsatisfiedRange } from '../http/range'
import { expiresAt, type Lifetime } from './cache-control'
import { filePartsStream } from './file-parts'
import { assertUnchanged, endWithReply, sendFileStream, watchStream } from './file-stream'
import type { Found } from './lookup'

/** What is sent, and for how long it may be kept. */
export interface Sending {
  readonly file: Found
  readonly lifetime: Lifetime | undefined
  /** Another Accept-Encoding could have been given another file. */
  readonly negotiated: boolean
  /** Most ranges that one request is given; 0 = none. */
  readonly maxRanges: number
  readonly now: number
}

type Answer =
  | { readonly status: 200 | 304 | 412 | 416 }
  | { readonly status: 206; readonly spans: readonly Span[] }

/** Starts the answer; the caller returns the reply to Fastify. */
export function sendFile(request: FastifyRequest, reply: FastifyReply, sending: Sending): void {
  const { file, now } = sending
  // A time in the future would make every later condition false (RFC 9110 §8.8.2.1).
  const lastModified = formatHttpDate(Math.min(file.mtimeMs, now))
  const answer = decide(request, sending, lastModified)
  reply.code(answer.status)
  if (sending.negotiated) addVary(reply, 'Accept-Encoding')
  // An error must not be kept as long as the file, nor pass for it.
  if (answer.status === 412) return void reply.send()
  if (answer.status === 416) return void reply.header('content-range', unsatisfiedRange(file.size)).send()
  const before = reply.getHeader('cache-control')
  reply.headers({ etag: file.etag, 'last-modified': lastModified, ...lifetimeFields(sending) })
  if (answer.status === 304) return void reply.send()
  if (sending.maxRanges > 0) reply.header('accept-ranges', 'bytes')
  reply.headers(contentFields(file))
  if (request.method === 'HEAD' || file.size === 0) {
    return void reply.header('content-length', file.size).send()
  }
  const fail = (error: Error): Error => {
    takeBack(reply, before)
    return error
  }
  const spans = answer.status === 206 ? answer.spans : []
  if (spans.length > 1) sendParts(reply, { file, spans, fail })
  else sendContent(request, reply, { file, span: spans[0], fail })
}

/** Conditions, then Range (RFC 9110 §13.2.2). */
function decide(request: FastifyRequest, { file, maxRanges, now }: Sending, lastModified: string): Answer {
  const fields = request.headers as Fields
  const validators = { etag: file.etag, lastModified }
  const verdict = evaluate({ method: request.method, fields }, { status: 200, ...validators }, now)
  if (verdict !== 'proceed') return { status: verdict === 'not-modified' ? 304 : 412 }
  const ranged = request.method === 'GET' && request.headers.range !== undefined
  if (!ranged || !rangeApplies(fields, validators, now)) return { status: 200 }
  const range = parseRange(request.headers.range, file.size, maxRanges)
  if (range.kind === 'unsatisfiable') return { status: 416 }
  return range.kind === 'whole' ? { status: 200 } : { status: 206, spans: range.spans }
}

function contentFields({ type, coding }: Found): Record<string, string> {
  return { 'content-type': type, ...(coding !== undefined && { 'content-encoding': coding }) }
}

interface Parts {
  readonly file: Found
  readonly spans: readonly Span[]
  fail(error: Error): Error
}

function sendParts(reply: FastifyReply, { file, spans, fail }: Parts): void {
  const parts = byteranges(contentFields(file), spans, file.size)
  reply.removeHeader('content-encoding')
  reply.headers(parts.fields)
  sendFileStream(reply, filePartsStream(file, parts), fail)
}

interface Content {
  readonly file: Found
  /** Undefined: all of it. */
  readonly span: Span | undefined
  fail(error: Error): Error
}

function sendContent(request: FastifyRequest, reply: FastifyReply, { file, span, fail }: Content): void {
  if (span !== undefined) reply.header('content-range', contentRange(span, file.size))
  watchStream(reply, { file, length: span === undefined ? file.size : spanLength(span), fail })
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
