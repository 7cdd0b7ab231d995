// After the app's onSend hooks: content that they have made must not pass for the upstream's (RFC 9110 §8.8.1; as nginx's gzip does).
import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isFileStream } from '../static/file-stream'

/** What was given to Fastify to be sent; of a file, only that it is one: @fastify/static opens it. */
export type SentContent = Buffer | Readable | 'file'

/** They speak of bytes that are not sent any more. */
const FIELDS_OF_BYTES = ['accept-ranges', 'content-digest', 'repr-digest', 'digest', 'content-md5']

type Next = (error: Error | null, payload?: unknown) => void

/** The route's onSend hook behind all others. A hook that only looks at the content, and hands on the same, changes nothing. */
export function alteredHook(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  next: Next
): void {
  const exchange = request.sluice as { sent: SentContent | undefined; bytesOut: number } | null
  const content = exchange?.sent
  // A hook that made it a 304 may have left empty text, whose length of 0 would be said to be the content's.
  if (reply.statusCode === 304 && payload !== null && payload !== undefined) next(null, null)
  else {
    if (exchange !== null && content !== undefined && isAltered(content, payload)) {
      if (isBytes(payload)) exchange.bytesOut = Buffer.byteLength(payload)
      relabel(reply, payload)
    }
    next(null)
  }
}

function isAltered(content: SentContent, payload: unknown): boolean {
  if (payload === content || payload === null || payload === undefined) return false
  if (content === 'file') return !isFileStream(payload)
  return !(Buffer.isBuffer(content) && isBytes(payload) && content.equals(Buffer.from(payload as string)))
}

function isBytes(payload: unknown): payload is string | Buffer {
  return typeof payload === 'string' || Buffer.isBuffer(payload)
}

function relabel(reply: FastifyReply, payload: unknown): void {
  const tag = reply.getHeader('etag')
  if (typeof tag === 'string' && tag.startsWith('"')) reply.header('etag', `W/${tag}`)
  for (const name of FIELDS_OF_BYTES) reply.removeHeader(name)
  // Fastify counts bytes itself; how many another stream has nobody knows.
  if (!isBytes(payload)) reply.removeHeader('content-length')
}
