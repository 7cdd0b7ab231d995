import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cookieRewrite, publicLocation } from '../../src/proxy/response'

const upstream = { authorities: new Set(['app:3000', '10.0.0.1']) }
const V1 = { segments: 1, to: '/v1' }

const LOCATIONS: readonly [string, string, typeof V1 | null, string][] = [
  ['http://app:3000/x', '/a', null, '/x'],
  ['HTTP://APP:3000/x', '/a', null, '/x'],
  ['https://10.0.0.1', '/a', null, '/'],
  ['https://10.0.0.1#f', '/a', null, '/#f'],
  ['http://app/x', '/a', null, 'http://app/x'],
  ['http://app:3000//evil/x', '/a', null, '/.//evil/x'],
  ['//app:3000/x', '/a', null, '//app:3000/x'],
  ['/v1/x', '/api/y', V1, '/api/x'],
  ['/v1', '/api', V1, '/api'],
  ['/v1?q', '/api', V1, '/api?q'],
  ['/v1x', '/api', V1, '/v1x'],
  ['/x', '/api/y', { segments: 1, to: '/' }, '/api/x'],
  ['x/y', '/api/y', V1, 'x/y'],
  ['', '/a', null, ''],
  ['mailto:a@b', '/a', null, 'mailto:a@b']
]

for (const [location, path, rewrite, expected] of LOCATIONS) {
  test(`Location ${JSON.stringify(location)} at ${path}${rewrite ? ` (→ ${rewrite.to})` : ''} → ${expected}`, () => {
    assert.equal(publicLocation(location, { upstream, path, rewrite }), expected)
  })
}

test('what names the upstream never comes back as a reference to another host', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('/', 'a', '.', '?', '#', '\\', '@') }), (rest) => {
      const location = publicLocation(`http://app:3000/${rest}`, { upstream, path: '/a', rewrite: null })
      return /^\/(?!\/)/.test(location)
    })
  )
})

const COOKIES: readonly [string, Parameters<typeof cookieRewrite>[0], string][] = [
  ['a=1', {}, 'a=1'],
  ['a=1;Path=/;HttpOnly', {}, 'a=1; Path=/; HttpOnly'],
  ['a=1; Domain=.APP.internal', { domain: { 'app.internal': 'x.example' } }, 'a=1; Domain=x.example'],
  ['a=1; Domain=b.internal', { domain: { 'app.internal': 'x.example' } }, 'a=1; Domain=b.internal'],
  ['a=1; Domain=b', { domain: 'c' }, 'a=1; Domain=c'],
  ['a=1; Domain=b; Secure', { domain: '' }, 'a=1; Secure'],
  ['domain=b; Path=/', { domain: 'c' }, 'domain=b; Path=/'],
  ['a=1; Path=/v1/x', { path: { '/v1': '/api' } }, 'a=1; Path=/api/x'],
  ['a=1; Path=/v10', { path: { '/v1': '/api' } }, 'a=1; Path=/v10'],
  ['a=1; Path=/x', { path: { '/': '/api/' } }, 'a=1; Path=/api/x'],
  ['a=1; secure', { flags: ['Secure', 'HttpOnly'] }, 'a=1; Secure; HttpOnly'],
  ['a=1; SameSite=None', { flags: ['SameSite=Strict'] }, 'a=1; SameSite=Strict'],
  ['a=b=c; Path=/', { flags: ['Secure'] }, 'a=b=c; Path=/; Secure']
]

for (const [line, options, expected] of COOKIES) {
  test(`Set-Cookie ${line} → ${expected}`, () => assert.equal(cookieRewrite(options)(line), expected))
}
