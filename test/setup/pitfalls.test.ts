import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refuseOtherBackend, refusePitfalls, strayHosts, strayRedis } from '../../src/setup/pitfalls'
import { routesOf } from '../../src/setup/routes'

const UP = { upstream: 'http://127.0.0.1:9' }

const REFUSED: [string, object, RegExp][] = [
  ['a prefix with dots', { prefix: '/a/../b', ...UP }, /^routes\[0\]\.prefix: .*dot segment/],
  ['a prefix in escapes', { prefix: '/caf%C3%A9', ...UP }, /^routes\[0\]\.prefix: .*decoded/],
  ['an escaped path', { path: '/%61dmin', ...UP }, /^routes\[0\]\.path: .*decoded/],
  ['a prefix with an empty segment', { prefix: '/a//b', ...UP }, /^routes\[0\]\.prefix: .*empty segment/],
  ['nothing to do', { prefix: '/a', cache: false }, /^routes\[0\]: does nothing/],
  [
    'only allow',
    { prefix: '/', ...UP, access: [{ allow: '10.0.0.0/8' }] },
    /^routes\[0\]\.access: denies nobody/
  ],
  ['no rule', { prefix: '/', ...UP, access: [] }, /^routes\[0\]\.access: denies nobody/],
  [
    'a variable in a field',
    { prefix: '/', ...UP, headers: { request: { 'X-A': '$remote_addr' } } },
    /request\["X-A"\]: .*function/
  ],
  [
    'a variable in braces',
    { prefix: '/', ...UP, headers: { request: { a: `x\${http_cookie}` } } },
    /request\["a"\]: .*function/
  ],
  [
    'a variable in a response field',
    { prefix: '/', ...UP, headers: { response: { a: { append: '$request_id' } } } },
    /response\["a"\]/
  ],
  ['a variable in Host', { prefix: '/', ...UP, headers: { host: '$host' } }, /headers\.host: .*function/],
  [
    'a variable in a redirect',
    { prefix: '/', redirect: { to: 'https://$host$request_uri' } },
    /redirect\.to: .*\$host, \$path, \$query/
  ],
  ['half a word', { prefix: '/', redirect: { to: '/x$pathname' } }, /redirect\.to/],
  ['a limit of nobody', { prefix: '/', ...UP, rateLimit: [] }, /^routes\[0\]\.rateLimit: limits nobody/],
  ...(
    [
      ['cache', 'pages'],
      ['websocket', true],
      ['rewritePrefix', '/'],
      ['retry', { tries: 3 }],
      ['interceptErrors', [502]],
      ['forwarded', { rfc7239: true }],
      ['rewriteLocation', true],
      ['cookies', { flags: ['Secure'] }]
    ] as [string, unknown][]
  ).map(([name, value]): [string, object, RegExp] => [
    `${name} without upstream`,
    { prefix: '/', static: { root: '.' }, [name]: value },
    new RegExp(`^routes\\[0\\]\\.${name}: does nothing without`)
  ]),
  [
    'time for a server that nobody asks',
    { prefix: '/', static: { root: '.' }, timeouts: { client: '1m', read: '1s' } },
    /^routes\[0\]\.timeouts\.read: does nothing without `upstream`/
  ],
  [
    'fields of a request that nobody sends',
    { prefix: '/', static: { root: '.' }, headers: { request: { a: 'b' } } },
    /^routes\[0\]\.headers\.request: does nothing without `upstream`/
  ],
  [
    'on to an upstream that is not there',
    { prefix: '/', static: { root: '.', missing: 'next' } },
    /^routes\[0\]\.static: goes on to an upstream that is not there/
  ],
  [
    'the same by a rule',
    { prefix: '/', static: { root: '.', rules: [{ match: ['js'], missing: 'next' }] } },
    /^routes\[0\]\.static: goes on/
  ],
  [
    'the same by tryFiles',
    { prefix: '/', static: { root: '.', tryFiles: ['$uri', '@app'] } },
    /static: goes on/
  ],
  [
    'an upstream beside a redirect',
    { prefix: '/', redirect: { to: '/x' }, ...UP },
    /^routes\[0\]\.upstream: does nothing: .*redirect/
  ],
  [
    'a redirect behind files that answer everything',
    { prefix: '/', redirect: { to: '/x' }, static: { root: '.' } },
    /^routes\[0\]\.redirect: does nothing: .*missing: 'next'/
  ],
  [
    'an upstream behind files that answer everything',
    { prefix: '/', ...UP, static: { root: '.' } },
    /^routes\[0\]\.upstream: is never asked: .*missing: 'next'/
  ],
  [
    'the same with =404',
    { prefix: '/', ...UP, static: { root: '.', tryFiles: ['$uri', '=404'] }, websocket: false },
    /^routes\[0\]\.upstream: is never asked/
  ],
  [
    'a cache beside a redirect',
    { prefix: '/', redirect: { to: '/x' }, cache: 'pages' },
    /^routes\[0\]\.cache: does nothing/
  ],
  ['a group in rewritePrefix', { prefix: '/', ...UP, rewritePrefix: '/$1' }, /rewritePrefix/]
]
for (const [name, route, message] of REFUSED) {
  test(`refused: ${name}`, () => {
    const [named] = routesOf({ routes: [route as never] }, '')
    assert.throws(() => named && refusePitfalls(named), { code: 'SLUICE_OPTIONS', message })
  })
}

