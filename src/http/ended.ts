// Why a stream of content has ended before its end.
import type { Readable } from 'node:stream'
import { sluiceError } from '../errors'

/** A source that broke in the turn in which its head came has said so before anyone listened. */
export function whyEnded({ errored }: Readable): Error {
  return errored ?? sluiceError('SLUICE_INCOMPLETE_RESPONSE', { phase: 'body' })
}
