// Ways to register: flat, with routes, twice, in plugins of the app, with prefixes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import { startEdge, startError } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'

const sluice = (require('../../src/index') as { default: FastifyPluginAsync<Record<string, unknown>> })
  .default

async function originFor(t: Parameters<typeof startEdge>[0]) {
  const origin = await startOrigin()
  t.after(origin.close)
  return origin
}

async function seenAt(url: string): Promise<string> {
  const { status, text } = await get(url)
  return status === 200 ? (JSON.parse(text) as { url: string }).url : String(status)
}

test('each mapping is logged at start', async (t) => {
  const origin = await originFor(t)
  const edge = await startEdge(t, {
    upstreams: { app: origin.url },
    routes: [
      { prefix: '/api', upstream: 'app', rewritePrefix: '/v1' },
      { path: '/one', upstream: origin.url },
      { prefix: '/files', static: { root: '.', missing: 'next' }, upstream: 'app' },
      { prefix: '/old', redirect: { to: '/new' } },
      { prefix: '/site', hosts: ['a.test', '*.b.test'], methods: ['get', 'HEAD'], upstream: 'app' }
    ]
  })
  for (const line of [
    '/api/* → app/v1/*',
    `/one → ${origin.url}`,
    '/files/* → files in ., else app',
    '/old/* → 308 /new',
    '/site/* (a.test, *.b.test; GET, HEAD) → app'
  ])
    assert.equal(edge.logged(line).length, 1, line)
})

test('later registrations may name upstreams and caches of earlier ones', async (t) => {
  const origin = await originFor(t)
  const { url } = await startEdge(t, [
    { upstreams: { app: origin.url }, caches: { pages: { memory: '1m' } } },
    { prefix: '/a', upstream: 'app', cache: { zone: 'pages', valid: { 200: '1m' } } },
    { routes: [{ prefix: '/b', upstream: 'app' }] }
  ])
  assert.equal(await seenAt(`${url}/a`), '/a')
  assert.equal((await get(`${url}/a`)).headers['x-cache-status'], 'HIT')
  assert.equal(await seenAt(`${url}/b`), '/b')
})

test('a name defined twice, or a place taken by an earlier registration, is refused', async () => {
  const app = 'http://127.0.0.1:1'
  const after = (options: Record<string, unknown>) => (instance: FastifyInstance) =>
    instance.register(sluice, options)
  const upstreams = { upstreams: { app } }
  assert.match(
    (await startError(upstreams, { after: after(upstreams) })).message,
    /^upstreams\.app: the upstream "app" is already defined/
  )
  const caches = { caches: { a: { memory: '1m' } } }
  assert.match((await startError(caches, { after: after(caches) })).message, /^caches\.a: already defined/)
  const route = { prefix: '/x', upstream: app }
  assert.match(
    (await startError(route, { after: after(route) })).message,
    /^prefix: there is already a route at \/x/
  )
})

test('a route of the app at our very prefix is named by our option', async () => {
  const error = await startError(
    { routes: [{ prefix: '/x', upstream: 'http://127.0.0.1:1' }] },
    { before: (app) => app.get('/x', async () => 'app') }
  )
  assert.match(error.message, /^routes\[0\]\.prefix: there is already a route at \/x/)
})

test('in a plugin of the app with a prefix, routes mount below it', async (t) => {
  const origin = await originFor(t)
  const edge = await startEdge(
    t,
    {},
    {
      plugin: async (app) => {
        await app.register(
          async (child) => {
            await child.register(sluice, {
              upstreams: { app: origin.url },
              routes: [
                { prefix: '/raw', upstream: 'app' },
                { prefix: '/api', upstream: 'app', rewritePrefix: '/v1' },
                { path: '/exact', upstream: 'app' },
                { prefix: '/deny', upstream: 'app', access: [{ deny: 'all' }] },
                { prefix: '/', upstream: 'app' }
              ]
            })
          },
          { prefix: '/outer' }
        )
      }
    }
  )
  assert.equal(await seenAt(`${edge.url}/outer/raw/x?q`), '/outer/raw/x?q')
  assert.equal(await seenAt(`${edge.url}/outer/api/x?q`), '/v1/x?q')
  assert.equal(await seenAt(`${edge.url}/outer/api`), '/v1')
  assert.equal(await seenAt(`${edge.url}/outer/exact`), '/outer/exact')
  assert.equal(await seenAt(`${edge.url}/outer`), '/outer')
  assert.equal(await seenAt(`${edge.url}/outer/other`), '/outer/other')
  assert.equal(await seenAt(`${edge.url}/raw`), '404')
  for (const path of ['/outer/deny', '/outer//deny', '/outer/deny%2Fx', '/outer%2Fdeny'])
    assert.ok(['403', '400', '404'].includes(await seenAt(edge.url + path)), path)
  assert.equal(edge.logged('/outer/api/* → app/v1/*').length, 1)
})

