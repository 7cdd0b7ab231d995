// The content of a response on its way to its reader: a stream of ours, so that its errors are ours and its end waits for trailers.
import { Readable } from 'node:stream'
import type { UpstreamResponse } from '../../http/message'
import { ignore } from '../dial'

/** Bytes that wait for a slow reader before the stream's window does. */
const READ_AHEAD = 16 * 1024

/** An empty stream to push into; `onRead` when there is room, `onDestroy` when nobody wants it any more. */
export function createContent(onRead: () => void, onDestroy: () => void): Readable {
  const content = new Readable({
    highWaterMark: READ_AHEAD,
    read: onRead,
    destroy: (error, callback) => {
      onDestroy()
      callback(error)
    }
  })
  return content.on('error', ignore)
}

/** A response with content that has come whole; only a stream carries trailers on. */
export function withContent(response: UpstreamResponse, whole: Buffer): UpstreamResponse {
  const body = response.trailers === undefined ? whole : Readable.from([whole], { objectMode: false })
  return { ...response, body }
}
