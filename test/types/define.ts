// What the compiler refuses of options, and what it lets pass. Never run: a line below `@ts-expect-error` that compiles breaks the build.
import { defineSluice, type SluiceOptions } from 'fastify-sluice'

const upstreams = { app: { servers: ['http://127.0.0.1:3000'] }, auth: 'unix:/run/auth.sock' } as const
const caches = { pages: {}, images: { memory: '16m' } } as const

// What is right, in all its forms.
export const right = defineSluice({
  upstreams,
  caches,
  defaults: { upstream: 'app', timeouts: { read: '1h30m' }, securityHeaders: true, cache: 'images' },
  routes: [
    { prefix: '/a', cache: 'pages' },
    { prefix: '/b', cache: { zone: 'pages', valid: { 200: '60s', any: '1s' }, key: ({ url }) => url } },
    { path: '/c', upstream: 'http://127.0.0.1:3000/v1', rateLimit: { rate: '10r/s' }, bodyLimit: '16k' },
    { prefix: '/d', upstream: (request) => (request.headers.host === 'a' ? 'app' : 'auth') },
    { prefix: '/e', upstream: async () => 'auth' as const, cache: false },
    { prefix: '/f', authRequest: { upstream: 'auth', path: '/check' } },
    { prefix: '/g', timeouts: null, cache: null, headers: { request: { cookie: null } } }
  ]
})
export const flat = defineSluice({ prefix: '/', upstream: 'http://127.0.0.1:3000' })
export const flatWithNames = defineSluice({ upstreams, caches, path: '/x', upstream: 'app', cache: 'pages' })
export const namesAlone = defineSluice({ upstreams, caches })

// Names.
export const wrongUpstream = defineSluice({
  upstreams,
  // @ts-expect-error no such upstream
  routes: [{ prefix: '/', upstream: 'ap' }]
})
export const wrongUpstreamFlat = defineSluice({
  upstreams,
  prefix: '/',
  // @ts-expect-error no such upstream
  upstream: 'ap'
})
export const wrongUpstreamInDefaults = defineSluice({
  upstreams,
  // @ts-expect-error no such upstream
  defaults: { upstream: 'ap' },
  routes: []
})
export const wrongUpstreamOfFunction = defineSluice({
  upstreams,
  // @ts-expect-error no such upstream
  routes: [{ prefix: '/', upstream: () => 'ap' as const }]
})
export const wrongUpstreamOfAsyncFunction = defineSluice({
  upstreams,
  // @ts-expect-error no such upstream
  routes: [{ prefix: '/', upstream: async () => 'ap' as const }]
})
export const wrongUpstreamOfAuth = defineSluice({
  upstreams,
  // @ts-expect-error no such upstream
  routes: [{ prefix: '/', upstream: 'app', authRequest: { upstream: 'aut', path: '/' } }]
})
export const noNames = defineSluice({
  // @ts-expect-error no upstream has a name
  routes: [{ prefix: '/', upstream: 'app' }]
})
export const wrongCache = defineSluice({
  upstreams,
  caches,
  // @ts-expect-error no such cache
  routes: [{ prefix: '/', upstream: 'app', cache: 'page' }]
})
export const wrongCacheInObject = defineSluice({
  upstreams,
  caches,
  // @ts-expect-error no such cache
  routes: [{ prefix: '/', upstream: 'app', cache: { zone: 'page' } }]
})
export const wrongCacheInDefaults = defineSluice({
  caches,
  // @ts-expect-error no such cache
  defaults: { cache: { zone: 'page' } },
  routes: []
})

// Units.
export const wrongDuration = defineSluice({
  prefix: '/',
  upstream: 'http://a',
  // @ts-expect-error a blank before the unit
  timeouts: { read: '5 sec' }
})
export const bareDuration = defineSluice({
  prefix: '/',
  upstream: 'http://a',
  // @ts-expect-error 60 what?
  timeouts: { read: 60 }
})
export const bareValid = defineSluice({
  upstreams,
  caches,
  // @ts-expect-error 60 what?
  routes: [{ prefix: '/', upstream: 'app', cache: { zone: 'pages', valid: { 200: 60 } } }]
})
export const wrongRate = defineSluice({
  prefix: '/',
  upstream: 'http://a',
  // @ts-expect-error requests per what?
  rateLimit: { rate: '10' }
})
export const wrongSize = defineSluice({
  // @ts-expect-error no such unit
  caches: { pages: { memory: '64mb' } },
  routes: []
})

// Keys.
export const unknownKey = defineSluice({
  upstreams,
  // @ts-expect-error timeouts
  routes: [{ prefix: '/', upstream: 'app', timeout: {} }]
})
export const unknownNestedKey = defineSluice({
  upstreams,
  // @ts-expect-error connect
  routes: [{ prefix: '/', upstream: 'app', timeouts: { conect: '1s' } }]
})
export const unknownKeyBeside = defineSluice({
  // @ts-expect-error upstreams
  upstrems: {},
  routes: []
})
export const unknownKeyOfServer = defineSluice({
  // @ts-expect-error maxFails
  upstreams: { app: { servers: [{ url: 'http://a', maxfails: 1 }] } },
  routes: []
})

// Places.
export const twoPlaces = defineSluice({
  upstreams,
  // @ts-expect-error prefix or path
  routes: [{ prefix: '/', path: '/a', upstream: 'app' }]
})
export const noPlace = defineSluice({
  upstreams,
  // @ts-expect-error prefix or path
  routes: [{ upstream: 'app' }]
})
// @ts-expect-error flat, or with routes
export const flatAndRoutes = defineSluice({
  upstreams,
  upstream: 'app',
  routes: [{ prefix: '/' }]
})
export const placeInDefaults = defineSluice({
  // @ts-expect-error a place is a route's own
  defaults: { path: '/a' },
  routes: []
})

// Names of earlier registrations.
export const first = defineSluice({ upstreams: { one: 'http://a' }, caches: { a: {} } })
export const second = defineSluice({ upstreams: { two: 'http://b' } })
export const later = defineSluice(
  {
    upstreams: { three: 'http://c' },
    routes: [
      { prefix: '/1', upstream: 'one', cache: 'a' },
      { prefix: '/2', upstream: 'two' },
      { prefix: '/3', upstream: 'three' }
    ]
  },
  first,
  second
)
export const laterWrong = defineSluice(
  {
    // @ts-expect-error neither here nor earlier
    routes: [{ prefix: '/', upstream: 'four' }]
  },
  first
)

// Without defineSluice names are any text; the start checks them.
export const plain: SluiceOptions = { upstreams, routes: [{ prefix: '/', upstream: 'any' }] }
