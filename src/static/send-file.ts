// Sends the answer with a found file: one head, and content from memory or, by @fastify/static, from the disk.
import { basename, dirname } from 'node:path'
import type { SendOptions } from '@fastify/static'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { formatHttpDate } from '../http/date'
import { byteranges } from '../http/partial'
import { contentRange, type Span, spanLength, unsatisfiedRange } from '../http/range'
import { type Answer, lastModifiedMs, type Sending } from './answer'
import { expiresAt } from './cache-control'
import { filePartsStream } from './file-parts'
import { assertUnchanged, endWithReply, sendFileStream, watchStream } from './file-stream'
import type { Found } from './lookup'

/** What has been decided. */
export interface Decided {
  readonly sending: Sending
  readonly answer: Answer
  readonly now: number
}

/** Hands the content of an answer whose head is set to whoever writes it. */
export type SendBytes = (reply: FastifyReply, bytes: Buffer) => void

/** The whole file, and who sends it or parts of it. */
export interface Bytes {
  readonly bytes: Buffer
  readonly send: SendBytes
}

/** Sends from memory. */
export function sendBytes(reply: FastifyReply, decided: Decided, { bytes, send }: Bytes): void {
  const { file } = decided.sending
  const { answer } = decided
  setHead(reply, decided)
  if (answer.content === 'none') reply.send()
  else if (answer.content === 'whole') send(reply, bytes)
  else {
    const [span, ...more] = answer.spans as readonly [Span, ...Span[]]
    if (more.length > 0) send(reply, setParts(reply, file, answer.spans).cut(bytes))
    else {
      reply.header('content-range', contentRange(span, file.size))
      send(reply, bytes.subarray(span.start, span.end + 1))
    }
  }
}

/** Starts the answer from the disk; the caller returns the reply to Fastify. */
export function sendFile(request: FastifyRequest, reply: FastifyReply, decided: Decided): void {
  const { file } = decided.sending
  const { answer } = decided
  const before = reply.getHeader('cache-control')
  setHead(reply, decided)
  const fail = (error: Error): Error => {
    takeBack(reply, before)
    return error
  }
  if (answer.content === 'none') reply.send()
  else if (answer.content === 'spans' && answer.spans.length > 1) {
    sendFileStream(reply, filePartsStream(file, setParts(reply, file, answer.spans)), fail)
  } else {
    const span = answer.content === 'spans' ? answer.spans[0] : undefined
    sendContent(request, reply, { file, span, fail })
  }
}

/** The head of every answer. An error must not be kept as long as the file, nor pass for it. */
function setHead(reply: FastifyReply, { sending, answer, now }: Decided): void {
  const { file, negotiated, maxRanges, lifetime } = sending
  reply.code(answer.status)
  if (negotiated) addVary(reply, 'Accept-Encoding')
  if (answer.status === 412) return
  if (answer.status === 416) {
    reply.header('content-range', unsatisfiedRange(file.size))
    return
  }
  reply.header('etag', file.etag).header('last-modified', dateText(lastModifiedMs(file, now)))
  if (lifetime !== undefined) {
    reply.header('cache-control', lifetime.cacheControl).header('expires', dateText(expiresAt(lifetime, now)))
  }
  if (answer.status === 304) return
  if (maxRanges > 0) reply.header('accept-ranges', 'bytes')
  reply.headers(contentFields(file))
  if (answer.content === 'none') reply.header('content-length', file.size)
}

/** Seconds that texts are kept of: those of the files that are asked for now, and of their Expires. */
const MAX_TEXTS = 1000
const texts = new Map<number, string>()

function dateText(ms: number): string {
  const second = Math.floor(ms / 1000)
  const known = texts.get(second)
  if (known !== undefined) return known
  if (texts.size === MAX_TEXTS) texts.clear()
  const text = formatHttpDate(ms)
  texts.set(second, text)
  return text
}

function contentFields({ type, coding }: Found): Record<string, string> {
  return coding === undefined
    ? { 'content-type': type }
    : { 'content-type': type, 'content-encoding': coding }
}

/** The fields of several parts in place of those of the whole. */
function setParts(reply: FastifyReply, file: Found, spans: readonly Span[]): ReturnType<typeof byteranges> {
  const parts = byteranges(contentFields(file), spans, file.size)
  reply.removeHeader('content-encoding')
  reply.headers(parts.fields)
  return parts
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
