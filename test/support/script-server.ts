// A TCP server that plays a script on each connection: exact bytes, resets, silence. For upstreams that lie or die.
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { listen } from './address'
import type { KeyPair } from './certificates'
import { type Connection, connection, headLength } from './connection'
import { arrivals } from './waiting'

/** One accepted connection, seen from the server. */
export interface ScriptConnection extends Connection {
  /** Waits for the next request head and takes it, its empty line included. */
  head(): Promise<string>
  /** Waits for so many more bytes and takes them. */
  bytes(count: number): Promise<Buffer>
}

/** What to do with a connection. When it returns, the connection is left as it is; a rejection destroys it. */
export type Script = (connection: ScriptConnection) => Promise<unknown> | unknown

/** How the server listens. */
export interface ScriptServerOptions {
  readonly unix?: string
  readonly tls?: KeyPair
}

/** A running script server. All functions are closures. */
export interface ScriptServer {
  readonly url: string
  readonly connections: readonly ScriptConnection[]
  /** The n-th connection (from 1), now or when it comes. */
  connection(n: number): Promise<ScriptConnection>
  close(): Promise<void>
}

/** Starts a server: connection n plays script n, the last script plays for all that follow. */
export async function startScript(
  scripts: Script | readonly Script[],
  options: ScriptServerOptions = {}
): Promise<ScriptServer> {
  const list = typeof scripts === 'function' ? [scripts] : scripts
  const accepted = arrivals<ScriptConnection>()
  const sockets = new Set<Socket>()
  const play = (socket: Socket, raw: Socket): void => {
    const peer = scriptConnection(socket, raw)
    const script = list[Math.min(accepted.items.length, list.length - 1)]
    accepted.add(peer)
    Promise.resolve(peer)
      .then(script)
      .catch(() => socket.destroy())
  }
  // Half-open is allowed, so that a script decides by itself what to do with a client's FIN.
  const server = createServer({ allowHalfOpen: true }, (raw) => {
    raw.on('error', () => {})
    sockets.add(raw)
    raw.once('close', () => sockets.delete(raw))
    if (options.tls === undefined) play(raw, raw)
    else handshake(raw, options.tls, (socket) => play(socket, raw))
  })
  const closed = once(server, 'close')
  const url = await listen(server, { secure: options.tls !== undefined, unix: options.unix })
  return {
    url,
    connections: accepted.items,
    connection: accepted.nth,
    close: async () => {
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    }
  }
}

/** A script that answers each request head with the next of these bytes, and the last for ever after. */
export function replies(...bytes: readonly (string | Buffer)[]): Script {
  return async (peer) => {
    for (let n = 0; ; n++) {
      await peer.head()
      await peer.send(bytes[Math.min(n, bytes.length - 1)] ?? '')
    }
  }
}

/** A script that reads a request head, sends the bytes, and ends as told. */
export function replyThen(bytes: string | Buffer, ending: 'end' | 'reset'): Script {
  return async (peer) => {
    await peer.head()
    await peer.send(bytes)
    peer[ending]()
  }
}

function handshake(raw: Socket, tls: KeyPair, done: (socket: Socket) => void): void {
  const socket = new TLSSocket(raw, { isServer: true, key: tls.key, cert: tls.cert })
  socket.on('error', () => raw.destroy())
  socket.once('secure', () => done(socket))
}

function scriptConnection(socket: Socket, raw: Socket): ScriptConnection {
  const peer = connection(socket, raw)
  return {
    ...peer,
    head: async () => (await peer.take('a request head', headLength)).toString('latin1'),
    bytes: (count) => peer.take(`${count} bytes`, (unread) => (unread.length < count ? undefined : count))
  }
}
