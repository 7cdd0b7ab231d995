import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { invalidates } from '../../src/cache/invalidation'
import type { Fields } from '../../src/http/message'

const request = { method: 'POST', scheme: 'http', authority: 'a.example', target: '/x?q' }

for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'M-SEARCH', 'FOO', 'get']) {
  test(`${method} invalidates its target`, () => {
    assert.deepEqual(invalidates({ ...request, method }, { status: 200, fields: {} }), ['/x?q'])
  })
}
for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY']) {
  test(`${method} invalidates nothing`, () => {
    const fields = { location: '/y' }
    assert.deepEqual(invalidates({ ...request, method }, { status: 200, fields }), [])
  })
}
for (const [status, expected] of [
  [101, 0],
  [200, 1],
  [204, 1],
  [303, 1],
  [399, 1],
  [400, 0],
  [500, 0]
] as const) {
  test(`an answer of ${status} invalidates ${expected}`, () => {
    assert.equal(invalidates(request, { status, fields: {} }).length, expected)
  })
}

const references: [string, Fields, string[]][] = [
  ['Location', { location: '/y' }, ['/x?q', '/y']],
  ['Content-Location', { 'content-location': 'y?z' }, ['/x?q', '/y?z']],
  ['both', { location: '/y', 'content-location': '/z' }, ['/x?q', '/y', '/z']],
  ['absolute', { location: 'http://A.EXAMPLE:80/y' }, ['/x?q', '/y']],
  ['its own target again', { location: '/x?q' }, ['/x?q']],
  ['another host', { location: 'http://b.example/y' }, ['/x?q']],
  ['another scheme', { location: 'https://a.example/y' }, ['/x?q']],
  ['another port', { 'content-location': 'http://a.example:81/y' }, ['/x?q']],
  ['another host without scheme', { location: '//b.example/y' }, ['/x?q']],
  ['several lines', { location: ['/y', 'http://b.example/'] }, ['/x?q', '/y']],
  ['unreadable', { location: 'http://[' }, ['/x?q']]
]
for (const [name, fields, expected] of references) {
  test(`invalidates: ${name}`, () =>
    assert.deepEqual(invalidates(request, { status: 201, fields }), expected))
}

test('no Location makes it throw, and every target is a path', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (location) => {
      const targets = invalidates(request, { status: 200, fields: { location } })
      assert.ok(targets.every((target) => target.startsWith('/')))
    })
  )
})
