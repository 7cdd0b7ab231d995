// One edge over TLS with a route for every feature, the origin behind it, and a client of either protocol version.
import { writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { TestContext } from 'node:test'
import { certificates } from '../support/certificates'
import { type Edge, type EdgeSetup, startEdge } from '../support/edge'
import { connectH2, type H2Client } from '../support/h2'
import { get } from '../support/http-client'
import { type Origin, startOrigin } from '../support/origin'
import { seededLength, seededStream } from '../support/self-verifying'
import { tempDir } from '../support/temp-dir'

/** HTTP/1.1 alone, or HTTP/2 with `allowHTTP1`. */
export type Protocol = 'HTTP/1.1' | 'HTTP/2'

export const PROTOCOLS: readonly Protocol[] = ['HTTP/1.1', 'HTTP/2']

/** What both clients can send. */
export interface SecureAsk {
  readonly method?: string
  readonly headers?: Record<string, string | string[]>
  readonly body?: string | Buffer | Readable
}

/** What both clients hand back. */
export interface SecureAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
  readonly text: string
  json<T = Record<string, unknown>>(): T
  readonly trailers: Readonly<Record<string, string | string[] | undefined>>
  /** Of each 1xx: its status and its Link. */
  readonly information: readonly (readonly [number, unknown])[]
}

/** The edge, its origin and a client. */
export interface SecureSite {
  readonly protocol: Protocol
  readonly edge: Edge
  readonly origin: Origin
  readonly ask: (path: string, asked?: SecureAsk) => Promise<SecureAnswer>
  /** Only with HTTP/2: the connection that `ask` uses. */
  readonly h2: H2Client | undefined
}

/** Bytes of `/big`: far more than all buffers on the way take. */
export const BIG_BYTES = 64 * 1024 * 1024

export const ALT_SVC = 'h3=":443"; ma=86400'

/** What nobody listens on: port 9 of this machine (discard). */
const DEAD = 'http://127.0.0.1:9'

/** Starts all of it; ended with the test. */
export async function startSecureSite(
  t: TestContext,
  protocol: Protocol,
  setup: { routes?: object[]; fastify?: object } = {}
): Promise<SecureSite> {
  const origin = await startOrigin(answer, { keepBytes: 1024 })
  t.after(origin.close)
  // First of the ends: the app's close waits for every session.
  let h2: H2Client | undefined
  t.after(() => h2?.session.destroy())
  const { ca } = certificates()
  const edge = await startEdge(t, siteOptions(t, origin.url, setup.routes), tlsSetup(protocol, setup.fastify))
  if (protocol === 'HTTP/2') {
    const client = await connectH2(edge.url, { ca })
    h2 = client
    return { protocol, edge, origin, h2, ask: (path, asked) => askH2(client, path, asked) }
  }
  const agent = new Agent({ keepAlive: true, ca })
  t.after(() => agent.destroy())
  return { protocol, edge, origin, h2, ask: (path, asked) => askH1(edge.url + path, agent, asked) }
}

/** Fastify's options for TLS, as an app would have them. */
export function tlsSetup(protocol: Protocol, fastify: object = {}): EdgeSetup {
  const https = { ...certificates().good, allowHTTP1: true, minVersion: 'TLSv1.2' }
  return { fastify: { https, ...(protocol === 'HTTP/2' && { http2: true }), ...fastify } }
}

async function askH1(url: string, agent: Agent, asked: SecureAsk = {}): Promise<SecureAnswer> {
  const { ca } = certificates()
  const { information, ...rest } = await get(url, { ...asked, agent, ca })
  return { ...rest, information: information.map(({ status, headers }) => [status, headers.link]) }
}

async function askH2(client: H2Client, path: string, asked: SecureAsk = {}): Promise<SecureAnswer> {
  const { information, ...rest } = await client.get(path, asked)
  return { ...rest, information: information.map((fields) => [Number(fields[':status']), fields.link]) }
}

