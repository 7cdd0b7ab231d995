// An upstream server of the tests: answers as told and writes down everything that reached it.
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Socket } from 'node:net'
import { listen } from './address'
import type { KeyPair } from './certificates'
import { resetSocket } from './connection'
import { arrivals } from './waiting'

/** One request as it arrived. Body facts are final once `complete` has resolved. */
export interface RecordedRequest {
  readonly method: string
  readonly url: string
  readonly httpVersion: string
  readonly rawHeaders: readonly string[]
  readonly headers: IncomingMessage['headers']
  /** Which connection brought it, counted from 1. */
  readonly connection: number
  readonly startedAt: number
  readonly body: { readonly sha256: string; readonly size: number; readonly buffer: Buffer }
  readonly trailers: NodeJS.Dict<string>
  /** True when the client left before the request was whole or the answer was out. */
  readonly aborted: boolean
  readonly endedAt: number | undefined
  /** Resolves when the request is whole, or broken off (see `aborted`). */
  readonly complete: Promise<void>
}

/** Answers one request. A rejection destroys the connection. */
export type OriginHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  record: RecordedRequest
) => unknown

/** How the origin listens and reads. */
export interface OriginOptions {
  /** Path of a unix socket. */
  readonly unix?: string
  /** Listens with TLS. */
  readonly tls?: KeyPair & { readonly ca?: string; readonly requestCert?: boolean }
  /** False: the request body is left to the handler and not recorded. Default true. */
  readonly read?: boolean
  /** False: every response says `connection: close`. Default true. */
  readonly keepAlive?: boolean
  /** Bodies beyond it are hashed and counted, not kept. Default 16 MiB. */
  readonly keepBytes?: number
}

/** A running origin. All functions are closures: `t.after(origin.close)` works. */
export interface Origin {
  readonly url: string
  readonly requests: readonly RecordedRequest[]
  /** The n-th request (from 1), now or when its head arrives. */
  request(n: number): Promise<RecordedRequest>
  /** How many connections were accepted, and how many are open. */
  connections(): { readonly accepted: number; readonly open: number }
  /** Resolves when the n-th connection (from 1) has closed. */
  connectionClosed(n: number): Promise<void>
  /** Breaks every open connection with a reset. */
  reset(): void
  /** Stops listening and ends every connection. Idempotent. */
  close(): Promise<void>
}

const KEEP_BYTES = 16 * 1024 * 1024

/** Starts an origin on a free loopback port. Without a handler it echoes what it saw as JSON. */
export async function startOrigin(
  handler: OriginHandler = echo,
  options: OriginOptions = {}
): Promise<Origin> {
  const server = options.tls === undefined ? createServer() : createSecureServer(options.tls)
  const requests = arrivals<RecordedRequest>()
  const connections = arrivals<Socket>()
  const sockets = new Map<Socket, number>()
  const closed = once(server, 'close')

  server.on('connection', (socket: Socket) => {
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    sockets.set(socket, connections.items.length + 1)
    connections.add(socket)
  })
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (options.keepAlive === false) response.shouldKeepAlive = false
    const record = recordRequest(request, response, { options, connection: numberOf(request.socket) })
    requests.add(record)
    Promise.resolve()
      .then(() => handler(request, response, record))
      .catch(() => request.socket.destroy())
  })
  // Under TLS a request's socket is not the one that 'connection' announced; the ports of both are the same.
  const numberOf = (socket: Socket): number =>
    sockets.get(socket) ?? [...sockets].find(([raw]) => raw.remotePort === socket.remotePort)?.[1] ?? 0

  const url = await listen(server, { secure: options.tls !== undefined, unix: options.unix })
  return {
    url,
    requests: requests.items,
    request: requests.nth,
    connections: () => ({ accepted: connections.items.length, open: sockets.size }),
    connectionClosed: async (n) => {
      const socket = await connections.nth(n)
      if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve))
    },
    reset: () => {
      for (const socket of sockets.keys()) resetSocket(socket)
    },
    close: async () => {
      server.close()
      for (const socket of sockets.keys()) socket.destroy()
      await closed
    }
  }
}

/** The default handler: waits for the whole request and tells what arrived. */
export async function echo(
  _: IncomingMessage,
  response: ServerResponse,
  record: RecordedRequest
): Promise<void> {
  await record.complete
  const { method, url, httpVersion, rawHeaders, body, trailers } = record
  const seen = { method, url, httpVersion, rawHeaders, headers: record.headers, trailers }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ ...seen, size: body.size, sha256: body.sha256 }))
}

function recordRequest(
  request: IncomingMessage,
  response: ServerResponse,
  { options, connection }: { options: OriginOptions; connection: number }
): RecordedRequest {
  const hash = createHash('sha256')
  const chunks: Buffer[] = []
  const state = { size: 0, kept: 0, aborted: false, endedAt: undefined as number | undefined }
  const keepBytes = options.keepBytes ?? KEEP_BYTES

  if (options.read !== false) {
    request.on('data', (chunk: Buffer) => {
      hash.update(chunk)
      state.size += chunk.length
      if (state.size <= keepBytes) chunks.push(chunk)
    })
  }
  request.on('error', () => {})
  const complete = new Promise<void>((resolve) => {
    const { socket } = request
    const settle = () => {
      socket.off('close', settle)
      resolve()
    }
    request.once('end', settle)
    request.once('close', settle)
    // After an early answer that ends the connection, a request cut short says neither.
    socket.once('close', settle)
  })
  response.once('close', () => {
    state.aborted = !response.writableFinished
    state.endedAt = Date.now()
  })
  return {
    method: request.method ?? '',
    url: request.url ?? '',
    httpVersion: request.httpVersion,
    rawHeaders: request.rawHeaders,
    headers: request.headers,
    connection,
    startedAt: Date.now(),
    complete,
    get body() {
      return { sha256: hash.copy().digest('hex'), size: state.size, buffer: Buffer.concat(chunks) }
    },
    get trailers() {
      return request.trailers
    },
    get aborted() {
      return state.aborted || (request.socket.destroyed && !request.complete)
    },
    get endedAt() {
      return state.endedAt
    }
  }
}
