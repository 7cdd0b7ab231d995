// The media type of a file by its name (nginx `types`): the table of @fastify/static itself, and so whatever the app added to it.
import { createRequire } from 'node:module'

interface Send {
  mime: { getType(path: string): string | null }
  isUtf8MimeType(type: string): boolean
}

// It is a dependency of @fastify/static and not of ours: found from there, it is the same instance under every package manager.
const send = createRequire(require.resolve('@fastify/static'))('@fastify/send') as Send

/** The value of Content-Type; a precompressed file is asked about by the name of the original. */
export function contentType(path: string): string {
  const type = send.mime.getType(path) ?? 'application/octet-stream'
  return send.isUtf8MimeType(type) ? `${type}; charset=utf-8` : type
}
