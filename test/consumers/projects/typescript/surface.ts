// The whole public surface as TypeScript sees it: every name and type, what must compile, what must not, and then it runs.
import { deepStrictEqual } from 'node:assert'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import type {
  Exchange,
  RouteOptions,
  Sluice,
  SluiceError,
  SluiceErrorCode,
  SluiceOptions,
  SluiceStats
} from 'fastify-sluice'
import sluice, { check, defineSluice, sluice as named } from 'fastify-sluice'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_ extends true>(): void => {}

holds<Same<FastifyInstance['sluice'], Sluice>>()
holds<Same<SluiceError['code'], SluiceErrorCode>>()
holds<Same<ReturnType<Sluice['stats']>, SluiceStats>>()
// An `any` anywhere would pass each of the above.
holds<Same<0 extends 1 & Sluice ? 'any' : 'typed', 'typed'>>()
holds<Same<0 extends 1 & Exchange ? 'any' : 'typed', 'typed'>>()
holds<Same<0 extends 1 & SluiceOptions ? 'any' : 'typed', 'typed'>>()

const asPlugin: FastifyPluginAsync<SluiceOptions> = sluice
const asNamed: typeof asPlugin = named
const route: RouteOptions<'app', 'pages'> = {
  prefix: '/pages',
  upstream: 'app',
  cache: { zone: 'pages', valid: { 200: '60s' }, useStale: ['error', 'updating'] }
}

export const wrong = (app: FastifyInstance) => [
  // @ts-expect-error no such upstream
  defineSluice({ upstreams: { app: 'http://a' }, routes: [{ prefix: '/', upstream: 'ap' }] }),
  // @ts-expect-error no such cache
  defineSluice({ caches: { a: {} }, routes: [{ prefix: '/', upstream: 'http://a', cache: 'b' }] }),
  // @ts-expect-error a duration has a unit
  defineSluice({ prefix: '/', upstream: 'http://a', timeouts: { read: 60 } }),
  // @ts-expect-error no such option
  defineSluice({ prefix: '/', upstream: 'http://a', upstrem: 'b' }),
  // @ts-expect-error no such way to purge
  app.sluice.purge('all')
]

async function main(): Promise<void> {
  const origin = createServer((request, response) => response.end(`through ${request.url}`))
  await new Promise<void>((resolve) => origin.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`
  const options: SluiceOptions<'app', 'pages'> = defineSluice({
    upstreams: { app: { servers: [url], keepalive: 4 } },
    caches: { pages: { memory: '1m' } },
    defaults: { securityHeaders: true, timeouts: { read: '30s' } },
    routes: [
      route,
      { prefix: '/', upstream: 'app', onRequest: async (request) => void request.sluice?.route }
    ]
  })
  check(options)
  const app = Fastify()
  const seen: (Exchange['cache'] | null)[] = []
  app.addHook('onResponse', async (request) => void seen.push(request.sluice?.cache ?? null))
  await app.register(asNamed, options)
  await app.register(sluice, { prefix: '/flat', upstream: url, rewritePrefix: '/' })
  const listening = await app.listen({ host: '127.0.0.1', port: 0 })
  const ask = async (path: string): Promise<string> => {
    const answer = await fetch(listening + path, { headers: { connection: 'close' } })
    return `${answer.status} ${await answer.text()}`
  }
  deepStrictEqual(
    [await ask('/pages/1'), await ask('/pages/1'), await ask('/flat/x')],
    ['200 through /pages/1', '200 through /pages/1', '200 through /x']
  )
  const { removed }: { removed: number } = await app.sluice.purge({ url: `${listening}/pages/1` })
  const [server] = app.sluice.upstream('app').servers()
  const stats: SluiceStats = app.sluice.stats()
  deepStrictEqual(
    [removed, server?.url, Object.keys(stats.caches), app.sluice.routes().length, seen],
    [1, url, ['pages'], 3, ['MISS', 'HIT', null]]
  )
  await app.close()
  origin.close()
  console.log('as expected')
}

void main()
