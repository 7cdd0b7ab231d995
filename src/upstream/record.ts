// What a try leaves in the log: how it ended, and after how long (nginx: $upstream_status, $upstream_response_time).
import { isSluiceError } from '../errors'
import type { Try } from '../http/message'
import { errnoOf } from './failure'

/** Notes how a try failed. */
export function noteFailure(record: Try, error: Error): void {
  record.error = errnoOf(error)
  if (isSluiceError(error) && error.errno !== undefined) record.errno = error.errno
}

/** Seconds to the millisecond; `startedAt` is from `performance.now()`. */
export function secondsSince(startedAt: number): number {
  return Math.round(performance.now() - startedAt) / 1000
}
