// The fields of a reply at a moment, and back to them: an answer that an error takes the place of leaves none of its own.
import type { FastifyReply } from 'fastify'

/** The reply's fields at a moment. */
export type ReplyFields = ReturnType<FastifyReply['getHeaders']>

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
