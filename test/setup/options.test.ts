// What a wrong option is answered with: its path, and what is allowed. As at the start, so in check().
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SluiceError } from '../../src/errors'
import { check } from '../../src/setup/check'
import { startError } from '../support/edge'
import { tempDir } from '../support/temp-dir'

const app = 'http://127.0.0.1:1'
const route = (options: object): object => ({ routes: [{ prefix: '/', upstream: app, ...options }] })
const group = (options: object): object => ({ upstreams: { app: options }, routes: [] })

const WRONG: readonly [name: string, options: unknown, message: RegExp][] = [
  // Unknown keys, at each level.
  [
    'beside routes',
    { routes: [], upstrems: {} },
    /^upstrems: unknown option, did you mean "upstreams"\?; known: /
  ],
  ['flat', { prefix: '/', upstrem: app }, /^upstrem: unknown option, did you mean "upstream"\?/],
  [
    'in a route',
    route({ time_outs: {} }),
    /^routes\[0\]: unknown option "time_outs", did you mean "timeouts"\?; known: prefix, /
  ],
  [
    'in defaults',
    { routes: [], defaults: { cashe: 'a' } },
    /^defaults: unknown option "cashe", did you mean "cache"\?/
  ],
  ['a place in defaults', { routes: [], defaults: { prefix: '/' } }, /^defaults: unknown option "prefix"/],
  [
    'in an object of a route',
    route({ timeouts: { conect: '1s' } }),
    /^routes\[0\]\.timeouts: unknown option "conect", did you mean "connect"\?; known: connect, send, read, body, client, try, total/
  ],
  [
    'in a group',
    group({ servers: [app], keepAlive: 1 }),
    /^upstreams\.app: unknown option "keepAlive", did you mean "keepalive"\?/
  ],
  [
    'in a server',
    group({ servers: [{ url: app, maxfails: 1 }] }),
    /^upstreams\.app\.servers\[0\]: unknown option "maxfails", did you mean "maxFails"\?/
  ],
  [
    'in tls',
    group({ servers: ['https://a'], tls: { verify: false } }),
    /^upstreams\.app\.tls: unknown option "verify"; known: /
  ],
  [
    'in a zone',
    { caches: { a: { memory: '1m', size: '1m' } }, routes: [] },
    /^caches\.a: unknown option "size"/
  ],
  [
    'in a cache',
    { caches: { a: {} }, ...route({ cache: { zone: 'a', ttl: '1s' } }) },
    /^routes\[0\]\.cache: unknown option "ttl"/
  ],
  ['far from any name', route({ zzzzzz: 1 }), /^routes\[0\]: unknown option "zzzzzz"; known: /],
  [
    'of a name that every object has',
    route({ constructor: 1 }),
    /^routes\[0\]: unknown option "constructor"/
  ],
  // Habits.
  [
    'a class in valid',
    { caches: { a: {} }, ...route({ cache: { zone: 'a', valid: { '2xx': '1m' } } }) },
    /^routes\[0\]\.cache\.valid: "2xx" is none: list each status, or 'any'/
  ],
  [
    'three statuses in one key',
    route({ errorPages: { '502 503 504': './x.html' } }),
    /^routes\[0\]\.errorPages: "502 503 504" is none: one status .* or one class per key/
  ],
  ['a server without scheme', route({ upstream: '127.0.0.1:3000' }), /write 'http:\/\/127\.0\.0\.1:3000'/],
  ['the same in a group', group({ servers: ['app:3000'] }), /servers\[0\]: .*write 'http:\/\/app:3000'/],
  ['gRPC', route({ upstream: 'grpc://a:1' }), /only http:\/\/, https:\/\/ and unix: are spoken/],
  ['FastCGI', group({ servers: ['fastcgi://a:9000'] }), /only http:\/\/, https:\/\/ and unix:/],
  [
    "nginx's unix socket",
    route({ upstream: 'http://unix:/run/app.sock:/' }),
    /write 'unix:\/run\/app\.sock'/
  ],
  ['no servers', group({ servers: [] }), /^upstreams\.app\.servers: .*needs at least one server/],
  ['a rate alone', route({ rateLimit: '10r/s' }), /^routes\[0\]\.rateLimit: must be \{ rate: '10r\/s'/],
  [
    'tryFiles as text',
    route({ static: { root: '.', tryFiles: '$uri @app' } }),
    /^routes\[0\]\.static\.tryFiles: must be a list: \['\$uri'/
  ],
  [
    'hide as text',
    route({ headers: { hide: 'x-a' } }),
    /^routes\[0\]\.headers\.hide: must be a list of field/
  ],
  [
    'a field that is sent by default',
    route({ headers: { request: { 'X-Forwarded-For': '$proxy_add_x_forwarded_for' } } }),
    /request\["X-Forwarded-For"\]: is sent by default.*leave it out/
  ],
  [
    'the same of others',
    route({ headers: { request: { 'X-Real-IP': '$remote_addr', 'X-Forwarded-Proto': '$scheme' } } }),
    /request\["X-Real-IP"\]: is sent by default/
  ],
  [
    'Host as nginx has it',
    route({ headers: { request: { Host: '$host' } } }),
    /\["Host"\]: is the client's by default/
  ],
  [
    'hsts off',
    route({ securityHeaders: { hsts: 'off' } }),
    /^routes\[0\]\.securityHeaders\.hsts: .*false for none/
  ],
  ['a frame of any', route({ securityHeaders: { frame: 'ALLOW' } }), /\.frame: .*'DENY', 'SAMEORIGIN'/],
  [
    'a delay above the burst',
    route({ rateLimit: { rate: '1r/s', burst: 5, delay: 6 } }),
    /^routes\[0\]\.rateLimit\.delay: 6 is above the burst of 5/
  ],
  // Units.
  [
    'a number for a duration',
    route({ timeouts: { read: 60 } }),
    /^routes\[0\]\.timeouts\.read: must be a duration with its unit/
  ],
  [
    'a duration without unit',
    route({ timeouts: { read: '60' } }),
    /^routes\[0\]\.timeouts\.read: must be a duration with its unit/
  ],
  [
    'a number for a size',
    route({ bodyLimit: 1024 }),
    /^routes\[0\]\.bodyLimit: must be a size with its unit/
  ],
  ['a size that is none', route({ bodyLimit: '10 mb' }), /^routes\[0\]\.bodyLimit: must be a size/],
  [
    'a rate that is none',
    route({ rateLimit: { rate: '10' } }),
    /^routes\[0\]\.rateLimit\.rate: must be a rate such as "10r\/s"/
  ],
  [
    'a default’s unit, at the default',
    { defaults: { timeouts: { read: 1 } }, routes: [{ prefix: '/', upstream: app }] },
    /^defaults\.timeouts\.read: must be a duration/
  ],
  // Names.
  [
    'an unknown upstream',
    { upstreams: { app, ws: app.replace('1:1', '1:2') }, routes: [{ prefix: '/', upstream: 'ap' }] },
    /^routes\[0\]\.upstream: no upstream named "ap", did you mean "app"\?; known: app, ws/
  ],
  [
    'an upstream where none is defined',
    { prefix: '/', upstream: 'app' },
    /^upstream: no upstream named "app"; none is defined/
  ],
  [
    'http://app where app is an upstream',
    { upstreams: { app }, routes: [{ prefix: '/', upstream: 'http://app' }] },
    /^routes\[0\]\.upstream: "http:\/\/app" is a URL; did you mean the upstream "app"\?/
  ],
  [
    'an unknown zone',
    { caches: { pages: {} }, ...route({ cache: 'page' }) },
    /^routes\[0\]\.cache: no cache named "page", did you mean "pages"\?; known: pages/
  ],
  [
    'an unknown auth upstream',
    route({ authRequest: { upstream: 'auth', path: '/' } }),
    /^routes\[0\]\.authRequest\.upstream: no upstream named "auth"/
  ],
  // Servers.
  [
    'a server with a path',
    group({ servers: [`${app}/v1`] }),
    /^upstreams\.app\.servers\[0\]: .* has a path.*rewritePrefix/
  ],
  [
    'a server without a scheme',
    group({ servers: ['127.0.0.1:3000'] }),
    /^upstreams\.app\.servers\[0\]: "127\.0\.0\.1:3000" has no scheme; write 'http:/
  ],
  [
    'a password in a URL',
    { upstreams: { app: 'http://u:secret@a' }, routes: [] },
    /^upstreams\.app: "http:\/\/…@a" has user data/
  ],
  [
    'the same server twice',
    group({ servers: [app, app] }),
    /^upstreams\.app\.servers\[1\]: .* is already upstreams\.app\.servers\[0\]; give one of them a weight/
  ],
  [
    'backups only',
    group({ servers: [{ url: app, backup: true }] }),
    /^upstreams\.app\.servers: needs at least one server that is not a backup/
  ],
  ['no servers', group({ servers: [] }), /^upstreams\.app\.servers: .*needs at least one server/],
  [
    'weight 0',
    group({ servers: [{ url: app, weight: 0 }] }),
    /^upstreams\.app\.servers\[0\]\.weight: must be >= 1/
  ],
  [
    'a balance that is none',
    group({ servers: [app], balance: 'fastest' }),
    /^upstreams\.app\.balance: must be one of "round-robin", "least-conn"/
  ],
  [
    'http and https in one group',
    group({ servers: [app, 'https://a'] }),
    /^upstreams\.app\.servers: http:\/\/127\.0\.0\.1:1 and https:\/\/a: .*all https:\/\/ or none/
  ],
  [
    'tls for http',
    group({ servers: [app], tls: {} }),
    /^upstreams\.app\.tls: no server of this group is https/
  ],
  [
    'a file name for a certificate',
    group({ servers: ['https://a'], tls: { ca: './ca.pem' } }),
    /^upstreams\.app\.tls\.ca: is no PEM text; a file is read with/
  ],
  [
    'a certificate that is broken',
    group({
      servers: ['https://a'],
      tls: { ca: '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----' }
    }),
    /^tls for https:\/\/a: /
  ],
  // Places.
  [
    'flat and routes',
    { routes: [], upstream: app },
    /^upstream: a registration is either flat or has `routes`/
  ],
  ['defaults without routes', { prefix: '/', upstream: app, defaults: {} }, /^defaults: goes with `routes`/],
  ['routes that are no list', { routes: {} }, /^routes: must be a list of routes/],
  ['a route that is no object', { routes: ['/'] }, /^routes\[0\]: must be an object/],
  ['defaults that are no object', { routes: [], defaults: [] }, /^defaults: must be object/],
  [
    'neither prefix nor path',
    { routes: [{ upstream: app }] },
    /^routes\[0\]: needs one of `prefix` and `path`/
  ],
  ['both prefix and path', route({ path: '/x' }), /^routes\[0\]: has both `prefix` and `path`/],
  ['a prefix without slash', { prefix: 'api', upstream: app }, /^prefix: "api" is no path/],
  ['a prefix with a star', { prefix: '/api/*', upstream: app }, /^prefix: "\/api\/\*" is no path/],
  ['a prefix before routes that is none', { prefix: 7, routes: [] }, /^prefix: 7 is no path/],
  [
    'two routes in one place',
    {
      routes: [
        { prefix: '/a', upstream: app },
        { prefix: '/a/', upstream: app }
      ]
    },
    /^routes\[1\]: \/a is already routes\[0\]/
  ],
  [
    'a rewrite that is no path',
    route({ rewritePrefix: 'v1' }),
    /^routes\[0\]\.rewritePrefix: "v1" is not a path/
  ],
  ['a rewrite with a query', route({ rewritePrefix: '/v1?a' }), /^routes\[0\]\.rewritePrefix: /],
  ['a method that is none', route({ methods: ['GOT'] }), /^routes\[0\]\.methods\[0\]: "GOT" is no method/],
  // Values.
  [
    'an address that is none',
    route({ access: [{ allow: '10.0.0.0/8' }, { deny: '10.0.0.256' }] }),
    /^routes\[0\]\.access\[1\]/
  ],
  [
    'a cookie domain that is none',
    route({ cookies: { domain: 'a; Secure' } }),
    /^routes\[0\]\.cookies\.domain/
  ],
  [
    'a cookie path that is none',
    route({ cookies: { path: { '/v1': 'api' } } }),
    /^routes\[0\]\.cookies\.path/
  ],
  [
    'a status that is never stored',
    { ...route({ cache: { zone: 'pages', valid: { 206: '1m' } } }), caches: { pages: { memory: '1m' } } },
    /^routes\[0\]\.cache\.valid\.206/
  ],
  [
    'an auth upstream with a path',
    route({ authRequest: { upstream: 'http://127.0.0.1:9/base', path: '/auth' } }),
    /^routes\[0\]\.authRequest\.upstream/
  ],
  [
    'a mask too long',
    route({ access: [{ allow: '10.0.0.0/33' }, { deny: 'all' }] }),
    /^routes\[0\]\.access\[0\]/
  ],
  [
    'a number for a regular expression',
    route({ static: { root: '.', match: 7 } }),
    /^routes\[0\]\.static\.match: .*must be a regular expression/
  ],
  ['a static without root', route({ static: {} }), /^routes\[0\]\.static: needs `root`/],
  [
    'a retry reason that is none',
    route({ retry: { on: ['errors'] } }),
    /^routes\[0\]\.retry\.on\[0\]: must be one of "error", /
  ],
  ['tries 0', route({ retry: { tries: 0 } }), /^routes\[0\]\.retry\.tries: must be >= 1/],
  [
    'a field name that is none',
    route({ headers: { request: { 'x y': 'a' } } }),
    /^routes\[0\]\.headers\.request\["x y"\]: not a field name/
  ],
  [
    'a field value with a line end',
    route({ headers: { response: { a: 'b\r\nc: d' } } }),
    /^routes\[0\]\.headers\.response\.a: "b\\r\\nc: d" is no field value/
  ],
  [
    'a field of the connection',
    route({ headers: { request: { Connection: 'upgrade' } } }),
    /^routes\[0\]\.headers\.request\.Connection: .*websocket: true/
  ],
  [
    'a host that is none',
    route({ headers: { host: 'a b' } }),
    /^routes\[0\]\.headers\.host: "a b" is no host/
  ],
  [
    'a security text with a line end',
    route({ securityHeaders: { csp: 'a\nb' } }),
    /^routes\[0\]\.securityHeaders\.csp: /
  ],
  [
    'an error page for 200',
    route({ errorPages: { 200: 'x' } }),
    /^routes\[0\]\.errorPages: "200" is none: one status/
  ],
  [
    'a redirect status that is none',
    { prefix: '/', redirect: { to: '/x', status: 304 } },
    /^redirect\.status: must be one of 301, 302, 303, 307, 308/
  ],
  ['a hook that is none', route({ preHandler: 'auth' }), /^routes\[0\]\.preHandler: must be a function/],
  [
    'a websocket origin that is none',
    route({ websocket: { allowedOrigins: ['example.com/x'] } }),
    /^routes\[0\]\.websocket\.allowedOrigins/
  ],
  [
    'a disk without maxSize',
    { caches: { a: { disk: { path: '/tmp/x' } } }, routes: [] },
    /^caches\.a\.disk: needs `maxSize`/
  ],
  ['a redis that is no client', { redis: 'redis://a', routes: [] }, /^redis: must be object/]
]

for (const [name, options, message] of WRONG) {
  test(`check refuses ${name}`, () => {
    assert.throws(
      () => check(options as never),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'SLUICE_OPTIONS')
        assert.match(error.message, message)
        return true
      }
    )
  })
}

