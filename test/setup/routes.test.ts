import assert from 'node:assert/strict'
import { test } from 'node:test'
import { routesOf } from '../../src/setup/routes'

const urls = (given: object, base = ''): string[] => routesOf(given as never, base).map(({ url }) => url)

const URLS: readonly [string, object, string, string[]][] = [
  ['a flat route', { prefix: '/api' }, '', ['/api']],
  ['a slash at the end of a prefix goes', { prefix: '/api//' }, '', ['/api']],
  ['the root stays', { prefix: '/' }, '', ['/']],
  ['a path keeps its slash', { path: '/a/' }, '', ['/a/']],
  [
    'prefix before routes',
    { prefix: '/v1/', routes: [{ prefix: '/a' }, { path: '/b/' }, { prefix: '/' }] },
    '',
    ['/v1/a', '/v1/b/', '/v1']
  ],
  ['below a plugin’s prefix', { prefix: '/api' }, '/outer', ['/outer/api']],
  ['all three', { prefix: '/b', routes: [{ prefix: '/c' }] }, '/a', ['/a/b/c']],
  ['the root below a plugin’s prefix', { prefix: '/' }, '/outer', ['/outer']],
  ['nothing', {}, '', []],
  ['upstreams only', { upstreams: {} }, '', []]
]

for (const [name, given, base, expected] of URLS) {
  test(name, () => assert.deepEqual(urls(given, base), expected))
}

test('each route is named by its place and has its options over the defaults', () => {
  const defaults = { upstream: 'app', timeouts: { read: '1s', send: '2s' }, cache: 'pages' }
  const routes = [
    { prefix: '/a', timeouts: { read: '9s' } },
    { prefix: '/b', cache: null, upstream: 'ws' }
  ]
  const [a, b] = routesOf({ defaults, routes } as never, '')
  assert.equal(a?.path, 'routes[0]')
  assert.deepEqual(a?.options, { ...defaults, prefix: '/a', timeouts: { read: '9s', send: '2s' } })
  assert.deepEqual(b?.options, { prefix: '/b', upstream: 'ws', timeouts: { read: '1s', send: '2s' } })
  assert.deepEqual(defaults, { upstream: 'app', timeouts: { read: '1s', send: '2s' }, cache: 'pages' })
})
