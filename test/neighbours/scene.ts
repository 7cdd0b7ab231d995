// One edge with every kind of answer behind it, beside one plugin of the app: what the cells of the matrix ask and how they judge.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import type { FastifyInstance } from 'fastify'
import type { WebSocket } from 'ws'
import { client, type EchoServer, echoed, startEcho } from '../e2e/socket'
import { type Edge, type EdgeSetup, startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { type Origin, startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'

/** Text that any coding makes shorter. */
export const PAGE = Buffer.from('a page of the upstream\n'.repeat(100))
/** More than is collected, and sent without a length. */
export const LARGE = Buffer.from('a line of a long answer\n'.repeat(8000))
/** A file of a static route. */
export const SCRIPT = Buffer.from('export const word = "file"\n'.repeat(100))

/** Fields of a request. */
export type Fields = Readonly<Record<string, string>>

/** One kind of answer: a column of the matrix. */
export interface Kind {
  readonly name: 'hit' | 'miss' | 'stream' | '206' | 'error' | 'static' | 'upgrade'
  /** The n-th request of a cell asks here; a miss is a miss once only. */
  path(n: number): string
  readonly headers?: Fields
  readonly status: number
  /** Its content before any hook of the app; undefined: any. */
  readonly content: Buffer | undefined
  readonly word?: 'HIT' | 'MISS'
  /** One request has filled the cache before. */
  readonly primed?: true
  /** It has validators and takes ranges: what a hook that changes the content must not leave as they are. */
  readonly tagged?: true
  /** How many requests reach a server of the upstream. */
  readonly reaches: 0 | 1
  /** What the plain upstream would have answered a POST with; undefined: no upstream takes one here. */
  readonly post?: number
}

/** The columns. */
export const KINDS: readonly Kind[] = [
  {
    name: 'hit',
    path: () => '/page/hit',
    status: 200,
    content: PAGE,
    word: 'HIT',
    primed: true,
    tagged: true,
    reaches: 0,
    post: 200
  },
  {
    name: 'miss',
    path: (n) => `/page/miss?${n}`,
    status: 200,
    content: PAGE,
    word: 'MISS',
    tagged: true,
    reaches: 1,
    post: 200
  },
  {
    name: 'stream',
    path: (n) => `/large?${n}`,
    status: 200,
    content: LARGE,
    word: 'MISS',
    tagged: true,
    reaches: 1,
    post: 200
  },
  {
    name: '206',
    path: () => '/page/part',
    headers: { Range: 'bytes=10-19' },
    status: 206,
    content: PAGE.subarray(10, 20),
    word: 'HIT',
    primed: true,
    reaches: 0,
    post: 200
  },
  { name: 'error', path: (n) => `/gone?${n}`, status: 502, content: undefined, reaches: 0, post: 502 },
  {
    name: 'static',
    path: () => '/files/app.js',
    status: 200,
    content: SCRIPT,
    tagged: true,
    reaches: 0,
    post: 405
  },
  {
    name: 'upgrade',
    path: (n) => `/socket?${n}`,
    status: 101,
    content: Buffer.from('echo'),
    reaches: 1
  }
]

/** What came back; of a handshake that succeeded, the content is the first message's echo. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
  readonly path: string
}

/** One edge and what is behind it. */
export interface Scene {
  readonly edge: Edge
  readonly origin: Origin
  readonly echo: EchoServer
  /** Sends the kind's n-th request, n counted by itself. */
  ask(kind: Kind, headers?: Fields): Promise<Answer>
  /** How many requests and handshakes the servers behind have seen. */
  reached(): number
}

/** How the edge of a scene is made. */
export interface SceneSetup extends Omit<EdgeSetup, 'plugin'> {
  /** Laid over the options of every route. */
  readonly defaults?: object
}

/** Starts it all; closed with the test. */
export async function startScene(t: TestContext, setup: SceneSetup = {}): Promise<Scene> {
  const { defaults, ...around } = setup
  const origin = await startOrigin(answer)
  t.after(origin.close)
  const echo = await startEcho(t)
  const root = tempDir(t)
  mkdirSync(join(root, 'files'))
  writeFileSync(join(root, 'files', 'app.js'), SCRIPT)
  const options = {
    upstreams: {
      app: origin.url,
      echo: echo.url,
      gone: { servers: [{ url: 'http://127.0.0.1:9', down: true }] }
    },
    caches: { pages: { memory: '4m' } },
    defaults: { ...defaults },
    routes: [
      { prefix: '/', upstream: 'app', cache: 'pages', websocket: true },
      { prefix: '/gone', upstream: 'gone' },
      { prefix: '/files', static: { root: join(root, 'files') } },
      { prefix: '/socket', upstream: 'echo', websocket: true }
    ]
  }
  const edge = await startEdge(t, options, around)
  let n = 0
  return {
    edge,
    origin,
    echo,
    reached: () => origin.requests.length + echo.handshakes.length,
    ask: (kind, headers = {}) => {
      n += 1
      const path = kind.path(n)
      const fields = { ...kind.headers, ...headers }
      return kind.name === 'upgrade'
        ? askUpgrade(t, edge.url, { path, fields })
        : askOnce(edge.url, { path, fields })
    }
  }
}

/** Answers of the upstream: a page that may be stored, a long stream that may not, an echo of whatever else. */
function answer(request: IncomingMessage, response: ServerResponse, record: { complete: Promise<void> }) {
  return record.complete.then(() => {
    response.setHeader('content-type', 'text/plain')
    response.setHeader('etag', '"of-upstream"')
    response.setHeader('vary', 'accept-language')
    response.setHeader('x-frame-options', 'of-upstream')
    if (request.url?.startsWith('/stored')) {
      response.setHeader('cache-control', 'public, max-age=60')
      for (let at = 0; at < LARGE.length; at += 16384) response.write(LARGE.subarray(at, at + 16384))
      response.end()
      return
    }
    if (request.url?.startsWith('/large')) {
      response.setHeader('accept-ranges', 'bytes')
      response.setHeader('cache-control', 'no-store')
      response.setHeader('set-cookie', 'upstream=1')
      for (let at = 0; at < LARGE.length; at += 16384) response.write(LARGE.subarray(at, at + 16384))
      response.end()
      return
    }
    if (request.url?.startsWith('/untagged')) response.removeHeader('etag')
    response.setHeader('cache-control', 'public, max-age=60')
    response.end(PAGE)
  })
}

async function askOnce(url: string, { path, fields }: { path: string; fields: Fields }): Promise<Answer> {
  const { status, headers, rawHeaders, body } = await get(url + path, { headers: { ...fields } })
  return { status, headers, rawHeaders, body, path }
}

async function askUpgrade(
  t: TestContext,
  url: string,
  { path, fields }: { path: string; fields: Fields }
): Promise<Answer> {
  const headers = { ...fields }
  const socket = client(t, url + path, { headers })
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    socket.once('upgrade', resolve)
    socket.once('unexpected-response', (_request, refusal: IncomingMessage) => resolve(refusal))
    socket.once('error', reject)
  })
  const { statusCode: status = 0, headers: received, rawHeaders } = response
  const body = status === 101 ? await oneEcho(socket) : await wholeBody(response)
  return { status, headers: received, rawHeaders, body, path }
}