test('two encapsulated plugins may both register; each sees app.sluice and the same registry', async (t) => {
  const origin = await originFor(t)
  const seen: unknown[] = []
  const edge = await startEdge(
    t,
    {},
    {
      plugin: async (app) => {
        await app.register(async (child) => {
          await child.register(sluice, {
            upstreams: { app: origin.url },
            routes: [{ prefix: '/a', upstream: 'app' }]
          })
          seen.push(child.sluice.routes().length)
        })
        await app.register(async (child) => {
          await child.register(sluice, { prefix: '/b', upstream: 'app' })
          seen.push(child.sluice.routes().length)
          child.addHook('onRequest', async (_request, reply) => {
            reply.header('x-child', 'b')
          })
        })
      }
    }
  )
  assert.deepEqual(seen, [1, 2])
  assert.equal((await get(`${edge.url}/a`)).headers['x-child'], undefined)
  assert.equal((await get(`${edge.url}/b`)).headers['x-child'], 'b')
})

test('two apps in one process share nothing', async (t) => {
  const origin = await originFor(t)
  const one = await startEdge(t, { upstreams: { app: origin.url }, prefix: '/', upstream: 'app' })
  const two = await startEdge(t, { upstreams: { app: origin.url }, prefix: '/', upstream: 'app' })
  assert.equal(await seenAt(`${one.url}/x`), '/x')
  await one.close()
  assert.equal(await seenAt(`${two.url}/x`), '/x')
})

test('the user’s objects are neither frozen nor changed, instances go by reference', async (t) => {
  const origin = await originFor(t)
  class Client {
    calls = 0
    readonly #secret = 1
    async eval(): Promise<number[]> {
      this.calls += this.#secret
      return [1, 0]
    }
    evalsha = this.eval
    defineCommand(): void {}
  }
  const redis = new Client()
  let configured: unknown
  const options = {
    redis,
    upstreams: { app: { servers: [{ url: origin.url, weight: 2 }] } },
    defaults: { headers: { request: { a: '1' } } },
    routes: [
      {
        prefix: '/',
        upstream: 'app',
        headers: { request: { b: '2' } },
        config: { mine: redis },
        onRequest: (request: FastifyRequest, _reply: unknown, done: () => void) => {
          configured = (request.routeOptions.config as { mine?: unknown }).mine
          done()
        }
      }
    ]
  }
  const before = JSON.stringify(options)
  const edge = await startEdge(t, options)
  assert.equal(JSON.stringify(options), before)
  for (const part of [options, options.upstreams.app.servers[0], options.defaults, options.routes[0], redis])
    assert.equal(Object.isFrozen(part), false)
  ;(options.routes[0] as { upstream: string }).upstream = 'changed'
  assert.equal(await seenAt(`${edge.url}/x`), '/x')
  assert.equal(configured, redis)
})

test('groups and zones that no route names are said once, when all registrations are known', async (t) => {
  const origin = await originFor(t)
  const shared = {
    upstreams: {
      app: origin.url,
      later: origin.url.replace('127.0.0.1', 'localhost'),
      idle: 'http://127.0.0.1:1'
    },
    caches: { pages: {}, spare: {} },
    prefix: '/',
    routes: [{ prefix: '/', upstream: 'app', cache: 'pages' }]
  }
  const edge = await startEdge(t, [shared, { prefix: '/later', upstream: 'later' }])
  const said = edge.logged('used by no route').map(({ msg }) => msg)
  assert.deepEqual(said, ['defined and used by no route: upstreams.idle, caches.spare'])
  const chosen = await startEdge(t, {
    ...shared,
    routes: [{ prefix: '/', upstream: () => 'app', cache: 'pages' }]
  })
  assert.deepEqual(
    chosen.logged('used by no route').map(({ msg }) => msg),
    ['defined and used by no route: caches.spare']
  )
  const used = await startEdge(t, { prefix: '/', upstream: origin.url })
  assert.deepEqual(used.logged('used by no route'), [])
  const forHandlers = await startEdge(t, [{ upstreams: { app: origin.url } }])
  assert.deepEqual(forHandlers.logged('used by no route'), [])
})

test('constraints and config are Fastify’s own', async (t) => {
  const origin = await originFor(t)
  const configs: unknown[] = []
  const edge = await startEdge(
    t,
    {
      defaults: { upstream: origin.url },
      routes: [
        { prefix: '/x', constraints: { version: '1.2.0' }, config: { name: 'one' } },
        { prefix: '/x', constraints: { version: '2.0.0' }, config: { name: 'two' } }
      ]
    },
    {
      before: (app) =>
        app.addHook('onRequest', async ({ routeOptions }) => {
          configs.push((routeOptions.config as { name?: string }).name)
        })
    }
  )
  const ask = (version: string) => get(`${edge.url}/x`, { headers: { 'Accept-Version': version } })
  assert.equal((await ask('1.x')).status, 200)
  assert.equal((await ask('2.x')).status, 200)
  assert.equal((await ask('3.x')).status, 404)
  assert.deepEqual(configs.slice(0, 2), ['one', 'two'])
})

test('inject works without listening', async (t) => {
  const origin = await originFor(t)
  const edge = await startEdge(t, { prefix: '/', upstream: origin.url })
  const answer = await edge.app.inject({ url: '/x?y', headers: { host: 'a' } })
  assert.equal(answer.statusCode, 200)
  assert.equal(answer.json().url, '/x?y')
})
