// What Node's HTTP/2 streams get wrong at their ends, and what they tell in an argument more than their types know.
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2'

/** Names and values in turn, as they came: the third argument of Node's events, which its types do not know. */
export function onFields(
  stream: ClientHttp2Stream,
  event: 'headers' | 'response' | 'trailers',
  listener: (status: number, raw: readonly string[]) => void
): void {
  stream.on(event as string, (fields: IncomingHttpHeaders, _flags: number, raw: readonly string[]) =>
    listener(Number(fields[':status']), raw)
  )
}

/** Node ends a stream for its reader after any RST_STREAM with NO_ERROR; only an end that comes first is the server's own. */
export function onceWhole(stream: ClientHttp2Stream, listener: () => void): void {
  const push = stream.push.bind(stream)
  let told = false
  stream.push = (chunk: unknown, encoding?: BufferEncoding) => {
    const more = push(chunk, encoding)
    if (chunk === null && !told && !stream.closed) {
      told = true
      listener()
    }
    return more
  }
}

/** Resets the stream. Node would write END_STREAM before RST_STREAM: an upload that broke off would pass for a whole one. */
export function cancel(stream: ClientHttp2Stream): void {
  if (!stream.writableEnded) stream._final = (done) => done()
  stream.close(constants.NGHTTP2_CANCEL)
}
