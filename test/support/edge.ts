// An app with the plugin in it, listening on a free port, its log kept line by line.
import type { Server } from 'node:http'
import { Writable } from 'node:stream'
import type { TestContext } from 'node:test'
import Fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyServerOptions } from 'fastify'

/** One log record, as pino wrote it. */
export type LogRecord = Readonly<Record<string, unknown>> & { readonly level: number; readonly msg?: string }

/** How to build the app around the plugin. */
export interface EdgeSetup {
  /** Options for Fastify; `https`, `http2` and `logger` included. */
  readonly fastify?: Record<string, unknown>
  /** Runs before the plugin is registered: hooks, plugins and routes of the app. */
  readonly before?: (app: FastifyInstance) => unknown
  /** Runs after the plugin is registered and before the app listens. */
  readonly after?: (app: FastifyInstance) => unknown
  /** `app.listen` options; default: a free port on 127.0.0.1. */
  readonly listen?: { host?: string; port?: number; path?: string }
  /** Another plugin in place of the whole one, to test a part by itself. */
  readonly plugin?: EdgePlugin
  /** Pino's level. Default `info`. */
  readonly logLevel?: string
}

/** The app and what it logged. */
export interface Edge {
  readonly app: FastifyInstance
  /** `http://127.0.0.1:port`; `https` when the app has TLS, `unix:` for a path. */
  readonly url: string
  /** Every log record so far, in order. */
  readonly log: readonly LogRecord[]
  /** The records whose message contains the text. */
  logged(text: string): LogRecord[]
  /** Closes the app; the end of the test does it too. */
  close(): Promise<void>
}

// biome-ignore lint/suspicious/noExplicitAny: any plugin's options
type EdgePlugin = FastifyPluginAsync<any>

/** Registers the plugin with these options, or once per element of a list, and listens. Closed after the test. */
export async function startEdge(
  t: Pick<TestContext, 'after'>,
  options: object | readonly object[],
  setup: EdgeSetup = {}
): Promise<Edge> {
  const { app, log } = makeApp(setup)
  t.after(() => app.close())
  await setup.before?.(app)
  const plugin = setup.plugin ?? wholePlugin()
  for (const each of Array.isArray(options) ? options : [options]) await app.register(plugin, each)
  await setup.after?.(app)
  const tcp = setup.listen?.path === undefined ? { host: '127.0.0.1', port: 0 } : {}
  const address = await app.listen({ ...tcp, ...setup.listen })
  return {
    app,
    url: setup.listen?.path === undefined ? address : `unix:${setup.listen.path}`,
    log,
    logged: (text) => log.filter(({ msg }) => msg?.includes(text)),
    close: () => app.close()
  }
}

/** Registers without listening and gives the error that start-up ends in. */
export async function startError(options: object, setup: EdgeSetup = {}): Promise<Error> {
  const { app } = makeApp(setup)
  try {
    await setup.before?.(app)
    await app.register(setup.plugin ?? wholePlugin(), options)
    await setup.after?.(app)
    await app.ready()
  } catch (error) {
    return error as Error
  } finally {
    await app.close()
  }
  throw new Error('the app started')
}

/** A sink for pino that keeps parsed records. */
export function logSink(): { stream: Writable; log: LogRecord[] } {
  const log: LogRecord[] = []
  const stream = new Writable({
    write(chunk: Buffer, _, done) {
      for (const line of chunk.toString().split('\n'))
        if (line !== '') log.push(JSON.parse(line) as LogRecord)
      done()
    }
  })
  return { stream, log }
}

function makeApp(setup: EdgeSetup): { app: FastifyInstance; log: LogRecord[] } {
  const { stream, log } = logSink()
  const logger = { level: setup.logLevel ?? 'info', stream }
  // Clients of the tests keep connections open; without this each close would wait for them.
  const settings = { forceCloseConnections: true, logger, ...setup.fastify } as FastifyServerOptions<Server>
  return { app: Fastify(settings), log }
}

// Loaded by name so that a part can be tested before, and without, the whole.
function wholePlugin(): EdgePlugin {
  const entry = '../../src/index'
  return (require(entry) as { default: EdgePlugin }).default
}
