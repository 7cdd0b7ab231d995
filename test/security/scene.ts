// The edge under attack: every part switched on, an origin that writes down what reaches it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { type Edge, type EdgeSetup, startEdge } from '../support/edge'
import { echo, type Origin, type OriginHandler, startOrigin } from '../support/origin'
import { tempDir } from '../support/temp-dir'
import { until } from '../support/waiting'

/** The edge and the origin behind it. */
export interface Scene {
  readonly edge: Edge
  readonly origin: Origin
  /** `METHOD url` of every request that the origin got. */
  seen(): string[]
  /** Clears what `seen` gives. */
  forget(): void
  /** The client's request that must still work after an attack. */
  readonly url: string
}

/** What to build. */
export interface SceneOptions {
  readonly handler?: OriginHandler
  readonly fastify?: Record<string, unknown>
  readonly before?: EdgeSetup['before']
  readonly after?: EdgeSetup['after']
  /** In place of the routes of `fullRoutes`. */
  readonly routes?: (url: string, dir: string) => readonly object[]
  readonly defaults?: object
}

/** One route of each kind before a catch-all. */
export function fullRoutes(_url: string, dir: string): object[] {
  return [
    { prefix: '/admin', upstream: 'app', access: [{ deny: 'all' }] },
    { prefix: '/cached', upstream: 'app', cache: { zone: 'pages', valid: { 200: '60s' } } },
    { prefix: '/limited', upstream: 'app', rateLimit: { rate: '1r/h' } },
    { prefix: '/files', static: { root: dir } },
    { prefix: '/moved', redirect: { to: 'https://example.com/new$path$query' } },
    { prefix: '/ws', upstream: 'app', websocket: true },
    { prefix: '/', upstream: 'app' }
  ]
}

/** Starts both; closed after the test. */
export async function startScene(t: TestContext, options: SceneOptions = {}): Promise<Scene> {
  const origin = await startOrigin(options.handler ?? echo)
  t.after(origin.close)
  const dir = tempDir(t)
  writeFileSync(join(dir, 'a.txt'), 'a file')
  const { routes = fullRoutes, defaults, fastify, before, after } = options
  const edge = await startEdge(
    t,
    {
      upstreams: { app: origin.url },
      caches: { pages: { memory: '8m' } },
      ...(defaults !== undefined && { defaults }),
      routes: routes(origin.url, dir)
    },
    {
      ...(fastify !== undefined && { fastify }),
      ...(before !== undefined && { before }),
      ...(after !== undefined && { after })
    }
  )
  let from = 0
  return {
    edge,
    origin,
    url: edge.url,
    seen: () => origin.requests.slice(from).map(({ method, url }) => `${method} ${url}`),
    forget: () => {
      from = origin.requests.length
    }
  }
}

/** Waits until no server of the edge is busy. */
export function idle({ edge }: Pick<Scene, 'edge'>, upstream = 'app', withinMs = 5000): Promise<void> {
  const servers = () => edge.app.sluice.upstream(upstream).servers()
  return until('no exchange is active', () => servers().every(({ active }) => active === 0), withinMs)
}

/** Fails the test's process on what nobody caught, and gives what came. */
export function watchProcess(t: Pick<TestContext, 'after'>): unknown[] {
  const caught: unknown[] = []
  const note = (error: unknown) => caught.push(error)
  process.on('uncaughtException', note)
  process.on('unhandledRejection', note)
  process.on('warning', note)
  t.after(() => {
    process.off('uncaughtException', note)
    process.off('unhandledRejection', note)
    process.off('warning', note)
  })
  return caught
}
