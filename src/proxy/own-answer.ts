// What an own handler answered, as the cache knows answers: status, its own fields, content as bytes (RFC 9110 §6).
import { PassThrough, pipeline, Readable } from 'node:stream'
import type { ReadableStream } from 'node:stream/web'
import { endToEnd } from '../http/end-to-end'
import { listMembers } from '../http/fields'
import type { Body, Fields, UpstreamResponse } from '../http/message'
import type { ReplyFields } from './reply-fields'

/** The fields that came onto the reply while the handler ran, without those of the connection. */
export function ownFields(before: ReplyFields, after: ReplyFields): Fields {
  const fields: Fields = Object.create(null)
  for (const name in after) {
    const value = ownValue(name, linesOf(before[name]), linesOf(after[name]))
    if (value.length > 0) fields[name] = value.length === 1 ? (value[0] as string) : value
  }
  return endToEnd(fields)
}

/** Set-Cookie and Vary add up over hooks and handler, any other field is whose value stands. */
function ownValue(name: string, before: readonly string[], after: readonly string[]): string[] {
  if (name === 'vary') {
    const known = new Set(listMembers([...before]).map((member) => member.toLowerCase()))
    const own = listMembers([...after]).filter((member) => !known.has(member.toLowerCase()))
    return own.length === 0 ? [] : [own.join(', ')]
  }
  const isSame = before.every((line, index) => line === after[index])
  if (name === 'set-cookie') return isSame ? after.slice(before.length) : [...after]
  return isSame && before.length === after.length ? [] : [...after]
}

function linesOf(value: ReplyFields[string]): string[] {
  return value === undefined ? [] : [value].flat().map(String)
}

/** The payload as Fastify would send it. Throws for what it cannot send either. */
export function ownResponse(payload: unknown, status: number, fields: Fields): UpstreamResponse {
  if (!isResponse(payload)) return complete({ status, fields, body: bodyOf(payload) })
  if (payload.bodyUsed) throw new TypeError('the body of the Response has been read')
  const own = Object.assign(Object.create(null) as Fields, fields)
  for (const [name, value] of payload.headers) own[name] = name === 'set-cookie' ? [] : value
  const cookies = payload.headers.getSetCookie()
  if (cookies.length > 0) own['set-cookie'] = [...linesOf(fields['set-cookie']), ...cookies]
  return complete({ status: payload.status, fields: endToEnd(own), body: bodyOf(payload.body) })
}

/** RFC 9110 §6.4.1: some statuses have no content, and a length is what it is. */
function complete({ status, fields, body }: UpstreamResponse): UpstreamResponse {
  if (status === 204 || status === 304 || status < 200) {
    if (body instanceof Readable) body.on('error', () => {}).destroy()
    delete fields['content-length']
    if (status !== 304) delete fields['content-type']
    return { status, fields, body: null }
  }
  if (Buffer.isBuffer(body)) fields['content-length'] = String(body.length)
  return { status, fields, body }
}

function bodyOf(payload: unknown): Body {
  if (payload === null || payload === undefined) return null
  if (Buffer.isBuffer(payload)) return payload
  if (typeof payload === 'string') return Buffer.from(payload)
  if (isPiped(payload)) return guarded(bytesOf(payload))
  if (isWebStream(payload)) return guarded(Readable.fromWeb(payload))
  const problem = `the payload is a value of type ${typeof payload}, which cannot be sent`
  throw Object.assign(new TypeError(problem), { code: 'FST_ERR_REP_INVALID_PAYLOAD_TYPE', statusCode: 500 })
}

/** A stream of strings or objects is one of bytes to those who count and cut it. */
function bytesOf(stream: NodeJS.ReadableStream): Readable {
  const readable = stream instanceof Readable ? stream : new Readable().wrap(stream)
  if (!readable.readableObjectMode && readable.readableEncoding === null) return readable
  return pipeline(readable, new PassThrough(), () => {})
}

/** It may fail before anybody reads it; who reads it is told all the same. */
function guarded(stream: Readable): Readable {
  return stream.on('error', () => {})
}

function isResponse(payload: unknown): payload is Response {
  return Object.prototype.toString.call(payload) === '[object Response]'
}

function isPiped(payload: unknown): payload is NodeJS.ReadableStream {
  return typeof (payload as { pipe?: unknown }).pipe === 'function'
}

function isWebStream(payload: unknown): payload is ReadableStream {
  return typeof (payload as { getReader?: unknown }).getReader === 'function'
}
