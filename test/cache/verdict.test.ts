import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCacheControl } from '../../src/cache/directives'
import { flightAgeMs, keepsOut, keepsToItself, passedOver, staleWord } from '../../src/cache/verdict'

const GET = { methods: new Set(['GET']) }

const PASSED: [string, Parameters<typeof passedOver>[0], ReturnType<typeof passedOver>][] = [
  ['a method that the route does not cache', { method: 'HEAD', hasBody: false }, 'method'],
  ['content', { method: 'GET', hasBody: true, bypass: true }, 'body'],
  ['the route’s bypass', { method: 'GET', hasBody: false, bypass: true }, 'bypass'],
  ['nothing', { method: 'GET', hasBody: false, bypass: false }, undefined]
]
for (const [name, request, reason] of PASSED) {
  test(`passed over for ${name}`, () => assert.equal(passedOver(request, GET), reason))
}

test('a cookie keeps out what only `valid` makes fresh', () => {
  const asked = { fields: { cookie: 'session=1' } }
  assert.equal(keepsOut(asked, 'valid', { cookies: 'bypass' }), true)
  assert.equal(keepsOut(asked, 'cache-control', { cookies: 'bypass' }), false)
  assert.equal(keepsOut(asked, 'valid', { cookies: 'ignore' }), false)
})

test('no-store of the route goes before that of the client, which can be ignored', () => {
  const directives = parseCacheControl('no-store')
  assert.equal(keepsToItself({ noStore: true }, directives, { requestDirectives: true }), 'no-store')
  assert.equal(keepsToItself({}, directives, { requestDirectives: true }), 'request-no-store')
  assert.equal(keepsToItself({}, directives, { requestDirectives: false }), undefined)
})

const STALE: [Parameters<typeof staleWord>[0], boolean, boolean, string][] = [
  ['never', true, true, 'EXPIRED'],
  ['updating', true, true, 'UPDATING'],
  ['updating', false, true, 'EXPIRED'],
  ['while-revalidate', true, true, 'UPDATING'],
  ['while-revalidate', false, true, 'STALE'],
  ['while-revalidate', false, false, 'EXPIRED']
]
for (const [servable, underWay, background, word] of STALE) {
  test(`stale, ${servable}, ${underWay ? 'under way' : 'idle'}, background ${background}: ${word}`, () =>
    assert.equal(staleWord(servable, { underWay, background }), word))
}

test('a fetch counts as under way for the age of the lock', () => {
  assert.equal(flightAgeMs({ lock: { timeoutMs: 1, ageMs: 7 } }), 7)
  assert.equal(flightAgeMs({ lock: undefined }), 30_000)
})
