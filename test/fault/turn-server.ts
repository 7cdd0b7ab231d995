// An HTTP/1.1 server below node:http: every request in its turn on its connection, to be answered, broken off or lied to byte by byte.
import { createServer, type Socket } from 'node:net'
import { createServer as createSecureServer, type TlsOptions } from 'node:tls'
import { listen } from '../support/address'

/** One accepted connection. */
export interface Peer {
  readonly socket: Socket
  /** Counted from 0 over all connections. */
  readonly number: number
  /** Requests of which something has come. */
  turns: number
}

/** A request that has come whole. */
export interface Turn {
  readonly peer: Peer
  readonly method: string
  readonly path: string
  readonly head: string
  readonly body: Buffer
}

/** What the server does, and when. */
export interface Moments {
  /** A TCP connection has been accepted, TLS still to come. */
  readonly onRaw?: (socket: Socket) => void
  /** A connection has been accepted. */
  readonly onPeer?: (peer: Peer) => void
  /** The first byte of the connection's next request has come. */
  readonly onFirstByte?: (peer: Peer) => void
  /** A request's head has come; its content may follow. */
  readonly onHead?: (peer: Peer, line: { readonly method: string; readonly path: string }) => void
  readonly onTurn: (turn: Turn) => void
}

/** A running server. */
export interface TurnServer {
  readonly url: string
  accepted(): number
  open(): number
  /** Ends every connection. */
  drop(): void
  /** Takes another certificate, and ends every connection. */
  renew(tls: TlsOptions): void
  close(): Promise<void>
}

/** Where it listens; in the clear on a loopback port unless told otherwise. */
export interface TurnServerOptions {
  readonly tls?: TlsOptions
  readonly unix?: string
}

/** Starts a server; every connection is destroyed with it. */
export async function startTurns(
  t: { after(done: () => unknown): void },
  moments: Moments,
  { tls, unix }: TurnServerOptions = {}
): Promise<TurnServer> {
  const sockets = new Set<Socket>()
  let accepted = 0
  const accept = (socket: Socket): void => {
    const peer = { socket, number: accepted++, turns: 0 }
    sockets.add(socket)
    socket.on('error', () => {}).once('close', () => sockets.delete(socket))
    moments.onPeer?.(peer)
    const reader = new Reader(peer, moments)
    socket.on('data', (chunk: Buffer) => reader.take(chunk))
  }
  const secure = tls === undefined ? undefined : createSecureServer(tls, accept)
  const server = secure ?? createServer(accept)
  server.on('tlsClientError', () => {})
  server.on('connection', (socket: Socket) => moments.onRaw?.(socket))
  const url = await listen(server, { secure: tls !== undefined, unix })
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
  const drop = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  const renew = (context: TlsOptions): void => {
    secure?.setSecureContext(context)
    drop()
  }
  t.after(close)
  return { url, accepted: () => accepted, open: () => sockets.size, drop, renew, close }
}

/** The requests of one connection: counted or chunked content, however it is cut. */
class Reader {
  readonly #peer: Peer
  readonly #moments: Moments
  #unread: Buffer = Buffer.alloc(0)
  #head: string | undefined
  #begun = false

  constructor(peer: Peer, moments: Moments) {
    this.#peer = peer
    this.#moments = moments
  }

  take(chunk: Buffer): void {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk])
    while (this.#unread.length > 0 && !this.#peer.socket.destroyed) if (!this.#step()) return
  }

  #step(): boolean {
    const { onFirstByte, onHead, onTurn } = this.#moments
    if (!this.#begun) {
      this.#begun = true
      this.#peer.turns++
      onFirstByte?.(this.#peer)
    } else if (this.#head === undefined) {
      const end = this.#unread.indexOf('\r\n\r\n')
      if (end < 0) return false
      this.#head = this.#unread.toString('latin1', 0, end)
      this.#unread = this.#unread.subarray(end + 4)
      onHead?.(this.#peer, lineOf(this.#head))
    }
    const head = this.#head
    if (head === undefined || this.#peer.socket.destroyed) return !this.#peer.socket.destroyed
    const content = contentOf(head, this.#unread)
    if (content === undefined) return false
    this.#unread = this.#unread.subarray(content.length)
    this.#head = undefined
    this.#begun = false
    onTurn({ peer: this.#peer, ...lineOf(head), head, body: content.body })
    return true
  }
}

function lineOf(head: string): { method: string; path: string } {
  const [method = '', path = ''] = head.slice(0, head.indexOf('\r\n')).split(' ')
  return { method, path }
}

/** The content and its length on the wire, once it is whole. */
function contentOf(head: string, bytes: Buffer): { body: Buffer; length: number } | undefined {
  if (/^transfer-encoding: *chunked$/im.test(head)) return chunksOf(bytes)
  const length = Number(/^content-length: *(\d+)$/im.exec(head)?.[1] ?? 0)
  return bytes.length < length ? undefined : { body: bytes.subarray(0, length), length }
}

function chunksOf(bytes: Buffer): { body: Buffer; length: number } | undefined {
  const chunks: Buffer[] = []
  for (let at = 0; ; ) {
    const end = bytes.indexOf('\r\n', at)
    if (end < 0) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16)
    if (bytes.length < end + 2 + size + 2) return undefined
    chunks.push(bytes.subarray(end + 2, end + 2 + size))
    at = end + 2 + size + 2
    if (size === 0) return { body: Buffer.concat(chunks), length: at }
  }
}
