// Watches the stream that @fastify/static opens: the file looked up is the one that is sent, whole, or the client sees that it is not.
import { fstatSync, ReadStream, type Stats } from 'node:fs'
import { constants, type Http2ServerResponse } from 'node:http2'
import type { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'
import { type SluiceError, sluiceError } from '../errors'
import type { Found } from './lookup'

/** What the stream must give. */
export interface Watched {
  readonly file: Found
  readonly length: number
  /** Called with an error that ends the answer, before it is sent on. */
  fail(error: Error): Error
}

/** An error when the name has been given to another file, or the file written to, since it was looked up. */
export function assertUnchanged(file: Found, stats: Stats): SluiceError | undefined {
  const same = stats.ino === file.ino && stats.mtimeMs === file.mtimeMs && stats.size === file.size
  return same
    ? undefined
    : sluiceError('SLUICE_INTERNAL', { detail: `${file.realPath} changed while it was opened` })
}

/** Takes hold of the stream as it is piped; an onSend hook that puts another in its place (compression) watches its own source. */
export function watchStream(reply: FastifyReply, watched: Watched): void {
  reply.raw.once('pipe', (source: unknown) => {
    if (source instanceof ReadStream) watch(source, reply, watched)
  })
}

/** Closes the file with the answer: a hook that puts another in the stream's place may leave it unread. */
export function endWithReply(reply: FastifyReply): void {
  const own = reply as { send?: FastifyReply['send'] }
  // Stands before the prototype's until @fastify/static has handed its stream over.
  own.send = (payload) => {
    delete own.send
    if (payload instanceof ReadStream) reply.raw.once('close', () => payload.destroy())
    return reply.send(payload)
  }
}

const ofFiles = new WeakSet<object>()

/** Hands over a stream of a file that is not @fastify/static's. */
export function sendFileStream(reply: FastifyReply, source: Readable, fail: Watched['fail']): void {
  ofFiles.add(source)
  watchErrors(source, reply, fail)
  reply.raw.once('close', () => source.destroy())
  // As @fastify/static, which opens the file first: whoever counts the bytes listens by then.
  setImmediate(() => reply.send(source))
}

/** Whether the content is a file's as it lies there: no hook has put another in its place. */
export function isFileStream(payload: unknown): boolean {
  return payload instanceof ReadStream || (payload instanceof Object && ofFiles.has(payload))
}

function watch(source: ReadStream, reply: FastifyReply, { file, length, fail }: Watched): void {
  source.once('open', (descriptor: number) => {
    // Of an open file, this reads memory and no disk; asynchronously, the first bytes would be under way before the answer.
    const problem = assertUnchanged(file, fstatSync(descriptor))
    if (problem !== undefined) source.destroy(problem)
  })
  // Before the listener of `pipe`, which would end the response as if it were complete and leave the client waiting for the rest.
  source.prependListener('end', () => {
    if (source.bytesRead < length) breakOff(reply)
  })
  watchErrors(source, reply, fail)
}

function watchErrors(source: Readable, reply: FastifyReply, fail: Watched['fail']): void {
  source.prependListener('error', (error: NodeJS.ErrnoException) => {
    fail(disguise(error))
    if (reply.raw.headersSent) breakOff(reply)
  })
}

/** On HTTP/2, `destroy` would end the stream without an error code, and so as if it were complete. */
function breakOff({ raw }: FastifyReply): void {
  if ('stream' in raw) (raw as unknown as Http2ServerResponse).stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  else raw.destroy()
}

/** The message of a file system error names the path, and Fastify sends the message of this very object to the client. */
function disguise(error: NodeJS.ErrnoException): Error {
  const errno = error.code ?? ''
  if (errno.startsWith('SLUICE_')) return error
  const { code, message, statusCode } = sluiceError(
    errno === 'EACCES' ? 'SLUICE_FORBIDDEN' : 'SLUICE_INTERNAL'
  )
  return Object.assign(error, { code, message, statusCode, errno, cause: error.message })
}