function siteOptions(t: TestContext, upstream: string, routes: readonly object[] = []): object {
  const dir = tempDir(t)
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(dir, name), text)
  const disk = { path: tempDir(t), maxSize: '64m' }
  return {
    caches: { memory: {}, disk: { maxObject: '1k', disk } },
    upstreams: { origin: upstream, dead: DEAD },
    defaults: { securityHeaders: true, altSvc: ALT_SVC },
    routes: [
      { prefix: '/', upstream: 'origin' },
      { prefix: '/memory', upstream: 'origin', cache: 'memory' },
      { prefix: '/disk', upstream: 'origin', cache: 'disk' },
      { prefix: '/files', static: { root: dir, expires: '1h' } },
      { prefix: '/moved', redirect: { to: 'https://$host$path$query' } },
      { prefix: '/limited', upstream: 'origin', rateLimit: { rate: '1r/m' } },
      { prefix: '/denied', upstream: 'origin', access: [{ deny: 'all' }] },
      { prefix: '/small', upstream: 'origin', bodyLimit: '1k' },
      { prefix: '/upload', upstream: 'origin', bodyLimit: false },
      { prefix: '/dead', upstream: 'dead', retry: false },
      { prefix: '/dead-page', upstream: 'dead', retry: false, errorPages: { 502: join(dir, '502.html') } },
      { prefix: '/silent', upstream: 'origin', timeouts: { read: '200ms' }, retry: false },
      { prefix: '/ws', upstream: 'origin', websocket: true },
      ...routes
    ]
  }
}

const FILES: Readonly<Record<string, string>> = { 'a.txt': 'a file\n', '502.html': '<h1>away</h1>' }

let bigSocket: Socket | undefined

/** Bytes that the origin has written on the connection that was asked for `/big` last. */
export function bigSent(): number {
  return bigSocket?.bytesWritten ?? 0
}

const LINK = '</s.css>; rel=preload'
const CACHED = { 'cache-control': 'max-age=600', etag: '"v1"', 'content-type': 'text/plain' }

type Answering = NonNullable<Parameters<typeof startOrigin>[0]>

/** Fields that no answer of an edge may relay, from an origin that sends them all. */
const CONNECTION = {
  connection: 'x-mine, keep-alive',
  'keep-alive': 'timeout=5',
  'x-mine': '1',
  'proxy-connection': 'close'
}

const ANSWERS: Readonly<Record<string, Answering>> = {
  '/memory': (_, response) => response.writeHead(200, { ...CACHED, 'content-length': 10 }).end('0123456789'),
  '/disk': (_, response) => response.writeHead(200, CACHED).end('0123456789'.repeat(500)),
  '/big': (request, response) => {
    bigSocket = request.socket
    response.writeHead(200, { 'content-length': seededLength('big', BIG_BYTES) })
    seededStream('big', BIG_BYTES).pipe(response)
  },
  '/trailers': (_, response) => {
    response.writeHead(200, { trailer: 'x-sum', 'content-type': 'text/plain' })
    response.write('content')
    response.addTrailers({ 'x-sum': '7' })
    response.end()
  },
  '/hints': (_, response) => {
    response.writeEarlyHints({ link: LINK })
    response.end('hinted')
  },
  '/silent': () => new Promise(() => {}),
  '/hang': () => new Promise(() => {}),
  '/refuse': (_, response) => response.writeHead(403, { connection: 'close' }).end('no'),
  '/broken': (request, response) => {
    response.writeHead(200, { 'content-length': request.url?.endsWith('/small') ? 1000 : 1_000_000 })
    response.write('begun', () => setTimeout(() => request.socket.destroy(), 50))
  },
  '/connection': (_, response) => response.writeHead(200, CONNECTION).end('x'),
  '/early': (_, response) => response.writeHead(425).end('too early')
}

const answer: Answering = async (request, response, record) => {
  const path = Object.keys(ANSWERS).find((each) => request.url?.startsWith(each))
  if (path !== undefined) {
    await ANSWERS[path]?.(request, response, record)
    return
  }
  await record.complete
  const { size, sha256 } = record.body
  const { method, url, headers, trailers } = record
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ method, url, headers, trailers, size, sha256 }))
}

/** The certificate authority as a file, for programs. */
export function authorityFile(t: TestContext): string {
  const file = join(tempDir(t), 'ca.pem')
  writeFileSync(file, certificates().ca)
  return file
}