test('the start refuses each with the same words', async () => {
  for (const [name, options] of WRONG) {
    let said = ''
    try {
      check(options as never)
    } catch (error) {
      said = (error as Error).message
    }
    const { message } = await startError(options as object)
    assert.equal(message, said, name)
  }
})

const RIGHT: readonly [string, unknown][] = [
  ['nothing', {}],
  ['upstreams alone', { upstreams: { app } }],
  ['upstreams and a prefix alone, as a registration to come may want', { upstreams: { app }, prefix: '/x' }],
  ['flat', { prefix: '/api', upstream: `${app}/v1`, securityHeaders: true }],
  ['Fastify’s own register options', { prefix: '/', upstream: app, logLevel: 'warn' }],
  ['a field removed by nginx’s habit', route({ headers: { request: { connection: '' } } })],
  [
    'a disk, which check does not make',
    { caches: { a: { disk: { path: '/nonexistent/cache', maxSize: '1g' } } }, ...route({ cache: 'a' }) }
  ]
]

for (const [name, options] of RIGHT) {
  test(`check accepts ${name}`, () => check(options as never))
}

test('what is no object is no registration', async () => {
  for (const options of [7, null, 'app', [], undefined]) {
    assert.throws(() => check(options as never), { message: 'options: must be an object' })
  }
  for (const options of [7, 'app', []]) {
    assert.equal((await startError(options as never)).message, 'options: must be an object')
  }
  assert.deepEqual(problemsOf(7 as never, { prefix: '/', upstream: 'nobody' }), ['options', 'upstream'])
})

