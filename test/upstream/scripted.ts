// A server that says exactly the bytes a test gives it, and the calls that the tests make.
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { type Duplex, Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import { isSluiceError, type SluiceError } from '../../src/errors'
import { Abort } from '../../src/http/abort'
import type { UpstreamRequest, UpstreamResponse } from '../../src/http/message'
import { resolveUpstream, type UpstreamOptions } from '../../src/upstream/options'
import { type Call, openTransport, type Timeouts, type Transport } from '../../src/upstream/transport'

/** A listening server, with every connection it has had. */
export interface Scripted {
  readonly url: string
  readonly sockets: Socket[]
  /** All bytes of all connections so far. */
  readonly received: () => string
  /** Resolves once `text` has been received. */
  readonly until: (text: string) => Promise<void>
}

/** What a connection does: called with each request head that has arrived whole. */
export type Script = (socket: Socket, head: string, index: number) => void

/** Listens on a free port and runs `script` for each request; bodies are left to the script. */
export async function scripted(t: TestContext, script: Script): Promise<Scripted> {
  return listen(t, script, (server) => server.listen(0, '127.0.0.1'))
}

/** The same on a unix socket. */
export async function scriptedUnix(t: TestContext, script: Script): Promise<Scripted> {
  const path = `${tmpdir()}/sluice-${process.pid}-${Math.trunc(performance.now() * 1000)}.sock`
  return listen(t, script, (server) => server.listen(path))
}

async function listen(t: TestContext, script: Script, start: (server: Server) => void): Promise<Scripted> {
  const sockets: Socket[] = []
  const listeners = new Set<() => void>()
  let received = ''
  let index = 0
  const server = createServer((socket) => {
    sockets.push(socket)
    let pending = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      pending += chunk.toString('latin1')
      for (const listener of listeners) listener()
      const end = pending.indexOf('\r\n\r\n')
      if (end === -1 || !/^[A-Z]+ [^ ]+ HTTP/.test(pending)) return
      const head = pending.slice(0, end + 4)
      pending = ''
      script(socket, head, index++)
    })
  })
  start(server)
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const address = server.address()
  const url = typeof address === 'string' ? `unix:${address}` : `http://127.0.0.1:${address?.port}`
  const until = (text: string) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!received.includes(text)) return
        listeners.delete(check)
        resolve()
      }
      listeners.add(check)
      check()
    })
  return { url, sockets, received: () => received, until }
}

/** A transport to `url`, ended with the test. */
export function transportTo(t: TestContext, url: string, options: Partial<UpstreamOptions> = {}): Transport {
  const group = resolveUpstream('app', { servers: [url], ...options }, 'upstreams.app')
  const [server] = group.servers
  if (server === undefined) throw new Error('no server')
  const transport = openTransport(server.origin, group)
  t.after(() => transport.destroy())
  return transport
}

const PATIENT: Timeouts = { connect: 5000, send: 5000, read: 5000 }

/** A call with the parts that a test cares about. */
export function call(
  request: Partial<UpstreamRequest> = {},
  rest: Partial<Omit<Call, 'request' | 'timeouts'>> & { timeouts?: Partial<Timeouts> } = {}
): Call {
  return {
    collect: 65_536,
    abort: new Abort(),
    record: { server: 'test' },
    ...rest,
    request: { method: 'GET', path: '/', fields: { host: 'test' }, body: null, ...request },
    timeouts: { ...PATIENT, ...rest.timeouts }
  }
}

/** The error that a promise rejects with, which must be one of ours. */
export async function failureIn(promise: Promise<unknown>): Promise<SluiceError> {
  try {
    await promise
  } catch (error) {
    if (isSluiceError(error)) return error
    throw error
  }
  throw new Error('did not fail')
}

/** Resolves when the socket has closed, however it came to that. */
export function closed(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve()
    else socket.once('close', () => resolve())
  })
}

/** The whole content as text. */
export async function text({ body }: UpstreamResponse): Promise<string> {
  if (body === null) return ''
  if (!(body instanceof Readable)) return body.toString('latin1')
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(chunk)
  return Buffer.concat(chunks).toString('latin1')
}

/** A final response with a length. */
export function ok(content: string, fields = ''): string {
  return `HTTP/1.1 200 OK\r\n${fields}content-length: ${content.length}\r\n\r\n${content}`
}
