import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refusePitfalls, refuseRedis } from '../../src/setup/pitfalls'
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
  ['a group in rewritePrefix', { prefix: '/', ...UP, rewritePrefix: '/$1' }, /rewritePrefix/]
]
for (const [name, route, message] of REFUSED) {
  test(`refused: ${name}`, () => {
    const [named] = routesOf({ routes: [route] }, '')
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
  ['access off', { prefix: '/', ...UP, access: false }]
]
for (const [name, route] of ACCEPTED) {
  test(`accepted: ${name}`, () => {
    const [named] = routesOf({ routes: [route] }, '')
    assert.doesNotThrow(() => named && refusePitfalls(named))
  })
}

test('a Redis client is one that the limits can ask', () => {
  const ask = async (): Promise<number> => 1
  refuseRedis(undefined)
  refuseRedis({ eval: ask, evalsha: ask })
  for (const client of [{}, { eval: ask, evalSha: ask }]) {
    assert.throws(() => refuseRedis(client), { code: 'SLUICE_OPTIONS', message: /^redis: .*ioredis/ })
  }
})
