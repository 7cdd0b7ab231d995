import assert from 'node:assert/strict'
import { test } from 'node:test'
import { routesOf } from '../../src/setup/routes'
import { startLine } from '../../src/setup/start-line'

const FILES = { root: './public' }

const LINES: readonly [route: object, line: string][] = [
  [{ prefix: '/', upstream: 'app' }, '/* → app'],
  [{ path: '/one', upstream: 'app' }, '/one → app'],
  [{ prefix: '/api', upstream: 'app', rewritePrefix: '/v1' }, '/api/* → app/v1/*'],
  [{ prefix: '/api', upstream: 'app', rewritePrefix: '/' }, '/api/* → app/*'],
  [{ prefix: '/', upstream: () => 'app' }, '/* → upstream by function'],
  [{ prefix: '/', hosts: ['a.test', '*.b.test'], upstream: 'app' }, '/* (a.test, *.b.test) → app'],
  [{ prefix: '/', methods: ['get', 'HEAD'], upstream: 'app' }, '/* (GET, HEAD) → app'],
  [{ path: '/a', hosts: ['a.test'], methods: ['GET'], upstream: 'app' }, '/a (a.test; GET) → app'],
  [{ prefix: '/', static: FILES }, '/* → files in ./public'],
  [
    { prefix: '/', static: { ...FILES, missing: 'next' }, upstream: 'app' },
    '/* → files in ./public, else app'
  ],
  [{ prefix: '/', static: { ...FILES, match: ['js'] }, upstream: 'app' }, '/* → files in ./public, else app'],
  // Inherited and never asked.
  [{ prefix: '/', static: FILES, upstream: 'app' }, '/* → files in ./public'],
  [
    { prefix: '/', static: { ...FILES, missing: 'next' }, redirect: { to: '/new' } },
    '/* → files in ./public, else 308 /new'
  ],
  [{ prefix: '/', redirect: { to: '/new', status: 301 }, upstream: 'app' }, '/* → 301 /new'],
  [{ prefix: '/', access: [{ deny: 'all' }] }, '/* → nothing']
]

for (const [route, line] of LINES) {
  test(line, () => {
    const [named] = routesOf({ routes: [route] } as never, '')
    assert.equal(named && startLine(named), line)
  })
}
