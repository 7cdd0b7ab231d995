// An HTTP/2 server of node:http2 that the tests of this folder ask, and what it has seen.
import { once } from 'node:events'
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions
} from 'node:http2'
import { tmpdir } from 'node:os'
import type { TestContext } from 'node:test'
import type { UpstreamOptions } from '../../../src/upstream/options'
import type { Transport } from '../../../src/upstream/transport'
import { transportTo } from '../scripted'

/** Called for each stream with the fields as they came. */
export type OnStream = (
  stream: ServerHttp2Stream,
  fields: IncomingHttpHeaders,
  raw: readonly string[]
) => void

/** A listening server. */
export interface H2Server {
  readonly url: string
  readonly sessions: ServerHttp2Session[]
  readonly streams: ServerHttp2Stream[]
}

/** Without TLS, on TCP or a unix socket. */
export async function h2cServer(
  t: TestContext,
  onStream: OnStream,
  options: ServerOptions & { unix?: boolean } = {}
): Promise<H2Server> {
  return listen(t, createServer(options), onStream, options.unix === true)
}

/** With TLS. */
export async function h2Server(
  t: TestContext,
  onStream: OnStream,
  options: SecureServerOptions
): Promise<H2Server> {
  const server = createSecureServer(options)
  server.on('tlsClientError', () => {})
  const { url, ...rest } = await listen(t, server, onStream, false)
  return { url: url.replace('http:', 'https:'), ...rest }
}

async function listen(
  t: TestContext,
  server: Http2Server,
  onStream: OnStream,
  unix: boolean
): Promise<H2Server> {
  const sessions: ServerHttp2Session[] = []
  const streams: ServerHttp2Stream[] = []
  server.on('session', (session) => {
    sessions.push(session)
    session.on('error', () => {})
  })
  server.on('sessionError', () => {})
  server.on('stream', (stream, fields, _flags, raw?: readonly string[]) => {
    streams.push(stream)
    stream.on('error', () => {})
    onStream(stream, fields, raw ?? [])
  })
  const path = `${tmpdir()}/sluice-h2-${process.pid}-${Math.trunc(performance.now() * 1000)}.sock`
  if (unix) server.listen(path)
  else server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  const address = server.address()
  const url = unix ? `unix:${path}` : `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  return { url, sessions, streams }
}

/** A transport that asks in HTTP/2 without TLS, ended with the test. */
export function h2cTo(t: TestContext, url: string, options: Partial<UpstreamOptions> = {}): Transport {
  return transportTo(t, url, { protocol: 'h2c', ...options })
}
