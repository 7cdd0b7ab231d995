// The composition root: options → parts → hooks, routes, decorators → close.
import type { Server } from 'node:http'
import replyFrom from '@fastify/reply-from'
import type { FastifyBaseLogger, FastifyInstance, FastifyPluginAsync, RegisterOptions } from 'fastify'
import { type CacheZoneOptions, resolveCacheZone } from './cache/options'
import type { SluiceOptions } from './options'
import { listenForContinue } from './proxy/expect'
import { checkReplyFrom, replyFromOptions } from './proxy/requestable'
import { findContextKey } from './proxy/route-context'
import { createRateLimiter, type RateLimiter, type RateLimiterDeps } from './rate-limit/hook'
import { createApi } from './setup/api'
import { openSpills } from './setup/buffering'
import { CatchAll } from './setup/catch-all'
import { Connections } from './setup/connections'
import { Drain } from './setup/drain'
import { NODE_CLOCK } from './setup/group'
import { hostConstraint } from './setup/hosts'
import { LoopDelay } from './setup/loop-delay'
import { freezeCopy } from './setup/merge'
import { addMethods, keepLast, mount } from './setup/mount'
import { decorateOwn } from './setup/own'
import { patternsOf, shareMethods } from './setup/places'
import { quietOurs, quietRequests } from './setup/quiet'
import { Readiness } from './setup/ready'
import { type Registry, registryOf } from './setup/registry'
import { resolveRoute, type Surroundings } from './setup/resolve'
import { mountedFor } from './setup/router'
import type { NamedRoute } from './setup/routes'
import { readRegistration } from './setup/schema'
import { allSessions, furtherServers, refuseSelf, type Sessions, watchSessions } from './setup/server'
import { asRouted, openUpgrades } from './setup/tunnel'
import { warnAbout } from './setup/warnings'
import { channelToPrimary, warnWithoutPrimary } from './setup/workers'
import { openZone } from './setup/zone'
import { fastifyStaticOptions } from './static/handler'
import { fastifyStatic } from './static/library'
import { resolveUpstreams, type UpstreamOptions } from './upstream/options'

/** What Fastify takes without the option. */
const FASTIFY_BODY_LIMIT = 1024 * 1024

interface Shared {
  readonly upstreams: Record<string, string | UpstreamOptions>
  readonly caches: Record<string, CacheZoneOptions>
  readonly redis: RateLimiterDeps['redis'] | undefined
}

/** The plugin body; index.ts wraps it for Fastify. */
export const plugin: FastifyPluginAsync<SluiceOptions> = async (app, given) => {
  const { routes } = readRegistration(given, app.prefix)
  const { upstreams = {}, caches = {}, redis } = given as Partial<Shared>
  let first = false
  const registry = registryOf(app, (created) => {
    first = true
    install(app, created)
  })
  decorate(app, registry)
  await define(app, registry, { upstreams, caches, redis })
  if (routes.length === 0) registry.leaveToHandlers(Object.keys(upstreams))
  const { logLevel, logSerializers } = given as RegisterOptions
  const register = {
    ...(logLevel !== undefined && { logLevel }),
    ...(logSerializers !== undefined && { logSerializers })
  }
  await app.register(
    async (child) => mountAll(child, registry, { routes, redis, log: recordLog(app, register) }),
    register
  )
  if (first) warnAbout(app)
}

/** Once per context: two encapsulated plugins of an app may both register. */
function decorate(app: FastifyInstance, registry: Registry): void {
  if (app.hasDecorator('sluice')) return
  findContextKey(app)
  app.decorateRequest('sluice', null)
  app.decorate('sluice', createApi(registry))
  decorateOwn(app, registry, quietOurs(app))
}

