// What an exchange tells its caller, once.
import type { Socket } from 'node:net'
import type { Fields, UpstreamResponse } from '../http/message'

/** A connection that speaks something else from here on, and what has come of it. */
export interface Switched {
  readonly fields: Fields
  readonly socket: Socket
  readonly head: Buffer
}

/** The ends of the caller's promise. */
export interface Settle {
  readonly resolve: (response: UpstreamResponse) => void
  readonly reject: (error: Error) => void
  /** Of a request to switch protocols: the server has agreed, and the connection is the caller's. */
  readonly switched?: (switched: Switched) => void
}
