import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolveSecurityHeaders } from '../../src/proxy/security'

test('off is null', () => {
  assert.equal(resolveSecurityHeaders(undefined, 'at'), null)
  assert.equal(resolveSecurityHeaders(false, 'at'), null)
})

test('true and an empty object are the defaults', () => {
  const expected = {
    always: [
      ['x-content-type-options', 'nosniff'],
      ['x-frame-options', 'SAMEORIGIN'],
      ['referrer-policy', 'strict-origin-when-cross-origin']
    ],
    tlsOnly: [['strict-transport-security', 'max-age=31536000']]
  }
  assert.deepEqual(resolveSecurityHeaders(true, 'at'), expected)
  assert.deepEqual(resolveSecurityHeaders({}, 'at'), expected)
})

test('each can be off, the default, or another text', () => {
  const resolved = resolveSecurityHeaders(
    {
      hsts: false,
      nosniff: false,
      frame: 'DENY',
      referrer: true,
      csp: "default-src 'self'",
      permissions: false
    },
    'at'
  )
  assert.deepEqual(resolved, {
    always: [
      ['x-frame-options', 'DENY'],
      ['referrer-policy', 'strict-origin-when-cross-origin'],
      ['content-security-policy', "default-src 'self'"]
    ],
    tlsOnly: []
  })
})

test('a text that no field may have is refused by its path', () => {
  assert.throws(() => resolveSecurityHeaders({ coop: 'a\r\nb: c' }, 'routes[0].securityHeaders'), {
    message: 'routes[0].securityHeaders.coop: "a\\r\\nb: c" is no field value'
  })
})
