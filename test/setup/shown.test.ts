// app.sluice.routes(): everything in force, as options would say it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { check } from '../../src/setup/check'
import { routeSchema } from '../../src/setup/schema'
import { startEdge } from '../support/edge'
import { tempDir } from '../support/temp-dir'

const app = 'http://127.0.0.1:1'

test('a route without options shows every default', async (t) => {
  const { app: fastify } = await startEdge(t, { prefix: '/api/', upstream: `${app}/v1` })
  const [shown] = fastify.sluice.routes()
  const { methods, allow, options, ...place } = shown ?? assert.fail('no route')
  assert.deepEqual(place, {
    route: '/api',
    option: '',
    patterns: ['/api', '/api/*'],
    hosts: null,
    appAnswers: []
  })
  assert.ok(methods.includes('GET') && methods.includes('TRACE') && !allow.includes('TRACE'))
  assert.deepEqual(options, {
    constraints: {},
    config: {},
    onRequest: [],
    preParsing: [],
    preValidation: [],
    preHandler: [],
    upstream: `${app}/v1`,
    rewritePrefix: '/v1',
    headers: { host: 'auto', request: {}, response: {}, hide: ['server', 'x-powered-by', 'x-accel-*'] },
    forwarded: {
      for: true,
      proto: true,
      host: true,
      realIp: true,
      via: true,
      requestId: true,
      rfc7239: false
    },
    timeouts: { connect: '5s', send: '1m', read: '1m', body: '1m', client: '1m', try: false, total: false },
    retry: {
      on: ['error'],
      tries: 2,
      timeout: false,
      budget: { percent: 20, min: 3 },
      backoff: false
    },
    buffering: 'auto',
    bodyLimit: '1m',
    cache: false,
    websocket: false,
    access: false,
    rateLimit: [],
    concurrency: false,
    authRequest: false,
    static: false,
    securityHeaders: false,
    altSvc: false,
    errorPages: {},
    interceptErrors: [],
    rewriteLocation: true,
    cookies: null,
    redirect: null
  })
})

test('every option of a route is shown', async (t) => {
  const { app: fastify } = await startEdge(t, { prefix: '/', upstream: app })
  const beside = ['prefix', 'path', 'hosts', 'methods']
  const known = Object.keys(routeSchema.properties).filter((name) => !beside.includes(name))
  assert.deepEqual(Object.keys(fastify.sluice.routes()[0]?.options ?? {}).sort(), known.sort())
})

test('units come back, functions have their names, defaults are merged, and it is JSON', async (t) => {
  const root = tempDir(t)
  const onlyMine = function onlyMine(): string {
    return ''
  }
  const { app: fastify } = await startEdge(t, {
    upstreams: { app },
    caches: { pages: {} },
    defaults: { upstream: 'app', timeouts: { read: '90s' }, securityHeaders: { csp: "default-src 'self'" } },
    routes: [
      {
        path: '/a',
        hosts: ['a.example'],
        methods: ['get', 'POST'],
        timeouts: { connect: false },
        retry: false,
        buffering: { memory: '2m' },
        bodyLimit: '1536k',
        cache: {
          zone: 'pages',
          valid: { 200: '90s', any: '500ms' },
          lock: false,
          key: onlyMine,
          maxObject: '2m'
        },
        websocket: { idleTimeout: '90m' },
        rateLimit: [{ rate: '10r/s', delay: 2, burst: 5 }],
        authRequest: { upstream: app, path: '/', timeout: '1s' },
        access: [{ deny: 'all' }],
        preHandler: onlyMine,
        static: { root, match: /\.js$/, precompressed: true, missing: 'next' }
      }
    ]
  })
  const [shown] = fastify.sluice.routes()
  assert.deepEqual(JSON.parse(JSON.stringify(shown)), shown)
  const { options } = shown ?? assert.fail('no route')
  assert.deepEqual(options.buffering, { memory: '2m', spill: false })
  assert.deepEqual(shown?.hosts, ['a.example'])
  assert.deepEqual(shown?.allow, ['GET', 'POST'])
  assert.deepEqual(options.timeouts, {
    connect: false,
    send: '1m',
    read: '1m30s',
    body: '1m',
    client: '1m',
    try: false,
    total: false
  })
  assert.deepEqual([options.retry, options.bodyLimit], [false, '1536k'])
  assert.deepEqual(options.preHandler, ['[function onlyMine]'])
  const cache = options.cache as Record<string, unknown>
  assert.deepEqual(cache.valid, { 200: '1m30s', any: '500ms' })
  assert.deepEqual(
    [cache.lock, cache.key, cache.keep, cache.maxObject],
    [false, '[function onlyMine]', '1h', '2m']
  )
  assert.deepEqual(options.websocket, {
    idleTimeout: '1h30m',
    allowedOrigins: null,
    maxConnections: null,
    closeGrace: '5s'
  })
  assert.deepEqual(options.rateLimit, [{ rate: '10r/s', burst: 5, delay: 2, key: 'ip', status: 429 }])
  assert.deepEqual(options.authRequest, {
    upstream: app,
    path: '/',
    copyHeaders: [],
    timeout: '1s',
    onError: 503
  })
  assert.deepEqual(options.access, [{ deny: 'all' }])
  assert.deepEqual(options.static, {
    root,
    match: '/\\.js$/',
    expires: 'off',
    immutable: false,
    index: 'index.html',
    tryFiles: ['$uri', '$uri/'],
    dotfiles: 'deny',
    precompressed: ['br', 'zstd', 'gzip'],
    missing: 'next',
    symlinks: 'inside',
    maxRanges: 16,
    memory: '16m',
    rules: []
  })
  assert.deepEqual(options.securityHeaders, {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'SAMEORIGIN',
    'referrer-policy': 'strict-origin-when-cross-origin',
    'content-security-policy': "default-src 'self'",
    'strict-transport-security': 'max-age=31536000'
  })
})

test('what is shown passes the check, so that it can be compared and kept', async (t) => {
  const { app: fastify } = await startEdge(t, { prefix: '/', upstream: app })
  const { timeouts, forwarded, bodyLimit, buffering } = fastify.sluice.routes()[0]?.options ?? {}
  check({ prefix: '/', upstream: app, timeouts, forwarded, bodyLimit, buffering } as never)
})

test('methods that a catch-all of the app takes, and those that a later registration added', async (t) => {
  const own = { after: (fastify: FastifyInstance) => fastify.options('*', async () => 'own') }
  const routes = [
    { prefix: '/', upstream: app },
    { prefix: '/dav', upstream: app, methods: ['PROPFIND'] }
  ]
  const { app: fastify } = await startEdge(t, routes, own)
  const [all, dav] = fastify.sluice.routes()
  assert.deepEqual(all?.appAnswers, ['OPTIONS'])
  assert.ok(all?.methods.includes('PROPFIND'))
  assert.deepEqual(dav?.allow, ['PROPFIND'])
  assert.deepEqual(dav?.appAnswers, [])
})
