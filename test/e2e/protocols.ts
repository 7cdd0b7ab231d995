// The same test for an HTTP/1.1 and an HTTP/2 client: one edge each, one way to ask.
import { type TestContext, test } from 'node:test'
import { type Edge, type EdgeSetup, startEdge } from '../support/edge'
import { connectH2, type H2Client } from '../support/h2'
import { type Answer, get } from '../support/http-client'

/** What both clients can send. */
export interface Ask {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string | Buffer
}

/** What both clients hand back. */
export type Told = Pick<Answer, 'status' | 'body' | 'text' | 'json'> & {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly trailers: Readonly<Record<string, string | string[] | undefined>>
}

/** An edge and a client of one protocol version. */
export interface Pair {
  readonly edge: Edge
  /** Sends a request for a path and reads the whole answer. */
  readonly ask: (path: string, options?: Ask) => Promise<Told>
  /** Only with HTTP/2: the connection that `ask` uses. */
  readonly h2: H2Client | undefined
}

/** Starts the pair of the test's protocol. */
export type StartPair = (options: object | readonly object[], setup?: EdgeSetup) => Promise<Pair>

/** One test for each protocol version. */
export function bothProtocols(name: string, run: (t: TestContext, start: StartPair) => Promise<void>): void {
  test(`${name} (HTTP/1.1)`, (t) => run(t, (options, setup) => startPlain(t, options, setup)))
  test(`${name} (HTTP/2)`, (t) => run(t, (options, setup) => startH2(t, options, setup)))
}

/** An edge for HTTP/1.1, each request on a connection of its own. */
export async function startPlain(t: TestContext, options: object, setup: EdgeSetup = {}): Promise<Pair> {
  const edge = await startEdge(t, options, setup)
  return { edge, h2: undefined, ask: (path, asked = {}) => get(`${edge.url}${path}`, asked) }
}

/** An edge for HTTP/2 with prior knowledge, all requests on one connection. */
export async function startH2(t: TestContext, options: object, setup: EdgeSetup = {}): Promise<Pair> {
  // First of the ends: the app's close waits for every session.
  let h2: H2Client | undefined
  t.after(() => h2?.session.destroy())
  const edge = await startEdge(t, options, { ...setup, fastify: { http2: true, ...setup.fastify } })
  const client = await connectH2(edge.url)
  h2 = client
  return { edge, h2, ask: (path, asked = {}) => client.get(path, asked) }
}
