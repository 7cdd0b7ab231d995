// A cached route in front of an origin whose answers a test writes, and a wall clock that it moves.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { mock, type TestContext } from 'node:test'
import type { CacheOptions } from '../../src/cache/options'
import { type Edge, type EdgeSetup, startEdge } from '../support/edge'
import { type Answer, type GetOptions, get } from '../support/http-client'
import { type Origin, type RecordedRequest, startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'

/** What the origin answers: fields and a body, or whatever a function does. */
export type Answering =
  | OriginAnswer
  | ((
      request: IncomingMessage,
      response: ServerResponse,
      record: RecordedRequest
    ) => OriginAnswer | undefined | Promise<OriginAnswer | undefined>)

/** One answer of the origin. Without `body` it is the number of the request. */
export interface OriginAnswer {
  readonly status?: number
  readonly fields?: Readonly<Record<string, string | string[]>>
  readonly body?: string | Buffer
}

/** The route and both its ends. */
export interface Cached {
  readonly origin: Origin
  readonly edge: Edge
  /** One GET, or what the options say, through the edge. */
  ask(path: string, options?: GetOptions): Promise<Answer>
  /** The cache word of one request. */
  word(path: string, options?: GetOptions): Promise<string>
}

/** How the edge of a test differs. */
export interface CachedSetup extends EdgeSetup {
  /** Options of the route beside `cache`. */
  readonly route?: object
  /** Options of the zone. */
  readonly zone?: object
  /** The origin listens on a unix socket: once closed, nobody else can take its address. */
  readonly mortal?: true
}

/** Starts both; everything ends with the test. */
export async function startCached(
  t: TestContext,
  answering: Answering,
  cache: Omit<CacheOptions, 'zone'> = {},
  setup: CachedSetup = {}
): Promise<Cached> {
  const origin = await startAnswering(t, answering, setup.mortal && join(tempDir(t), 'origin.sock'))
  const edge = await startEdge(
    t,
    {
      caches: { pages: setup.zone ?? {} },
      routes: [{ prefix: '/', upstream: origin.url, cache: { zone: 'pages', ...cache }, ...setup.route }]
    },
    setup
  )
  const ask = (path: string, options?: GetOptions) => get(edge.url + path, options)
  return { origin, edge, ask, word: async (path, options) => wordOf(await ask(path, options)) }
}

/** The origin alone. Its Date follows the moved clock; Node's own does not. */
export async function startAnswering(t: TestContext, answering: Answering, unix?: string): Promise<Origin> {
  let count = 0
  const origin = await startOrigin(
    async (request, response, record) => {
      count += 1
      const number = count
      response.setHeader('date', new Date(Date.now()).toUTCString())
      const answer = typeof answering === 'function' ? await answering(request, response, record) : answering
      if (answer === undefined) return
      const { status = 200, fields = {}, body = String(number) } = answer
      response.writeHead(status, fields)
      response.end(request.method === 'HEAD' ? undefined : body)
    },
    unix === undefined ? {} : { unix }
  )
  t.after(origin.close)
  return origin
}

/** nginx's word as the client sees it; empty without one. */
export function wordOf({ headers }: Answer): string {
  return String(headers['x-cache-status'] ?? '')
}

/** Moves the wall clock of this process, which is the edge's and the origin's: nothing has to be slept for. */
export function movableClock(t: TestContext): { advance(ms: number): void } {
  const real = Date.now
  let ahead = 0
  const moved = mock.method(Date, 'now', () => real() + ahead)
  t.after(() => moved.mock.restore())
  return {
    advance: (ms) => {
      ahead += ms
    }
  }
}