/** Once per server: the router's constraints, listeners on the server, the end. */
function install(app: FastifyInstance, registry: Registry): void {
  const upgrades = openUpgrades(app, registry)
  const connections = new Connections()
  const each: Sessions[] = []
  const sessions = allSessions(each)
  const drain = new Drain({ connections, sessions, tunnels: upgrades, log: app.log })
  const loop = new LoopDelay(NODE_CLOCK)
  const readiness = new Readiness({ drain, loop, log: app.log })
  registry.parts = { upgrades, catchAll: new CatchAll(app), drain, readiness, loop }
  app.addConstraintStrategy(hostConstraint as never)
  const attach = (server: Server): void => {
    listenForContinue(server, (request) => mountedFor(registry, asRouted(app, request)) !== undefined)
    upgrades.attach(server)
    connections.watch(server)
    each.push(watchSessions(server))
  }
  attach(app.server)
  app.addHook('onListen', async () => {
    for (const server of furtherServers(app)) attach(server)
    refuseSelf(app, registry)
  })
  // Later registrations and handlers of the app may use what earlier ones define: only now is it known.
  app.addHook('onReady', async () => {
    registry.start()
    drain.start()
    loop.start()
    const unused = registry.unused()
    if (unused.length > 0) app.log.warn(`defined and used by no route: ${unused.join(', ')}`)
    void warnWithoutPrimary(app.log, registry)
  })
  app.addHook('preClose', async () => {
    drain.close()
    loop.stop()
    sessions.end()
    await upgrades.close()
  })
  app.addHook('onClose', async () => registry.close())
}

async function define(
  { log }: FastifyInstance,
  registry: Registry,
  { upstreams, caches }: Shared
): Promise<void> {
  for (const resolved of resolveUpstreams(upstreams, 'upstreams').values()) {
    registry.defineUpstream(resolved, `upstreams.${resolved.name}`)
  }
  for (const [name, options] of Object.entries(caches)) {
    const path = `caches.${name}`
    registry.refuseKnownCache(name)
    const resolved = resolveCacheZone(options, path)
    registry.defineCache(name, await openZone(name, resolved, { path, log }))
    if (resolved.disk === undefined) registry.memoryCaches.push(name)
  }
}

/** All routes live in a child of their own: their body parsers and decorators meet nobody else's. */
async function mountAll(
  child: FastifyInstance,
  registry: Registry,
  { routes, redis, log }: { routes: readonly NamedRoute[]; redis: Shared['redis']; log: FastifyBaseLogger }
): Promise<void> {
  const isLogDisabled = quietRequests(child)
  child.removeAllContentTypeParsers()
  child.addContentTypeParser('*', (_request, _payload, done) => done(null))
  checkReplyFrom(replyFrom)
  await child.register(replyFrom, replyFromOptions)
  if (routes.some(({ options }) => options.static)) {
    await child.register(fastifyStatic(), fastifyStaticOptions)
  }
  keepLast(child)
  await openSpills(routes, registry.spills, child.log)
  addMethods(child, registry, routes)
  const shares = shareMethods(routes, child.supportedMethods)
  const limited = routes.filter(({ options }) => options.rateLimit)
  if (redis === undefined) registry.ownLimits.push(...limited.map(({ url }) => url))
  const around: Surroundings = {
    registry,
    bodyLimit: child.initialConfig.bodyLimit ?? FASTIFY_BODY_LIMIT,
    limiter: limited.length > 0 ? await limiterFor(child, redis) : undefined
  }
  for (const named of routes) {
    const { methods, allow } = shares.get(named) as NonNullable<ReturnType<typeof shares.get>>
    const route = resolveRoute(named, { ...around, allow })
    const patterns = patternsOf(named, routes)
    mount(child, registry, {
      named: { ...named, options: freezeCopy(named.options) },
      route,
      methods,
      patterns,
      logging: { log, isLogDisabled }
    })
  }
}

/** Where the records go: Fastify's own options of a registration hold for them as for the lines of its routes. */
function recordLog(
  { log }: FastifyInstance,
  { logLevel, logSerializers }: Pick<RegisterOptions, 'logLevel' | 'logSerializers'>
): FastifyBaseLogger {
  if (logLevel === undefined && logSerializers === undefined) return log
  const level = logLevel === undefined ? {} : { level: logLevel }
  return log.child({}, { ...level, ...(logSerializers !== undefined && { serializers: logSerializers }) })
}

/** Apart from the app's own @fastify/rate-limit. */
function limiterFor({ log }: FastifyInstance, redis: Shared['redis']): Promise<RateLimiter> {
  const channel = channelToPrimary()
  const shared = redis ? { redis } : channel && { channel }
  const where = redis ? 'Redis' : 'the primary'
  return createRateLimiter({
    now: () => performance.now(),
    ...shared,
    onFailure: (error) =>
      log.error({ err: error }, `rateLimit: ${where} does not answer; this process counts alone`)
  })
}
