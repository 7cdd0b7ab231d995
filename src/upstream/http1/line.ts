// What an exchange sees of the connection that carries it.
import type { Head } from './message-framing'
import type { ContentEvents, RequestContent } from './request-content'
import type { RequestHead } from './request-head'

/** The connection, as an exchange needs to know it. */
export interface Line {
  readonly server: string
  /** It has carried another exchange before. */
  readonly reused: boolean
  /** False only when no byte of the request can have reached the server. */
  readonly requestSent: boolean
  /** The socket holds more than it should. */
  readonly full: boolean
  /** Something of the request is still with this process. */
  readonly unsent: boolean
  /** Counts what has come, and what was taken. */
  readonly activity: number
  write(head: string, body: Buffer | null): void
  content(head: RequestHead, events: ContentEvents): RequestContent
  /** Sets the deadline anew; 0 = none. */
  wait(ms: number): void
  pause(): void
  resume(): void
  /** The response has come whole; `head` says whether the connection can be used again. */
  done(head: Head, uploaded: boolean): void
  /** The exchange has failed, and the connection with it. */
  cut(error: Error): void
}
