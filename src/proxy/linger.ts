// An answer given while the client still sends: it must arrive, and nothing behind it may count (nginx: lingering_close; RFC 9112 §9.6).
import { constants, type Http2ServerRequest } from 'node:http2'
import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { hasContent } from './body'

/** nginx's lingering_time: the longest that a client may go on sending. */
const LINGER_MS = 30_000

/** nginx's lingering_timeout: the longest pause in it. */
const LINGER_PAUSE_MS = 5_000

/**
 * To be called before an answer whose request may not have been read whole. The connection ends with the answer, gently: a
 * socket closed with bytes unread resets, and a reset takes the answer away from a client that is still writing.
 */
export function endWithAnswer(request: FastifyRequest, reply: FastifyReply): void {
  if (request.raw.httpVersionMajor >= 2 || request.raw.complete || !hasContent(request.raw)) return
  reply.header('connection', 'close')
  lingerOnClose(reply.raw.socket)
}

/** On HTTP/2 only the stream ends with the answer, whoever gave it: the rest of the request is not wanted (RFC 9113 §8.1). */
export function endStreamWithAnswer(request: Http2ServerRequest): void {
  const { stream } = request
  // The response's own 'finish' comes with its 'close' only.
  stream.once('finish', () => {
    if (stream.destroyed || stream.readableEnded) return
    stream.close(constants.NGHTTP2_NO_ERROR)
    // With content unread the stream would stay, and its record with it.
    request.resume()
  })
}

/** Node ends a connection after its last answer by `destroySoon`: here it goes on to read, and forgets what it reads. */
function lingerOnClose(socket: Socket | null): void {
  if (socket === null) return
  socket.destroySoon = () => {
    // Node's parser would answer requests that lie behind the content.
    socket.removeAllListeners('data').removeAllListeners('end')
    socket.end()
    const end = (): void => {
      socket.destroy()
    }
    const timer = setTimeout(end, LINGER_MS)
    socket.setTimeout(LINGER_PAUSE_MS, end)
    socket.once('close', () => clearTimeout(timer))
    socket.once('end', end)
    // A listener for 'data' takes the socket back from the parser; a paused request has paused it and stopped its reading, and
    // 'resume' alone would not start that again.
    socket.on('data', forget).resume()
    socket._read(0)
  }
}

function forget(): void {}