async function oneEcho(socket: WebSocket): Promise<Buffer> {
  if (socket.readyState !== socket.OPEN) await once(socket, 'open')
  const body = await echoed(socket, 'echo')
  const closed = once(socket, 'close')
  socket.close()
  await closed
  return body
}

async function wholeBody(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

/** Our side of a cell: status, content, cache word, one line per field. `decoded`: what the plugin made of the content is undone first. */
export function verifyOurs(kind: Kind, found: Answer): void {
  assert.equal(found.status, kind.status)
  if (kind.content !== undefined) assert.ok(plainContent(found).equals(kind.content), 'the content is exact')
  else assert.equal(JSON.parse(plainContent(found).toString()).statusCode, kind.status)
  if (kind.word !== undefined) assert.equal(found.headers['x-cache-status'], kind.word)
  verifyFields(found)
}

/** Every field has one line, and a length tells the truth. */
export function verifyFields({ rawHeaders, headers, body, status }: Answer): void {
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase())
  const doubled = names.filter((name, index) => name !== 'set-cookie' && names.indexOf(name) !== index)
  assert.deepEqual(doubled, [], 'no field has two lines')
  const length = headers['content-length']
  if (length !== undefined && status !== 304) assert.equal(Number(length), body.length)
}

function plainContent({ headers, body }: Answer): Buffer {
  return headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
}

/** The lines about one request, ours or Fastify's. */
export function linesOf({ log }: Edge, path: string): readonly unknown[] {
  return log.filter((line) => (line.url ?? (line.req as { url?: string } | undefined)?.url) === path)
}

/** Each of these requests has left one line, once they have all ended; so have `others` to the same path. */
export async function verifyLog(edge: Edge, answers: readonly Answer[], others = 0): Promise<void> {
  for (const path of new Set(answers.map((each) => each.path))) {
    const count = answers.filter((each) => each.path === path).length + others
    await until(`${count} lines of ${path}`, () => linesOf(edge, path).length >= count)
    assert.equal(linesOf(edge, path).length, count, `lines of ${path}`)
  }
}

/** A plugin registered before or after us. */
export type Register = (app: FastifyInstance) => unknown
