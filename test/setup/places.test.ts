import assert from 'node:assert/strict'
import { test } from 'node:test'
import { patternsOf, shareMethods } from '../../src/setup/places'
import type { NamedRoute } from '../../src/setup/routes'

const SUPPORTED = ['GET', 'HEAD', 'POST', 'DELETE', 'TRACE']

function routes(...options: readonly object[]): NamedRoute[] {
  return options.map((each, index) => {
    const { prefix, path } = each as { prefix?: string; path?: string }
    return { options: each, path: `routes[${index}]`, url: prefix ?? path } as NamedRoute
  })
}

function shares(...options: readonly object[]): [string, string][] {
  return [...shareMethods(routes(...options), SUPPORTED).values()].map(({ methods, allow }) => [
    methods.join(),
    allow
  ])
}

test('one route owns every method; TRACE is not allowed', () => {
  assert.deepEqual(shares({ prefix: '/' }), [[SUPPORTED.join(), 'GET, HEAD, POST, DELETE']])
})

test('a route with methods owns the others too, to refuse them', () => {
  assert.deepEqual(shares({ prefix: '/', methods: ['get'] }), [['GET,HEAD,POST,DELETE,TRACE', 'GET']])
})

test('two routes of one place share; what neither lists is the first one’s to refuse', () => {
  assert.deepEqual(shares({ prefix: '/', methods: ['GET', 'HEAD'] }, { prefix: '/', methods: ['POST'] }), [
    ['GET,HEAD,DELETE,TRACE', 'GET, HEAD, POST'],
    ['POST', 'GET, HEAD, POST']
  ])
})

test('the one without a list takes the rest', () => {
  assert.deepEqual(shares({ prefix: '/', methods: ['POST'] }, { prefix: '/' }), [
    ['POST', 'POST, GET, HEAD, DELETE'],
    ['GET,HEAD,DELETE,TRACE', 'POST, GET, HEAD, DELETE']
  ])
})

test('other hosts, constraints, or a path beside a prefix are other places', () => {
  const all = shares(
    { prefix: '/a' },
    { prefix: '/a', hosts: ['x'] },
    { prefix: '/a', constraints: { version: '1.0.0' } },
    { path: '/a' }
  )
  assert.equal(all.filter(([methods]) => methods === SUPPORTED.join()).length, 4)
})

test('the order and case of hosts make no difference', () => {
  assert.throws(
    () => shares({ prefix: '/', hosts: ['a', 'B.'] }, { prefix: '/', hosts: ['b', 'A'] }),
    /^.*routes\[1\]: \/ is already routes\[0\] for every other method/
  )
})

test('a prefix is two patterns, the root one, a path itself', () => {
  const [root, prefix, path] = routes({ prefix: '/' }, { prefix: '/a' }, { path: '/b/' })
  const all = [root, prefix, path] as NamedRoute[]
  assert.deepEqual(
    all.map((each) => patternsOf(each, all)),
    [['/*'], ['/a', '/a/*'], ['/b/']]
  )
})

test('a prefix leaves its bare path to the route that names it, in the same place only', () => {
  const all = routes({ prefix: '/a' }, { path: '/a' }, { prefix: '/a', hosts: ['x'] })
  assert.deepEqual(
    all.map((each) => patternsOf(each, all)),
    [['/a/*'], ['/a'], ['/a', '/a/*']]
  )
})
