// One fault of the diagnosis suite: how it is made, what the client gets, and what the one log line says.
import type { TestContext } from 'node:test'
import { type Edge, type EdgeSetup, type LogRecord, startEdge } from '../../support/edge'
import { startOrigin } from '../../support/origin'
import { rawTranscript } from '../../support/raw-client'
import { until } from '../../support/waiting'

/** What came of it. */
export interface Seen {
  /** The client's status; 0 when it got none. */
  readonly status: number
  /** Everything that the client got, as text. */
  readonly answer: string
  /** The lines about the fault. */
  readonly lines: readonly LogRecord[]
  /** What the client must not see: address, host or path of the server. */
  readonly secrets: readonly string[]
}

/** A fault. */
export interface FaultCase {
  readonly name: string
  readonly run: (t: TestContext) => Promise<Seen>
  /** The client's status. */
  readonly status: number
  /** Pino's level of the line. */
  readonly level: number
  readonly code?: string
  readonly phase?: string
  readonly errno?: RegExp
  readonly server?: RegExp
  readonly option: string
  readonly next: RegExp
}

/** A client's request for a path, its connection closed after it. */
export const GET = 'GET /x HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n'

/** A registration in which the fault's options have telling paths: `upstreams.app.servers[0]`, `routes[1]`. */
export function routed(server: string, route: object = {}, group: object = {}): object {
  return {
    upstreams: { app: { servers: [server], ...group } },
    routes: [
      { prefix: '/other', upstream: 'app' },
      { prefix: '/', upstream: 'app', retry: false, ...route }
    ]
  }
}

/** Starts an edge, sends the bytes, closes the edge: all lines that were written since the request are in. */
export async function ask(
  t: TestContext,
  options: object | readonly object[],
  { request = GET, ...setup }: EdgeSetup & { request?: string | Buffer } = {}
): Promise<Seen> {
  const edge = await startEdge(t, options, setup)
  return askEdge(edge, { request, secrets: secretsOf(options) })
}

/** The same with an edge that is there. */
export async function askEdge(
  edge: Edge,
  { request = GET, secrets = [] }: { request?: string | Buffer; secrets?: readonly string[] }
): Promise<Seen> {
  const before = edge.log.length
  const answer = await send(edge.url, request)
  const record = () => edge.log.slice(before).some(({ requestTime }) => requestTime !== undefined)
  await until('the record', record, 30_000)
  await edge.close()
  return { ...answer, secrets, lines: edge.log.slice(before) }
}

/** Everything that a server answers, to the end of the connection. */
export async function send(
  url: string,
  request: string | Buffer
): Promise<{ status: number; answer: string }> {
  const { responses, rest } = await rawTranscript(url, request)
  const [response] = responses
  const text = rest.toString('latin1')
  if (response === undefined)
    return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), answer: text }
  return {
    status: response.status,
    answer: JSON.stringify(response.fields) + response.body.toString('latin1') + text
  }
}

/** Addresses and socket paths of all servers in the options, but for the loopback host, which the client knows. */
export function secretsOf(options: object): string[] {
  const urls = JSON.stringify(options).match(/(?:https?:\/\/|unix:)[^"]+/g) ?? []
  return urls.map((url) => url.replace(/^https?:\/\/|^unix:/, ''))
}

/** A loopback port on which nobody listens. */
export async function closedPort(): Promise<string> {
  const origin = await startOrigin()
  await origin.close()
  return origin.url
}
