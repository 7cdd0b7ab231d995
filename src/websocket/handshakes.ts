// The handshakes that no tunnel has come of yet: their clients may leave while hooks run or a server is dialled, and the app may close.
import type { Duplex } from 'node:stream'

/** How long one that the closing app has refused may take to say so. */
const FAREWELL_MS = 1000

/** The sockets of one app that are off HTTP and no tunnel. */
export class Handshakes {
  readonly #pending = new Set<Duplex>()

  /**
   * Destroys the socket at the client's FIN, of which one that nobody reads would not tell, and at the server's own timeout, until
   * the function that it returns is called.
   */
  watch(socket: Duplex): () => void {
    // Bytes that come stay where they are.
    const look = (): void => {
      socket.read(0)
    }
    const leave = (): void => {
      socket.destroy()
    }
    const settle = (): void => {
      this.#pending.delete(socket)
      socket.off('readable', look).off('end', leave).off('timeout', leave).off('close', settle)
    }
    this.#pending.add(socket)
    socket.on('readable', look).on('end', leave).on('timeout', leave).on('close', settle)
    return settle
  }

  /** How many there are. */
  get open(): number {
    return this.#pending.size
  }

  /** Node does not count them as connections of its server any more: one that a hook holds would keep the app from closing. */
  end(): void {
    if (this.#pending.size > 0) setTimeout(() => this.cut(), FAREWELL_MS)
  }

  cut(): void {
    for (const socket of this.#pending) socket.destroy()
  }
}
