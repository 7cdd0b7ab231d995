// WebSocket clients and servers of the tests: the `ws` package on both ends, with everything that happens kept.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { type ClientOptions, WebSocket, WebSocketServer } from 'ws'

/** A server that echoes every message as it came. */
export interface EchoServer {
  readonly url: string
  /** The handshakes that arrived. */
  readonly handshakes: readonly IncomingMessage[]
  readonly sockets: readonly WebSocket[]
  readonly http: Server
  close(): Promise<void>
}

/** Starts it. `refuse` answers a handshake itself when it returns true. */
export async function startEcho(
  t: TestContext,
  options: { greeting?: string; protocols?: (offered: Set<string>) => string | false } = {}
): Promise<EchoServer> {
  const handshakes: IncomingMessage[] = []
  const sockets: WebSocket[] = []
  const http = createServer((_, response) => response.end('plain'))
  const server = new WebSocketServer({
    server: http,
    ...(options.protocols && { handleProtocols: options.protocols })
  })
  server.on('connection', (socket, request) => {
    handshakes.push(request)
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    if (options.greeting !== undefined) socket.send(options.greeting)
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const close = async () => {
    if (!http.listening) return
    const closed = once(http, 'close')
    for (const socket of server.clients) socket.terminate()
    http.closeAllConnections()
    http.close()
    await closed
  }
  t.after(close)
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, handshakes, sockets, http, close }
}

/** A client that has not connected yet; ended with the test. */
export function client(
  t: TestContext,
  url: string,
  options: ClientOptions & { protocols?: string[] } = {}
): WebSocket {
  const { protocols, ...rest } = options
  const socket = new WebSocket(url.replace(/^http/, 'ws'), protocols ?? [], rest)
  socket.on('error', () => {})
  t.after(() => socket.terminate())
  return socket
}

/** A connected client. */
export async function connected(...parameters: Parameters<typeof client>): Promise<WebSocket> {
  const socket = client(...parameters)
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve())
    socket.once('error', reject)
  })
  return socket
}

/** Sends one message and gives the next that comes back. */
export async function echoed(socket: WebSocket, data: string | Buffer): Promise<Buffer> {
  const answer = once(socket, 'message')
  socket.send(data)
  const [message] = await answer
  return message as Buffer
}

/** How a handshake was refused. */
export interface RefusedHandshake {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly text: string
}

/** Connects, and gives the answer that was no 101. */
export function refused(...parameters: Parameters<typeof client>): Promise<RefusedHandshake> {
  const socket = client(...parameters)
  return new Promise((resolve, reject) => {
    socket.once('open', () => reject(new Error('the handshake succeeded')))
    socket.once('unexpected-response', (_request, response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        text += chunk
      })
      response.on('error', reject)
      response.on('end', () => {
        const { statusCode: status = 0, headers, rawHeaders } = response
        resolve({ status, headers, rawHeaders, text })
      })
    })
  })
}

/** Resolves with code and reason when the socket has closed. */
export async function ended(socket: WebSocket): Promise<{ code: number; reason: string }> {
  if (socket.readyState === WebSocket.CLOSED) throw new Error('it has closed already')
  const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
  return { code, reason: reason.toString() }
}
