// The end of a stream that nobody reads any more: without it the exchange behind it would wait for its reader for ever.
import type { Duplex } from 'node:stream'
import type { Body } from './message'

/** Destroys what is a stream; an error that it still has to tell interests nobody. */
export function discard(body: Body | Duplex): void {
  if (body === null || Buffer.isBuffer(body) || body.destroyed) return
  body.on('error', ignore).destroy()
}

function ignore(): void {}