const ACCEPTED: [string, object][] = [
  ['a parameter', { prefix: '/:tenant/admin', ...UP }],
  ['letters beyond ASCII', { prefix: '/café', ...UP }],
  ['a guard alone', { prefix: '/.git', access: [{ deny: 'all' }] }],
  ['a hook that answers', { prefix: '/a', onRequest: () => undefined }],
  ['allow, then deny', { prefix: '/', ...UP, access: [{ allow: '10.0.0.0/8' }, { deny: 'all' }] }],
  ['a dollar that is no variable', { prefix: '/', ...UP, headers: { request: { a: 'costs $5, $x, a$' } } }],
  ['both words', { prefix: '/', redirect: { to: 'https://a$path$query' } }],
  ['files before an upstream', { prefix: '/', ...UP, static: { root: '.', missing: 'next' } }],
  ['some files before an upstream', { prefix: '/', ...UP, static: { root: '.', match: ['js'] } }],
  ['files by the names of nginx', { prefix: '/', ...UP, static: { root: '.', tryFiles: ['$uri', '@app'] } }],
  [
    'files of which some go on',
    { prefix: '/', ...UP, static: { root: '.', rules: [{ match: ['js'], missing: 'next' }] } }
  ],
  ['an upstream for WebSockets', { prefix: '/', ...UP, static: { root: '.' }, websocket: true }],
  ['access off', { prefix: '/', ...UP, access: false }]
]
for (const [name, route] of ACCEPTED) {
  test(`accepted: ${name}`, () => {
    const [named] = routesOf({ routes: [route as never] }, '')
    assert.doesNotThrow(() => named && refusePitfalls(named))
  })
}

test('what a route inherits may idle on it', () => {
  const defaults = {
    ...UP,
    cache: 'pages',
    websocket: true,
    timeouts: { read: '1s' },
    headers: { request: { a: 'b' } },
    static: { root: '.', missing: 'next' }
  }
  const routes = [
    { prefix: '/files', static: { missing: 404 } },
    { prefix: '/a', upstream: null },
    { prefix: '/b', redirect: { to: '/x' } },
    {
      prefix: '/c',
      upstream: null,
      cache: false,
      retry: false,
      interceptErrors: [],
      headers: { request: {} }
    }
  ]
  for (const route of routesOf({ defaults, routes } as never, '')) refusePitfalls(route)
})

test('files from the defaults hide an upstream that a route names itself', () => {
  const defaults = { static: { root: '.' } }
  const [named] = routesOf({ defaults, routes: [{ prefix: '/', ...UP }] } as never, '')
  assert.throws(() => named && refusePitfalls(named), { message: /^routes\[0\]\.upstream: is never asked/ })
})

const BACKENDS: [tryFiles: string[], upstream: unknown, message: RegExp | undefined][] = [
  [['$uri', '@two'], 'app', /^routes\[0\]\.static\.tryFiles\[1\]: '@two' leads to .*"app".*'@app'/],
  [['$uri', '@app'], UP.upstream, /tryFiles\[1\]: '@app' .*"http:\/\/127\.0\.0\.1:9".*missing: 'next'/],
  [['$uri', '@app'], () => 'two', /tryFiles\[1\]: '@app' leads to the route's upstream function/],
  [['$uri', '@app'], 'app', undefined],
  [['$uri', '@backend'], 'app', undefined],
  [['$uri', '=404'], 'app', undefined],
  [['$uri', '@two'], undefined, undefined]
]
for (const [tryFiles, upstream, message] of BACKENDS) {
  test(`${tryFiles.join(' ')} with the upstream ${upstream}: ${message ? 'refused' : 'accepted'}`, () => {
    const [named] = routesOf(
      { routes: [{ prefix: '/', upstream, static: { root: '.', tryFiles } }] } as never,
      ''
    )
    const run = (): void => named && refuseOtherBackend(named, (name) => ['app', 'two'].includes(name))
    if (message === undefined) assert.doesNotThrow(run)
    else assert.throws(run, { code: 'SLUICE_OPTIONS', message })
  })
}

test('an auth server gives timeouts and fields a meaning', () => {
  const authRequest = { upstream: 'auth', path: '/' }
  const route = {
    prefix: '/',
    static: { root: '.' },
    authRequest,
    timeouts: { read: '1s' },
    headers: { host: 'a' }
  }
  for (const named of routesOf({ routes: [route] } as never, '')) refusePitfalls(named)
})

test('a Redis client is one that the limits can ask', () => {
  const ask = async (): Promise<number> => 1
  assert.deepEqual([...strayRedis(undefined), ...strayRedis({ eval: ask, evalsha: ask })], [])
  for (const client of [{}, { eval: ask, evalSha: ask }]) {
    assert.match([...strayRedis(client)].join(), /redis: .*ioredis/)
  }
})

test('hosts are names and wildcards; the catch-all of nginx is none', () => {
  const hosts = ['a.test', '*.a.test', '[::1]', '_', 'a:80', '*']
  const path = 'routes[0]'
  assert.deepEqual(
    [...strayHosts({ options: { hosts }, path })].map(({ message }) => message),
    [
      'routes[0].hosts[3]: "_" is a host like any other here; for every host leave `hosts` out',
      'routes[0].hosts[4]: "a:80" is no host; write "example.com", or "*.example.com" for every name below it',
      'routes[0].hosts[5]: "*" is no host; write "example.com", or "*.example.com" for every name below it'
    ]
  )
})
