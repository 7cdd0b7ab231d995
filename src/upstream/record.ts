// What a try leaves in the log: how it ended, and after how long (nginx: $upstream_status, $upstream_response_time).
import { isSluiceError, type SluiceError, sluiceError } from '../errors'
import type { Try } from '../http/message'
import { errnoOf } from './failure'

/** Notes how a try failed. */
export function noteFailure(record: Try, error: Error): void {
  record.error = errnoOf(error)
  if (isSluiceError(error) && error.errno !== undefined) record.errno = error.errno
}

/** The error of a request that cannot be sent as it is: nothing of it has left. */
export function badRequest(record: Try, server: string, detail: string): SluiceError {
  const facts = { server, phase: 'send', requestSent: false, reused: false, detail } as const
  const error = sluiceError('SLUICE_BAD_REQUEST', facts)
  noteFailure(record, error)
  record.responseTime = 0
  return error
}

/** Seconds to the millisecond; `startedAt` is from `performance.now()`. */
export function secondsSince(startedAt: number): number {
  return Math.round(performance.now() - startedAt) / 1000
}

/** A connection, or the note of why there is none: before there is one nobody else writes the record. */
export async function noting<T>(
  { record }: { readonly record: Try },
  startedAt: number,
  connecting: T | Promise<T>
): Promise<T> {
  try {
    return await connecting
  } catch (error) {
    noteFailure(record, error as Error)
    record.responseTime = secondsSince(startedAt)
    throw error
  }
}