test('check takes registrations of one app in order', () => {
  const first = { upstreams: { app }, caches: { pages: { memory: '1m' } } }
  const second = { prefix: '/', upstream: 'app', cache: 'pages' }
  check(first as never, second as never)
  assert.throws(() => check(second as never), /no upstream named "app"/)
  assert.throws(() => check(first as never, first as never), /^.*upstreams\.app: .*already defined/)
})

/** The paths that the problems begin with. */
function problemsOf(...registrations: object[]): string[] {
  try {
    check(...(registrations as never[]))
  } catch (error) {
    const { message, problems = [] } = error as SluiceError
    assert.equal(problems[0], message)
    return problems.map((problem) => problem.slice(0, problem.indexOf(': ')))
  }
  return []
}

test('check names every wrong option', () => {
  const forms = {
    upstreams: { app },
    defaults: { upstream: 'app' },
    routes: [
      { prefix: '/a', timeouts: { read: 60 } },
      { prefix: '/b' },
      { prefix: '/c', access: [] },
      { prefix: '/d', static: {} }
    ]
  }
  assert.deepEqual(problemsOf(forms), ['routes[0].timeouts.read', 'routes[2].access', 'routes[3].static'])
  const groups = {
    upstreams: { one: `${app}/v1`, two: app, three: { servers: [app, app] } },
    caches: { small: { memory: '1m', maxObject: '2m' } },
    routes: [{ prefix: '/', upstream: 'one' }]
  }
  assert.deepEqual(problemsOf(groups), [
    'upstreams.one',
    'upstreams.three.servers[1]',
    'caches.small.maxObject'
  ])
  const names = {
    upstreams: { app },
    routes: [
      { prefix: '/a', upstream: 'ap' },
      { prefix: '/b', upstream: 'app', cache: 'pages' },
      { prefix: '/b', upstream: 'app' }
    ]
  }
  assert.deepEqual(problemsOf(names), ['routes[2]', 'routes[0].upstream', 'routes[1].cache'])
  assert.deepEqual(problemsOf({ upstreams: { app } }, { prefix: '/', upstream: 'ap' }), ['upstream'])
})

