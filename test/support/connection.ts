// One TCP connection as bytes: what came, how it ended, and waiting for either. Both ends of the raw tests use it.
import type { Socket } from 'node:net'

/**
 * How the other side ended the connection, or that we did. A reset right behind data that was not read yet is reported
 * as `end` by libuv: a test that tells the two apart reads the data first.
 */
export type Ending = 'end' | 'reset' | 'destroyed'

/** Bytes of a connection, with a mark for what has been taken. All functions are closures. */
export interface Connection {
  readonly socket: Socket
  /** All bytes that ever came. */
  received(): Buffer
  /** Bytes that came and were not taken yet. */
  unread(): Buffer
  /**
   * Calls `take` with the unread bytes now and at each change until it returns how many to take.
   * Rejects when the connection ends first; `take` is asked once more then, with `ended` true.
   */
  take(what: string, take: (unread: Buffer, ended: boolean) => number | undefined): Promise<Buffer>
  /** Resolves when the bytes have been handed to the kernel; never rejects (a broken connection shows in `closed`). */
  send(data: string | Buffer): Promise<void>
  /** Resolves once the other side has ended its half, reset, or we destroyed it. */
  readonly ended: Promise<Ending>
  /** Resolves once the connection is wholly closed. */
  readonly closed: Promise<Ending>
  /** Sends FIN: our half is done. */
  end(): void
  /** Sends RST. */
  reset(): void
  destroy(): void
}

/** Wraps a socket (`raw`: the TCP socket under it, with TLS); text is sent as latin1, so that a test can write any byte. */
export function connection(socket: Socket, raw: Socket = socket): Connection {
  let chunks: Buffer[] = []
  let taken = 0
  let ending: Ending | undefined
  let wake: (() => void)[] = []

  const received = (): Buffer => {
    const all = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
    chunks = [all]
    return all
  }
  const unread = (): Buffer => received().subarray(taken)
  const changed = (): void => {
    const waiting = wake
    wake = []
    for (const resolve of waiting) resolve()
  }
  const ended = new Promise<Ending>((resolve) => {
    const settle = (how: Ending) => {
      ending ??= how
      resolve(ending)
      changed()
    }
    socket.once('end', () => settle('end'))
    socket.once('error', () => settle('reset'))
    socket.once('close', () => settle('destroyed'))
  })
  const closed = new Promise<Ending>((resolve) => {
    socket.once('close', () => ended.then((how) => resolve(how)))
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    // After a FIN a reset may still come: it is the stronger ending.
    if (error.code === 'ECONNRESET') ending = 'reset'
  })
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    changed()
  })

  return {
    socket,
    received,
    unread,
    ended,
    closed,
    take: async (what, take) => {
      for (;;) {
        const bytes = unread()
        const over = ending !== undefined
        const length = take(bytes, over)
        if (length !== undefined) {
          taken += length
          return bytes.subarray(0, length)
        }
        if (over) throw new Error(`connection closed (${ending}) before ${what}; unread: ${preview(bytes)}`)
        await new Promise<void>((resolve) => wake.push(resolve))
      }
    },
    send: (data) =>
      new Promise((resolve) => {
        const bytes = typeof data === 'string' ? Buffer.from(data, 'latin1') : data
        socket.write(bytes, () => resolve())
      }),
    end: () => {
      socket.end()
    },
    reset: () => resetSocket(raw),
    destroy: () => {
      socket.destroy()
    }
  }
}

/** Sends RST and nothing before it: `resetAndDestroy` sends a FIN first, which the other side may see alone. */
export function resetSocket(socket: Socket): void {
  Object.assign(socket, { resetAndClosing: true })
  socket.destroy()
}

/** The length of the first message head in the bytes, its empty line included. */
export function headLength(bytes: Buffer): number | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  return end < 0 ? undefined : end + 4
}

function preview(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1', 0, 200))
}
