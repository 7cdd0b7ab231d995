// The client's end of an exchange, of which the guards need to know only one thing: that it has gone.

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
