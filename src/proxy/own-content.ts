// Content that the app's parser has read already, made ready to be sent on: bytes as they came, or what was parsed, written again.
import { stringify } from 'node:querystring'
import { Readable } from 'node:stream'
import type { FastifyRequest } from 'fastify'
import { sluiceError } from '../errors'
import type { Body, Fields } from '../http/message'
import { hasContent } from './body'
import type { ParsedContent } from './exchange'

const JSON_TYPE = /^[\w!#$&^.+-]+\/(?:[\w!#$&^.+-]+\+)?json(?:\s*;|\s*$)/i
const FORM_TYPE = /^application\/x-www-form-urlencoded(?:\s*;|\s*$)/i

/** The content to send; undefined = nobody has read it yet, or there is none. Throws when it cannot be had again. */
export function parsedContent(request: FastifyRequest): ParsedContent | undefined {
  const { raw, body } = request
  if (body === raw || (body === undefined && !raw.readableDidRead) || !hasContent(raw)) return undefined
  const fields: Fields = Object.assign(Object.create(null), raw.headers)
  if (body instanceof Readable) return { body, fields: withoutLength(fields) }
  const bytes = bytesOf(body, fields)
  return { body: bytes, fields: withLength(fields, bytes.length) }
}

function bytesOf(body: unknown, fields: Fields): Buffer {
  const type = String(fields['content-type'] ?? '')
  if (Buffer.isBuffer(body)) return body
  if (typeof body === 'string' && !isParsedText(body, type, fields)) return Buffer.from(body)
  if (body !== undefined && JSON_TYPE.test(type)) return Buffer.from(JSON.stringify(body))
  if (FORM_TYPE.test(type) && isFlat(body)) return Buffer.from(stringify(body))
  const parser = `app.addContentTypeParser(${JSON.stringify(type || '*')}, (request, payload, done) => done(null, payload))`
  throw sluiceError('SLUICE_INTERNAL', {
    phase: 'send',
    detail: `reply.sluice: content of type ${JSON.stringify(type)} has been parsed and cannot be sent as it came; register ${parser}`
  })
}

/**
 * The JSON text `"a"` has been parsed to `a`, which is shorter; text that a parser left as it came has its length. Of content in
 * chunks no length is known: there, what is no JSON itself has been parsed.
 */
function isParsedText(body: string, type: string, fields: Fields): boolean {
  if (!JSON_TYPE.test(type)) return false
  const length = fields['content-length']
  return length === undefined ? !isJson(body) : Number(length) !== Buffer.byteLength(body)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function isFlat(body: unknown): body is Record<string, string | string[]> {
  if (body === null || typeof body !== 'object') return false
  return Object.values(body).every((value) => [value].flat().every((one) => typeof one === 'string'))
}

/** Content of another length than the client's has been decoded on the way in. */
function withLength(fields: Fields, length: number): Fields {
  if (fields['content-length'] !== String(length)) delete fields['content-encoding']
  fields['content-length'] = String(length)
  return fields
}

function withoutLength(fields: Fields): Fields {
  delete fields['content-length']
  return fields
}

/** The bytes of a content, as far as they are known. */
export function lengthOf(body: Body): number {
  return Buffer.isBuffer(body) ? body.length : 0
}
