// An app with one tunnelled route, a dialler on node:http, and raw clients, for the tests of this folder.
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import type { Duplex } from 'node:stream'
import type { TestContext } from 'node:test'
import Fastify, { type FastifyInstance, type FastifyRequest, type FastifyServerOptions } from 'fastify'
import { WebSocketServer } from 'ws'
import { sluiceError } from '../../src/errors'
import type { Abort } from '../../src/http/abort'
import type { Fields } from '../../src/http/message'
import type { UpgradeResult } from '../../src/upstream/transport'
import { resolveWebsocket, type WebsocketOption } from '../../src/websocket/options'
import type { TunnelOutcome } from '../../src/websocket/tunnel'
import { createUpgrades, type Upgrades } from '../../src/websocket/upgrade'

export const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
export const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

export type Dial = (fields: Fields, abort: Abort, request: FastifyRequest) => Promise<UpgradeResult>

export interface Edge {
  readonly app: FastifyInstance
  readonly upgrades: Upgrades
  readonly port: number
  readonly outcomes: (TunnelOutcome | Error)[]
  readonly logs: string[]
}

export interface EdgeOptions {
  readonly websocket?: WebsocketOption
  readonly dial?: Dial
  readonly host?: string
  readonly fastify?: FastifyServerOptions
  readonly before?: (app: FastifyInstance) => void
}

/** `/ws/*` is tunnelled, or echoed when ordinary; `/plain` is the app's own. */
export async function startEdge(t: TestContext, options: EdgeOptions): Promise<Edge> {
  const logs: string[] = []
  const logger = { level: 'info', stream: { write: (line: string) => logs.push(line) } }
  const app = Fastify({
    ...options.fastify,
    logger,
    forceCloseConnections: true
  }) as unknown as FastifyInstance
  const owns = (request: http.IncomingMessage) => (request.url ?? '').startsWith('/ws')
  const upgrades = createUpgrades(app, { owns, log: app.log })
  const outcomes: (TunnelOutcome | Error)[] = []
  const websocket = resolveWebsocket(options.websocket ?? true, 'routes[0].websocket')
  const dial = options.dial ?? (() => Promise.reject(sluiceError('SLUICE_CONNECT_FAILED')))
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.addHook('preClose', () => upgrades.close())
  options.before?.(app)
  const echo = async (request: FastifyRequest) => `${request.method} ${request.url} ${request.body ?? ''}`
  app.route({
    method: ['GET', 'POST'],
    url: '/ws/*',
    exposeHeadRoute: false,
    onRequest: (request, reply, done) => {
      if (!upgrades.giveBack(request, reply)) done()
    },
    preHandler: async (request, reply) => {
      try {
        const call = { request, reply, options: websocket }
        const outcome = await upgrades.tunnel({
          ...call,
          dial: (fields, abort) => dial(fields, abort, request)
        })
        outcomes.push(outcome)
      } catch (error) {
        outcomes.push(error as Error)
        throw error
      }
    },
    handler: echo
  })
  app.all('/plain', { exposeHeadRoute: false }, echo)
  upgrades.attach(app.server)
  await app.listen({ port: 0, host: options.host ?? '127.0.0.1' })
  t.after(() => app.close())
  return { app, upgrades, port: (app.server.address() as net.AddressInfo).port, outcomes, logs }
}

/** What src/upstream does, in small. */
export function dialTo(port: number): Dial {
  return (fields, abort, original) =>
    new Promise((resolve, reject) => {
      const headers = { ...original.headers, ...fields, connection: 'Upgrade' }
      const request = http.request({ port, host: '127.0.0.1', path: original.url, headers, agent: false })
      abort.listen((reason) => {
        request.destroy()
        reject(reason)
      })
      request.on('upgrade', (response, socket, head) => {
        resolve({ kind: 'switched', fields: response.headers as Fields, socket, head })
      })
      request.on('response', (response) => {
        const answer = {
          status: response.statusCode ?? 0,
          fields: endToEnd(response.headers as Fields),
          body: response
        }
        resolve({ kind: 'refused', response: answer })
      })
      request.on('error', (cause) => reject(sluiceError('SLUICE_CONNECT_FAILED', { cause })))
      request.end()
    })
}

