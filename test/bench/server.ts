// One contestant in a process of its own: told by BENCH which, and where the origin, the files and Sluice are.
import { readdirSync } from 'node:fs'
import { Agent, createServer, type RequestListener } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import fastify, { type FastifyInstance, type FastifyPluginCallback } from 'fastify'
import sluice from 'fastify-sluice'

/** What a contestant has to know. */
export interface Surroundings {
  readonly origin: string
  readonly files: string
  /** A directory for a cache on disk. */
  readonly disk: string
  /** Its answers are what those without a proxy send: the same bytes under the same fields. */
  readonly model: string
}

type Plugin = FastifyPluginCallback<Record<string, unknown>>
type Start = (at: Surroundings) => Promise<string>

const peer = createRequire(join(__dirname, '..', '..', '..', 'test', 'bench', 'package.json'))

const CONTESTANTS: Readonly<Record<string, Start>> = {
  sluice: (at) => listening(edge(at)),
  'sluice, memory': (at) => listening(edge({ ...at, disk: '' })),
  'sluice, undici': (at) => listening(edge(at, 'undici')),
  fastify: async (at) => listening(await bareFastify(at)),
  'node:http': async (at) => serving(await bareHttp(at)),
  '@fastify/http-proxy': ({ origin }) => {
    const app = fastify()
    return listening(app.register(peer('@fastify/http-proxy') as Plugin, { upstream: origin }))
  },
  '@fastify/static': ({ files }) => {
    const app = fastify()
    const plugin = peer('@fastify/static') as Plugin
    return listening(app.register(plugin, { root: files, prefix: '/files/' }))
  },
  sirv: ({ files }) => {
    const sirv = peer('sirv') as (root: string) => RequestListener
    const handle = sirv(files)
    return serving((request, response) => {
      request.url = request.url?.slice('/files'.length) ?? '/'
      handle(request, response)
    })
  },
  'fast-proxy': ({ origin }) => {
    interface FastProxy {
      proxy(request: unknown, response: unknown, url: string | undefined, options: object): void
    }
    const { proxy } = (peer('fast-proxy') as (options: object) => FastProxy)({ base: origin })
    return serving((request, response) => proxy(request, response, request.url, {}))
  },
  'http-proxy': ({ origin }) => serving(webOf('http-proxy', origin)),
  httpxy: ({ origin }) => serving(webOf('httpxy', origin)),
  'http-proxy-middleware': ({ origin }) => {
    interface Middleware {
      createProxyMiddleware(options: object): (...call: unknown[]) => void
    }
    const handle = (peer('http-proxy-middleware') as Middleware).createProxyMiddleware({
      target: origin,
      agent: keepAlive()
    })
    return serving((request, response) => handle(request, response, () => response.destroy()))
  },
  'undici cache': ({ origin }) => serving(undiciCache(origin))
}

/** All routes of the scenarios, with the options that a user would begin with. */
function edge({ origin, files, disk }: Surroundings, client: 'http1' | 'undici' = 'http1'): FastifyInstance {
  const app = fastify()
  const onDisk = { maxObject: '1k', disk: { path: disk, maxSize: '64m' } } as const
  return app.register(sluice, {
    upstreams: { origin: { servers: [origin], client } },
    caches: { memory: {}, other: disk === '' ? {} : onDisk },
    routes: [
      { prefix: '/', upstream: 'origin' },
      { prefix: '/cached', upstream: 'origin', cache: { zone: 'memory' } },
      { prefix: '/disk', upstream: 'origin', cache: { zone: 'other' } },
      { prefix: '/files', static: { root: files } }
    ]
  })
}

interface Model {
  readonly path: string
  readonly body: Buffer
  readonly fields: Readonly<Record<string, string>>
}

/** Fields that a server sends by itself, or of one answer only. */
const OWN = new Set(['connection', 'keep-alive', 'date', 'content-length', 'transfer-encoding'])

async function modelsOf({ model, files }: Surroundings): Promise<Model[]> {
  const names = readdirSync(files)
  const paths = names.flatMap((name) => [`/cached/${name}`, `/files/${name}`])
  return Promise.all(
    paths.map(async (path) => {
      await (await fetch(model + path)).arrayBuffer()
      const response = await fetch(model + path)
      const fields = Object.fromEntries([...response.headers].filter(([name]) => !OWN.has(name)))
      return { path, fields, body: Buffer.from(await response.arrayBuffer()) }
    })
  )
}

async function bareFastify(at: Surroundings): Promise<FastifyInstance> {
  const app = fastify()
  for (const { path, body, fields } of await modelsOf(at)) {
    app.get(path, (request, reply) => {
      reply.headers(fields)
      if (request.headers['if-none-match'] === fields.etag && fields.etag !== undefined)
        reply.code(304).send()
      else reply.send(body)
    })
  }
  return app
}

async function bareHttp(at: Surroundings): Promise<RequestListener> {
  const models = new Map((await modelsOf(at)).map((model) => [model.path, model]))
  return (request, response) => {
    const { body, fields } = models.get(request.url ?? '') as Model
    const isSame = request.headers['if-none-match'] === fields.etag && fields.etag !== undefined
    if (isSame) response.writeHead(304, fields).end()
    else response.writeHead(200, { ...fields, 'content-length': body.length }).end(body)
  }
}

function webOf(name: string, target: string): RequestListener {
  interface Proxy {
    createProxyServer(options: object): {
      web(request: unknown, response: unknown): unknown
      on(event: 'error', listener: () => void): unknown
    }
  }
  const proxy = (peer(name) as Proxy).createProxyServer({ target, agent: keepAlive() })
  proxy.on('error', () => {})
  return (request, response) => void proxy.web(request, response)
}

function keepAlive(): Agent {
  return new Agent({ keepAlive: true, maxSockets: 256 })
}

function undiciCache(origin: string): RequestListener {
  const undici = peer('undici') as typeof import('undici')
  const client = new undici.Agent().compose(undici.interceptors.cache())
  return async (request, response) => {
    const call = { origin, path: request.url ?? '/', method: 'GET', headers: request.headers } as const
    const answer = await client.request(call)
    response.writeHead(answer.statusCode, answer.headers)
    answer.body.pipe(response)
  }
}

async function listening(app: FastifyInstance): Promise<string> {
  return app.listen({ port: 0, host: '127.0.0.1' })
}

function serving(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  return new Promise((resolve) => {
    server.once('listening', () => resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
  })
}

const { name, ...at } = JSON.parse(process.env.BENCH ?? '{}') as Surroundings & { name: string }
const start = CONTESTANTS[name]
if (start === undefined) throw new Error(`no contestant of this name: ${name}`)
void start(at).then((url) => console.log(url))
