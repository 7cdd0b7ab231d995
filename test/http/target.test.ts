import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  cutSegments,
  parseTarget,
  readsAsRouted,
  readsElsewhere,
  rewritePath,
  segmentsOf
} from '../../src/http/target'

const ACCEPTED: [string, string, string][] = [
  ['/', '/', ''],
  ['/a/b?x=1&y=/../z', '/a/b', '?x=1&y=/../z'],
  ['/a%2Fb', '/a%2Fb', ''],
  ['//a', '//a', ''],
  ['/a?', '/a', '?'],
  ['/.well-known/x', '/.well-known/x', ''],
  ['/a...b/.../c', '/a...b/.../c', ''],
  ['/a;b=c', '/a;b=c', ''],
  ['/%E9', '/%E9', ''],
  ['http://example.com/x?y', '/x', '?y'],
  ['HTTP://EXAMPLE.com/x', '/x', ''],
  ['http://EXAMPLE.com', '/', '']
]

for (const [raw, path, query] of ACCEPTED) {
  test(`target ${raw} is accepted as it is`, () => {
    assert.deepEqual(parseTarget(raw, 'example.com'), { kind: 'target', path, query })
  })
}

const REFUSED = [
  '/..',
  '/../a',
  '/a/..',
  '/a/./b',
  '/a/%2e%2E/b',
  '/a/.%2e/b',
  '/%2e',
  '/a/..;/b',
  '/a%2f../b',
  '/a%2F..%2fb',
  '/a%2F%2e%2e',
  '/..%2fb',
  '/a%2f./b',
  '/a\\..\\b',
  '/a%5cb',
  '/a%00b',
  '/a%0d%0ab',
  '/a%7f',
  '/a\tb',
  '/a#b',
  '/a?b#c',
  'http://evil.test/x',
  'http://example.com?x=/admin/y',
  'http://example.com#/admin/y',
  'ftp://example.com/x',
  '*',
  'example.com:443',
  ''
]

for (const raw of REFUSED) {
  test(`target ${JSON.stringify(raw)} is refused`, () => {
    assert.equal(parseTarget(raw, 'example.com').kind, 'refused')
  })
}

test('an accepted target is what was received, byte for byte', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
      const verdict = parseTarget(`/${text}`, 'a')
      return verdict.kind === 'refused' || verdict.path + verdict.query === `/${text}`
    })
  )
})

test('an accepted path keeps its place under any reader that resolves dot segments', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('.', '..', '%2e', 'a', '/', '\\', '%5c', ';', '%2F'), { maxLength: 12 }),
      (parts) => {
        const verdict = parseTarget(`/${parts.join('')}`, 'a')
        if (verdict.kind === 'refused') return true
        return new URL(`http://a${verdict.path}`).pathname === verdict.path
      }
    )
  )
})

test('a prefix is cut by whole raw segments', () => {
  assert.equal(cutSegments('/%61pi/x', 1), '/x')
  assert.equal(cutSegments('/api', 1), '')
  assert.equal(cutSegments('/api/', 1), '/')
  assert.equal(cutSegments('/a/b/c', 2), '/c')
  assert.equal(cutSegments('/a', 0), '/a')
})

test('rewritePath replaces the prefix as proxy_pass with a URI does', () => {
  assert.equal(rewritePath('/api/users', 1, '/v1'), '/v1/users')
  assert.equal(rewritePath('/api', 1, '/v1'), '/v1')
  assert.equal(rewritePath('/api/', 1, '/v1'), '/v1/')
  assert.equal(rewritePath('/api/users', 1, '/'), '/users')
  assert.equal(rewritePath('/api', 1, '/'), '/')
  assert.equal(rewritePath('/api//x', 1, '/'), '/x')
  assert.equal(rewritePath('/api//x', 1, '/v1'), '/v1//x')
  assert.equal(rewritePath('/x', 0, '/base'), '/base/x')
})

const root = { segments: [], exact: false }
const api = { segments: segmentsOf('/api'), exact: false }
const tenant = { segments: segmentsOf('/:tenant/admin'), exact: false }
const mounts = [root, api, tenant]

test('a second reading that lands on a guarded mount is found', () => {
  assert.equal(readsElsewhere('//api/x', root, mounts), true)
  assert.equal(readsElsewhere('/api%2Fx', root, mounts), true)
  assert.equal(readsElsewhere('/a%2fadmin/x', root, mounts), true)
  assert.equal(readsElsewhere('/%61pi%2Fx', root, mounts), true)
  assert.equal(readsElsewhere('/api;v=1/x', root, mounts), true)
  assert.equal(readsElsewhere('/;a/api/x', root, mounts), true)
  assert.equal(readsElsewhere('/api;a%2fx', root, mounts), true)
})

test('a second reading that stays on the same mount passes', () => {
  assert.equal(readsElsewhere('/api//x', api, mounts), false)
  assert.equal(readsElsewhere('/api/a%2Fb', api, mounts), false)
  assert.equal(readsElsewhere('//other', root, mounts), false)
  assert.equal(readsElsewhere('/other;api/x', root, mounts), false)
  assert.equal(readsElsewhere('/api/x;y', api, mounts), false)
  assert.equal(readsElsewhere('/plain', root, mounts), false)
})

const ROUTED: readonly [raw: string, path: string, wildcard: string, same: boolean][] = [
  ['/admin/x', '/admin/x', 'x', true],
  ['http://a/admin/x', '/admin/x', 'x', true],
  ['http://a/admin/x%2Fy', '/admin/x%2Fy', 'x/y', true],
  ['http://a', '/', '', true],
  ['http://a', '/', 'ttp://a', false],
  ['HTTP://A/admin', '/admin', 'TTP://A/admin', false],
  ['http://a/%ff', '/%ff', '', false]
]

for (const [raw, path, wildcard, same] of ROUTED) {
  test(`target ${raw}, where the router caught ${JSON.stringify(wildcard)}: ${same ? 'one reading' : 'two'}`, () => {
    assert.equal(readsAsRouted(raw, path, wildcard), same)
  })
}
