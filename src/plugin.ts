// The composition root: options → parts → hooks, routes, decorators → close.
import replyFrom from '@fastify/reply-from'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import { type CacheZoneOptions, resolveCacheZone } from './cache/options'
import { optionError } from './errors'
import type { SluiceOptions } from './options'
import { checkReplyFrom, replyFromOptions } from './proxy/requestable'
import { createRateLimiter, type RateLimiter, type RateLimiterDeps } from './rate-limit/hook'
import { createApi } from './setup/api'
import { CatchAll } from './setup/catch-all'
import { addHostConstraint } from './setup/hosts'
import { freezeCopy } from './setup/merge'
import { addMethods, mount } from './setup/mount'
import { patternsOf, shareMethods } from './setup/places'
import { quietRequests } from './setup/quiet'
import { type Registry, registryOf } from './setup/registry'
import { resolveRoute, type Surroundings } from './setup/resolve'
import { type NamedRoute, routesOf } from './setup/routes'
import { validateRoute, validateShared } from './setup/schema'
import { listenForContinue, refuseSelf, watchSessions } from './setup/server'
import { mountedFor, openUpgrades } from './setup/tunnel'
import { warnAbout } from './setup/warnings'
import { openZone } from './setup/zone'
import { fastifyStaticOptions } from './static/handler'
import { resolveUpstreams, type UpstreamOptions } from './upstream/options'

interface Shared {
  readonly upstreams: Record<string, string | UpstreamOptions>
  readonly caches: Record<string, CacheZoneOptions>
  readonly redis: RateLimiterDeps['redis'] | undefined
}

/** The plugin body; index.ts wraps it for Fastify. */
export const plugin: FastifyPluginAsync<SluiceOptions> = async (app, given) => {
  const { upstreams = {}, caches = {}, redis } = given as Partial<Shared>
  const routes = routesOf(given)
  validateShared({ upstreams, caches, ...(redis && { redis }) }, '')
  for (const { options, path } of routes) validateRoute(options, path)
  let first = false
  const registry = registryOf(app, (created) => {
    first = true
    install(app, created)
  })
  decorate(app, registry)
  await define(registry, { upstreams, caches, redis })
  await app.register(async (child) => mountAll(child, registry, { routes, redis }))
  if (first) warnAbout(app, routes)
}

/** Contexts side by side each have their own decorators, over one registry. */
function decorate(app: FastifyInstance, registry: Registry): void {
  if (app.hasDecorator('sluice')) return
  app.decorateRequest('sluice', null)
  app.decorate('sluice', createApi(registry))
}

/** Once per server: listeners on the server, the end. */
function install(app: FastifyInstance, registry: Registry): void {
  const upgrades = openUpgrades(app, registry)
  registry.parts = { upgrades, catchAll: new CatchAll(app) }
  addHostConstraint(app)
  listenForContinue(app.server, (request) => mountedFor(registry, request) !== undefined)
  upgrades.attach(app.server)
  app.addHook('onListen', async () => refuseSelf(app, registry))
  const closeSessions = watchSessions(app.server)
  app.addHook('preClose', async () => {
    closeSessions()
    await upgrades.close()
  })
  app.addHook('onClose', async () => registry.close())
}

async function define(registry: Registry, { upstreams, caches }: Shared): Promise<void> {
  for (const resolved of resolveUpstreams(upstreams, 'upstreams').values()) {
    registry.defineUpstream(resolved, `upstreams.${resolved.name}`)
  }
  for (const [name, options] of Object.entries(caches)) {
    const path = `caches.${name}`
    if (registry.caches.has(name)) throw optionError(path, 'already defined by an earlier registration')
    registry.caches.set(name, await openZone(name, resolveCacheZone(options, path), path))
  }
}

/** All routes live in a child of their own: their body parsers and decorators meet nobody else's. */
async function mountAll(
  child: FastifyInstance,
  registry: Registry,
  { routes, redis }: { routes: readonly NamedRoute[]; redis: Shared['redis'] }
): Promise<void> {
  quietRequests(child)
  child.removeAllContentTypeParsers()
  child.addContentTypeParser('*', (_request, _payload, done) => done(null))
  checkReplyFrom(replyFrom)
  await child.register(replyFrom, replyFromOptions)
  await child.register(fastifyStatic, fastifyStaticOptions)
  addMethods(child, registry, routes)
  const shares = shareMethods(routes, child.supportedMethods)
  const around: Surroundings = {
    app: child,
    registry,
    viaId: registry.viaId,
    limiter: limiterFor(child, redis)
  }
  for (const named of routes) {
    const { methods, allow } = shares.get(named) as NonNullable<ReturnType<typeof shares.get>>
    const route = await resolveRoute(named, { ...around, allow })
    const patterns = patternsOf(named, routes)
    mount(child, registry, {
      named: { ...named, options: freezeCopy(named.options) },
      route,
      methods,
      patterns
    })
  }
}

/** Made at the first route that has a limit. */
function limiterFor({ log }: FastifyInstance, redis: Shared['redis']): () => Promise<RateLimiter> {
  let limiter: Promise<RateLimiter> | undefined
  return () => {
    limiter ??= createRateLimiter({
      now: () => performance.now(),
      ...(redis && { redis }),
      onRedisFailure: (error) => log.error({ err: error }, 'rateLimit: Redis does not answer; requests pass')
    })
    return limiter
  }
}
