// Between forward and send: a streamed answer is read ahead of its client, and its server is free once it is read (nginx: proxy_buffering).
import { Readable } from 'node:stream'
import type { Abort } from '../http/abort'
import { whyEnded } from '../http/ended'
import type { UpstreamResponse } from '../http/message'
import { Spool } from '../spool/spool'
import { type Buffering, flowsAtOnce } from './buffering'

/** The same answer with its stream behind a spool; one that is whole, empty, or to flow is handed on as it is. */
export function readAhead(response: UpstreamResponse, buffering: Buffering, abort: Abort): UpstreamResponse {
  const { body: source } = response
  if (!(source instanceof Readable) || flowsAtOnce(buffering, response.fields)) return response
  const spool = new Spool(buffering.spool)
  const body = spool.reader() as Readable
  // A body that nobody listens to must not take the process down; whoever reads it sees the error all the same.
  body.on('error', () => {})
  spool.release()
  spool.onFree(() => source.destroy())
  const ahead: UpstreamResponse = { ...response, body }
  source
    .on('data', (chunk: Buffer) => {
      if (spool.write(chunk)) return
      source.pause()
      spool.onDrain(() => source.resume())
    })
    .on('end', () => {
      if (response.trailers !== undefined) ahead.trailers = response.trailers
      // Nobody else listens any more: the exchange with the server is over.
      abort.listen((reason) => body.destroy(reason))
      spool.end()
    })
    .on('error', (error) => {
      // An abort is at once; after a failure the client gets what there is.
      if (abort.reason === undefined) spool.fail(error)
      else body.destroy(error)
    })
    .on('close', () => spool.fail(whyEnded(source)))
  if (source.destroyed) queueMicrotask(() => spool.fail(whyEnded(source)))
  return ahead
}