function endToEnd(fields: Fields): Fields {
  const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...rest } = fields
  return rest
}

/** A `ws` server that echoes. */
export async function startEcho(t: TestContext): Promise<{ port: number; server: WebSocketServer }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: true })
  server.on('connection', (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })))
  await once(server, 'listening')
  t.after(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  return { port: (server.address() as net.AddressInfo).port, server }
}

/** A server that does with each socket what it is told once a request head has come. */
export async function startRaw(
  t: TestContext,
  onHead: (socket: net.Socket, head: string) => void
): Promise<number> {
  const open = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    open.add(socket)
    let seen = ''
    const onData = (chunk: Buffer) => {
      seen += chunk.toString('latin1')
      if (!seen.includes('\r\n\r\n')) return
      socket.off('data', onData)
      onHead(socket, seen)
    }
    socket.on('data', onData).on('error', () => undefined)
    socket.on('close', () => open.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return (server.address() as net.AddressInfo).port
}

/** A server that answers each handshake rightly and hands over the socket. */
export function startSwitching(
  t: TestContext,
  onSocket: (socket: net.Socket) => void,
  more = ''
): Promise<number> {
  return startRaw(t, (socket, head) => {
    const key = /sec-websocket-key: (.*)\r\n/i.exec(head)?.[1]
    if (key === KEY) {
      socket.write(switching(ACCEPT, more))
      onSocket(socket)
    } else socket.destroy()
  })
}

export function switching(accept: string, more = ''): string {
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n${more}\r\n`
}

/** A handshake as text; `null` leaves a field out. */
export function handshake(path: string, changes: Record<string, string | null> = {}, line = 'GET'): string {
  const fields: Record<string, string | null> = {
    Host: 'edge.test',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': KEY,
    ...changes
  }
  let text = `${line} ${path} HTTP/1.1\r\n`
  for (const [name, value] of Object.entries(fields)) if (value !== null) text += `${name}: ${value}\r\n`
  return `${text}\r\n`
}

export interface Raw {
  readonly socket: net.Socket
  /** All that has come. */
  text(): string
  bytes(): Buffer
  /** Resolves when what has come holds the text; rejects when the connection closes before. */
  until(text: string): Promise<string>
  /** Resolves with everything when the server has ended the connection. */
  end(): Promise<string>
}

export function connect(t: TestContext, port: number, send = '', host = '127.0.0.1'): Raw {
  const socket = net.connect(port, host)
  const chunks: Buffer[] = []
  t.after(() => socket.destroy())
  socket.on('error', () => undefined)
  socket.on('data', (chunk) => chunks.push(chunk))
  if (send !== '') socket.write(send, 'latin1')
  const bytes = () => Buffer.concat(chunks)
  const text = () => bytes().toString('latin1')
  const ended = new Promise<void>((resolve) => {
    socket.once('end', resolve)
    socket.once('close', () => resolve())
  })
  return {
    socket,
    bytes,
    text,
    until: async (wanted) => {
      while (!text().includes(wanted)) {
        if (socket.readableEnded || socket.destroyed) throw new Error(`closed before "${wanted}": ${text()}`)
        await Promise.race([once(socket, 'data'), ended])
      }
      return text()
    },
    end: async () => {
      if (!socket.readableEnded && !socket.destroyed) await ended
      return text()
    }
  }
}

/** The outcome of a joined tunnel's end, or a failed assertion in disguise. */
export function endOf(edge: Edge, at = 0): Promise<import('../../src/websocket/relay').TunnelEnd> {
  const outcome = edge.outcomes[at]
  if (outcome === undefined || outcome instanceof Error || outcome.kind !== 'joined') {
    throw new Error(`not joined: ${JSON.stringify(outcome)}`)
  }
  return outcome.ended
}

export function closed(socket: Duplex): Promise<unknown> {
  return socket.closed ? Promise.resolve() : new Promise((resolve) => socket.once('close', resolve))
}
