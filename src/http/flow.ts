// PURE. Whether a response asks to be handed on as it comes, or not to be (nginx: X-Accel-Buffering).
import { firstLine } from './fields'
import type { Fields } from './message'

/** `no` for events and gRPC too: they are worth nothing late. undefined = it says nothing, the route decides. */
export function bufferingWord(fields: Fields): 'yes' | 'no' | undefined {
  const word = firstLine(fields, 'x-accel-buffering')?.toLowerCase()
  if (word === 'yes' || word === 'no') return word
  const type = firstLine(fields, 'content-type')?.toLowerCase()
  return type?.startsWith('text/event-stream') || type?.startsWith('application/grpc') ? 'no' : undefined
}
