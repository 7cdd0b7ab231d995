// Types of the app's own routes, and the names that a user needs. Never run.
import type { Http2SecureServer } from 'node:http2'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type {
  AccessRule,
  AuthRequestOptions,
  BufferingOptions,
  CacheOptions,
  CacheWord,
  CacheZoneOptions,
  ConcurrencyOptions,
  CookieOptions,
  Duration,
  ErrorPage,
  Exchange,
  ForwardedOptions,
  ForwardOptions,
  HeaderOptions,
  OwnCacheOptions,
  PurgeRequest,
  Rate,
  RateLimitOptions,
  RetryOptions,
  RouteDefaults,
  RouteOptions,
  SecurityHeaderOptions,
  ServerOptions,
  Size,
  Sluice,
  SluiceError,
  SluiceErrorCode,
  SluiceOptions,
  SluiceStats,
  StaticOptions,
  TimeoutOptions,
  UpstreamOptions,
  UpstreamUrl,
  WebsocketOptions
} from 'fastify-sluice'

/** Every one can be named. */
export type Names = [
  AccessRule,
  AuthRequestOptions,
  CacheZoneOptions,
  ConcurrencyOptions,
  CookieOptions,
  Duration,
  ErrorPage,
  ForwardedOptions,
  HeaderOptions,
  PurgeRequest,
  Rate,
  RateLimitOptions,
  RetryOptions,
  RouteDefaults,
  SecurityHeaderOptions,
  ServerOptions,
  Size,
  Sluice,
  SluiceError,
  SluiceErrorCode,
  SluiceOptions,
  SluiceStats,
  StaticOptions,
  TimeoutOptions,
  UpstreamOptions,
  UpstreamUrl,
  WebsocketOptions
]

export const route: RouteOptions<'app', 'pages'> = { prefix: '/', upstream: 'app', cache: 'pages' }
// @ts-expect-error no such upstream
export const wrongRoute: RouteOptions<'app', 'pages'> = { prefix: '/', upstream: 'ap' }
export const cache: CacheOptions = {
  zone: 'pages',
  bypass: ({ headers }) => headers['x-preview'] !== undefined
}

declare const app: FastifyInstance
declare const h2: FastifyInstance<Http2SecureServer>
type Params = { Params: { id: string } }

const own: OwnCacheOptions = { zone: 'pages', valid: '60s', useStale: ['updating', 'http_500'] }
app.get(
  '/:id',
  app.sluice.cached<Params>(own, async ({ params }) => params.id.length)
)
app.get(
  '/this',
  app.sluice.cached('pages', function (request, reply) {
    this.log.info(request.url)
    reply.code(200).send('x')
  })
)
app.get<Params>(
  '/typed/:id',
  app.sluice.cached(own, async (request: FastifyRequest<Params>, reply: FastifyReply) => {
    reply.code(200)
    return request.params.id
  })
)
h2.get<Params>(
  '/:id',
  h2.sluice.cached<Params>(own, async ({ params }) => params.id)
)
// @ts-expect-error a handler runs for a request
app.sluice.cached({ zone: 'pages', background: true }, async () => 'x')
// @ts-expect-error a handler has no network
app.sluice.cached({ zone: 'pages', useStale: ['timeout'] }, async () => 'x')
// @ts-expect-error a zone is needed
app.sluice.cached({ valid: '60s' }, async () => 'x')
// @ts-expect-error 60 what?
app.sluice.cached({ zone: 'pages', valid: 60 }, async () => 'x')
// @ts-expect-error the handler is missing
app.sluice.cached('pages')

const buffering: BufferingOptions = { memory: '2m', spill: { path: '/var/spool/app' } }
const forward: ForwardOptions = {
  rewritePrefix: '/v1',
  cache: { zone: 'pages' },
  timeouts: { read: '10s' },
  buffering,
  altSvc: 'clear'
}
app.get('/a', (_, reply) => reply.sluice('app', forward))
app.get('/b', async (_, reply) => reply.sluice('http://127.0.0.1:3000'))
// @ts-expect-error where it mounts is the app's own business
app.get('/c', (_, reply) => reply.sluice('app', { prefix: '/x' }))
// @ts-expect-error guards are the app's own business
app.get('/d', (_, reply) => reply.sluice('app', { rateLimit: { rate: '1r/s' } }))

app.addHook('onResponse', async ({ sluice }) => {
  const word: CacheWord | undefined = sluice?.cache
  const exchange: Exchange | null = sluice
  app.log.info({ word, tries: exchange?.tries })
})