test('check names what is wrong beside something else that is wrong', () => {
  const root = __dirname
  const options = {
    upstreams: { app, bad: { servers: [`${app}/x`] }, worse: { servers: 7 } },
    caches: { pages: {}, odd: { memory: 1 } },
    wrong: 1,
    routes: [
      { location: '/a', cach: 'pages', timeouts: { read: 60, conect: '1s' }, upstream: 'ap' },
      { prefix: '/b', upstream: 'app', cache: { zone: 'page', valid: '1' } },
      { prefix: '/c', upstream: 'bad', cache: 'odd' },
      { prefix: '/d', upstream: 'worse', hosts: ['_', 'a b'], headers: { request: { 'a b': 'c' } } },
      { prefix: '/e', path: '/e', upstream: 'ap' },
      { prefix: '/f', upstream: 'app', cache: 'page', bodyLimit: false, rewritePrefix: 'v1' },
      { prefix: '/g', static: { root, expires: 'soon', indx: false }, access: [{ allow: 'all', deny: 'x' }] },
      7
    ]
  }
  assert.deepEqual(problemsOf(options).sort(), [
    'caches.odd.memory',
    'routes[0]',
    'routes[0]',
    'routes[0]',
    'routes[0].timeouts',
    'routes[0].timeouts.read',
    'routes[0].upstream',
    'routes[1].cache.valid',
    'routes[3].headers.request["a b"]',
    'routes[3].hosts[0]',
    'routes[3].hosts[1]',
    'routes[4]',
    'routes[4].upstream',
    'routes[5].cache',
    'routes[5].rewritePrefix',
    'routes[6].access[0]',
    'routes[6].static',
    'routes[6].static.expires',
    'routes[7]',
    'upstreams.bad.servers[0]',
    'upstreams.worse.servers',
    'wrong'
  ])
})

test('a wrong name in the flat form is one problem, each of several is one', () => {
  assert.deepEqual(problemsOf({ prefix: '/', upstream: app, upstrem: app, cach: 'x' }), ['upstrem', 'cach'])
  assert.deepEqual(problemsOf({ prefix: '/', path: '/a', upstream: app, cach: 'x' }), ['cach', 'options'])
})

test('a wrong default is one problem, however many routes have it', () => {
  const routes = [{ prefix: '/a' }, { prefix: '/b' }]
  assert.deepEqual(problemsOf({ defaults: { upstream: app, timeouts: { read: 60 } }, routes }), [
    'defaults.timeouts.read'
  ])
})

test('check looks for the files that the routes name', (t) => {
  const root = tempDir(t)
  const page = join(root, '502.html')
  const options = { prefix: '/', upstream: app, static: { root, missing: 'next' }, errorPages: { 502: page } }
  assert.deepEqual(problemsOf(options), ['errorPages[502]'])
  writeFileSync(page, 'away')
  assert.deepEqual(problemsOf(options), [])
  assert.deepEqual(problemsOf({ ...options, static: { root: join(root, 'no'), missing: 'next' } }), [
    'static.root'
  ])
})
