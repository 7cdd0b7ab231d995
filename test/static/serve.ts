// A real server whose one route serves a temporary folder the way the plugin does, and a client that sends paths as they are.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import fastifyStatic from '@fastify/static'
import Fastify, { type FastifyInstance } from 'fastify'
import {
  createStatic,
  fastifyStaticOptions,
  type Static,
  type StaticEnvironment
} from '../../src/static/handler'
import { resolveStatic, type StaticOptions } from '../../src/static/options'

export interface Answer {
  status: number
  fields: Record<string, string>
  body: string
  /** Everything after the first answer's head, and whether the server closed the connection before we did. */
  closed: boolean
}

export interface Site {
  root: string
  port: number
  app: FastifyInstance
  stats: Static['stats']
  get(path: string, fields?: Record<string, string>, method?: string): Promise<Answer>
}

export interface Setup {
  files?: Record<string, string>
  options?: Partial<StaticOptions>
  prefix?: string
  environment?: StaticEnvironment
  http2?: boolean
  before?(app: FastifyInstance): void
}

export function folder(t: TestContext, files: Record<string, string> = {}): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'sluice-static-')))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), content)
  }
  return root
}

export async function site(t: TestContext, setup: Setup = {}): Promise<Site> {
  const { files, prefix = '', environment, before } = setup
  const root = folder(t, files)
  // The types of an HTTP/2 app differ in raw request and response only.
  const app = Fastify({
    exposeHeadRoutes: false,
    // Else the close waits for the sessions of HTTP/2 clients, which end after it.
    forceCloseConnections: true,
    ...(setup.http2 && { http2: true })
  } as object) as FastifyInstance
  t.after(() => app.close())
  before?.(app)
  const options = resolveStatic({ root, ...setup.options }, 'static')
  const served = createStatic(options, environment)
  await app.register(async (child) => {
    await child.register(fastifyStatic, fastifyStaticOptions)
    for (const url of prefix === '' ? ['/*'] : [prefix, `${prefix}/*`]) {
      child.route({
        method: ['GET', 'HEAD', 'POST'],
        url,
        handler: async (request, reply) => {
          const path = (request.raw.url ?? '').slice(prefix.length).split('?', 1)[0] || '/'
          const outcome = await served.serve(request, reply, path)
          if (outcome === 'next') return reply.code(299).send('upstream')
          if (outcome === 'missing') reply.callNotFound()
          if (outcome === 'method') return reply.code(405).header('allow', 'GET, HEAD').send()
          return reply
        }
      })
    }
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as { port: number }
  return {
    root,
    port,
    app,
    stats: served.stats,
    get: (path, fields, method) => exchange(port, path, fields, method)
  }
}

/** One HTTP/1.1 exchange over a plain socket; `closed` when the server did not wait for the end of it. */
function exchange(port: number, path: string, fields = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const lines = Object.entries({ host: 'static.test', ...fields }).map(
      ([name, value]) => `${name}: ${value}`
    )
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
    )
    let text = ''
    const finish = (closed: boolean) => {
      const answer = read(text, method)
      if (answer === undefined && !closed) return
      socket.destroy()
      resolve({ ...(answer ?? partial(text)), closed })
    }
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      text += chunk
      finish(false)
    })
    socket.on('close', () => finish(true))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? finish(true) : reject(error)
    )
  })
}

function partial(text: string): Omit<Answer, 'closed'> {
  const end = text.indexOf('\r\n\r\n')
  const [start = '', ...lines] = text.slice(0, end === -1 ? undefined : end).split('\r\n')
  const fields: Record<string, string> = {}
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(':')).toLowerCase()
    const value = line.slice(line.indexOf(':') + 1).trim()
    // Two lines of one field are what most tests must see.
    fields[name] = name in fields ? `${fields[name]} | ${value}` : value
  }
  return { status: Number(start.split(' ')[1] ?? 0), fields, body: end === -1 ? '' : text.slice(end + 4) }
}

function read(text: string, method: string): Omit<Answer, 'closed'> | undefined {
  if (!text.includes('\r\n\r\n')) return undefined
  const answer = partial(text)
  const bodiless = method === 'HEAD' || answer.status === 304 || answer.status === 204
  if (bodiless) return answer
  if (answer.fields['transfer-encoding'] === 'chunked')
    return answer.body.endsWith('0\r\n\r\n') ? answer : undefined
  return answer.body.length >= Number(answer.fields['content-length'] ?? 0) ? answer : undefined
}
