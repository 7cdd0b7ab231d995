// The proxies, caches and file servers of Node, each with the options that its page begins with, and connections kept.
import { Agent, type RequestListener } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { FastifyPluginCallback } from 'fastify'
import { newFastify, type Start, startFastify, startPlain } from './listening'

type Plugin = FastifyPluginCallback<Record<string, unknown>>

const peer = createRequire(join(__dirname, '..', '..', '..', 'test', 'bench', 'package.json'))

/** The contestants, by name. */
export const NODE_PEERS: Readonly<Record<string, Start>> = {
  '@fastify/http-proxy': (at) => {
    const plugin = peer('@fastify/http-proxy') as Plugin
    const app = newFastify(at)
    app.register(plugin, { upstream: at.origin, websocket: true, wsUpstream: at.echo })
    return startFastify(app)
  },
  '@fastify/static': (at) => {
    const plugin = peer('@fastify/static') as Plugin
    return startFastify(newFastify(at).register(plugin, { root: at.files, prefix: '/files/' }))
  },
  sirv: ({ files }) => {
    const sirv = peer('sirv') as (root: string) => RequestListener
    const handle = sirv(files)
    return startPlain((request, response) => {
      request.url = request.url?.slice('/files'.length) ?? '/'
      handle(request, response)
    })
  },
  'fast-proxy': ({ origin }) => {
    interface FastProxy {
      proxy(request: unknown, response: unknown, url: string | undefined, options: object): void
    }
    const { proxy } = (peer('fast-proxy') as (options: object) => FastProxy)({ base: origin })
    return startPlain((request, response) => proxy(request, response, request.url, {}))
  },
  'http-proxy': ({ origin, echo }) => {
    const proxy = proxyOf('http-proxy', origin)
    const tunnels = proxyOf('http-proxy', echo)
    return startPlain(
      (request, response) => void proxy.web(request, response),
      (request, socket, head) => void tunnels.ws(request, socket, head)
    )
  },
  httpxy: ({ origin, echo }) => {
    const proxy = proxyOf('httpxy', origin)
    const tunnels = proxyOf('httpxy', echo)
    return startPlain(
      (request, response) => void proxy.web(request, response),
      (request, socket, head) => void tunnels.ws(request, socket, {}, head)
    )
  },
  'http-proxy-middleware': ({ origin }) => {
    interface Middleware {
      createProxyMiddleware(options: object): (...call: unknown[]) => void
    }
    const handle = (peer('http-proxy-middleware') as Middleware).createProxyMiddleware({
      target: origin,
      agent: keepAlive()
    })
    return startPlain((request, response) => handle(request, response, () => response.destroy()))
  },
  'undici cache': ({ origin }) => startPlain(undiciCache(origin))
}

interface Proxy {
  web(request: unknown, response: unknown): unknown
  ws(...call: unknown[]): unknown
  on(event: 'error', listener: () => void): unknown
}

function proxyOf(name: string, target: string): Proxy {
  const module = peer(name) as { createProxyServer(options: object): Proxy }
  const proxy = module.createProxyServer({ target, agent: keepAlive() })
  proxy.on('error', () => {})
  return proxy
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
