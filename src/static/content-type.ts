// The media type of a file by its name (nginx `types`): the table of @fastify/static itself, and so whatever the app added to it.
import { fastifySend } from './library'

/** The value of Content-Type; a precompressed file is asked about by the name of the original. */
export function contentType(path: string): string {
  const send = fastifySend()
  const type = send.mime.getType(path) ?? 'application/octet-stream'
  return send.isUtf8MimeType(type) ? `${type}; charset=utf-8` : type
}
