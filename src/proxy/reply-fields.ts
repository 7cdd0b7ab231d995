// The fields of a reply: those at a moment, and back to them, as an answer that an error takes the place of leaves none of its own.
import type { FastifyReply } from 'fastify'
import type { Fields } from '../http/message'

/** Where Fastify keeps a reply's fields and trailers; a test pins it. */
let fieldsKey: symbol | undefined
let trailersKey: symbol | undefined

/** The fields themselves, by their names in lower case; undefined with a Fastify that keeps them elsewhere. */
export function fieldsOn(reply: FastifyReply): Record<string, unknown> | undefined {
  fieldsKey ??= symbolOf(reply, 'fastify.reply.headers')
  return (reply as unknown as Record<symbol, Record<string, unknown>>)[fieldsKey as symbol]
}

/** Whether `reply.trailer` was called; true when it cannot be told. */
export function hasTrailers(reply: FastifyReply): boolean {
  trailersKey ??= symbolOf(reply, 'fastify.reply.trailers')
  return (reply as unknown as Record<symbol, unknown>)[trailersKey as symbol] !== null
}

function symbolOf(reply: FastifyReply, description: string): symbol | undefined {
  return Object.getOwnPropertySymbols(reply).find((symbol) => symbol.description === description)
}

/** The reply's fields at a moment. */
export type ReplyFields = Readonly<ReturnType<FastifyReply['getHeaders']>>

/** Of a reply that has none yet. */
export const NO_FIELDS = Object.freeze({}) as ReplyFields

/** The reply's fields as they are now. */
export function fieldsNow(reply: FastifyReply): ReplyFields {
  const own = fieldsOn(reply)
  if (own === undefined || reply.raw.getHeaderNames().length > 0) return reply.getHeaders()
  for (const _ in own) return reply.getHeaders()
  return NO_FIELDS
}

/** Lays fields on a reply that has none of their names; the names are in lower case. */
export function layFields(reply: FastifyReply, fields: Fields): void {
  const own = fieldsOn(reply)
  if (own === undefined) reply.headers(fields)
  else Object.assign(own, fields)
}

/** Nothing stays of what has come onto the reply since. Without effect once the head is out. */
export function restoreFields(reply: FastifyReply, before: ReplyFields): void {
  if (reply.raw.headersSent) return
  for (const name in reply.getHeaders()) {
    reply.removeHeader(name)
    // Fastify before 5.12 leaves what a stream has laid on the raw response.
    reply.raw.removeHeader(name)
  }
  reply.headers(before)
}
