// A small answer leaves whole: head and content in one write, behind every onSend hook. Node would hand the kernel two pieces.
import { ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { fieldsOn, hasTrailers } from './reply-fields'

/** Node encodes text of this size without allocating for it; more content is cheaper as it is, behind its head. */
const MOST_BYTES = 16 * 1024

/** Who has put another in place of one of these wants to see the content: a middleware that compresses, one that counts. */
const { writeHead, write, end } = ServerResponse.prototype

/** As node:http leaves it: one string goes out together with the head. A test pins that it is so. */
interface Sender {
  _send(text: string, encoding: 'latin1', callback: null): boolean
}

type Next = (error: Error | null) => void

/** The last onSend hook of a route. What it takes it writes, and Fastify has nothing left to do; the rest is Fastify's. */
export function wholeHook(request: FastifyRequest, reply: FastifyReply, payload: unknown, next: Next): void {
  const fields = Buffer.isBuffer(payload) && isOrdinary(request, reply) ? fieldsOn(reply) : undefined
  if (fields === undefined) next(null)
  else writeWhole(reply.raw, fields, payload as Buffer)
}

function isOrdinary({ method }: FastifyRequest, reply: FastifyReply): boolean {
  const { raw } = reply
  const { statusCode } = raw
  return (
    raw.end === end &&
    raw.write === write &&
    raw.writeHead === writeHead &&
    !raw.headersSent &&
    !raw.strictContentLength &&
    method !== 'HEAD' &&
    statusCode >= 200 &&
    statusCode !== 204 &&
    statusCode !== 304 &&
    !hasTrailers(reply)
  )
}

function writeWhole(raw: ServerResponse, fields: Record<string, unknown>, content: Buffer): void {
  const length = String(content.length)
  if (fields['content-length'] !== length) fields['content-length'] = length
  raw.writeHead(raw.statusCode, fields as never)
  if (content.length > MOST_BYTES || content.length === 0 || raw.chunkedEncoding) {
    raw.end(content)
    return
  }
  ;(raw as unknown as Sender)._send(content.toString('latin1'), 'latin1', null)
  raw.end()
}
