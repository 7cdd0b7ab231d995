// The content of a response on its way to its reader: whole, or a stream of ours, so that its errors are ours and its end waits for trailers.
import { Readable } from 'node:stream'
import { bufferingWord } from '../http/flow'
import type { Fields, UpstreamResponse } from '../http/message'
import { ignore } from './dial'

/** Bytes that wait for a slow reader before the connection does: less than one read of it brings. */
const READ_AHEAD = 16 * 1024

/** An empty stream to push into; `onRead` when there is room, `onDestroy` when nobody wants it any more. */
export function createContent(onRead: () => void, onDestroy: (error: Error) => void): Readable {
  const content = new Readable({
    highWaterMark: READ_AHEAD,
    read: onRead,
    destroy: (error, callback) => {
      onDestroy(error ?? new Error('the response is no longer wanted'))
      callback(error)
    }
  })
  return content.on('error', ignore)
}

/** Whether content of this length is handed over whole: no more than `collect`, and nothing that wants to flow. */
export function isCollected(length: number | undefined, collect: number, fields: Fields): boolean {
  return length !== undefined && collect > 0 && length <= collect && bufferingWord(fields) !== 'no'
}

/** A response with content that has come whole; only a stream carries trailers on. */
export function withContent(response: UpstreamResponse, whole: Buffer): UpstreamResponse {
  const body = response.trailers === undefined ? whole : Readable.from([whole], { objectMode: false })
  return { ...response, body }
}

/** One Buffer of what has come; no copy when it came in one piece. */
export function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks)
}
