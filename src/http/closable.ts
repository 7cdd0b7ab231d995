// The client's end of an exchange: whether it has gone, and what there is to end it by.
import type { Http2Session } from 'node:http2'
import type { Socket } from 'node:net'

/** A response or socket: its `close` comes once, when the exchange has ended or the client has left. */
export interface Closable {
  readonly destroyed?: boolean
  /** HTTP/2 responses of Node have no `destroyed`; their stream has. */
  readonly stream?: { readonly destroyed: boolean }
  once(event: 'close', listener: () => void): unknown
  removeListener(event: 'close', listener: () => void): unknown
}

/** Whether `close` has come already: a listener added now may never be called. */
export function hasClosed(client: Closable): boolean {
  return client.destroyed === true || client.stream?.destroyed === true
}

/** The connection below a session. What the session shows of it can be neither written nor destroyed; its own methods return it as it is. */
export function connectionOf(session: Http2Session): Socket {
  return session.socket.off('close', nothing)
}

function nothing(): void {}
