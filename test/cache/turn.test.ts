import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCacheControl } from '../../src/cache/directives'
import { evaluateTests, openTurn } from '../../src/cache/turn'
import { Abort } from '../../src/http/abort'
import type { Fields } from '../../src/http/message'

test('bypass and noStore: a function, or field names with nginx’s idea of true', () => {
  const tests = { key: undefined, bypass: ['x-fresh', 'pragma'], noStore: (request: never) => request === 7 }
  for (const [fields, bypass] of [
    [{}, false],
    [{ 'x-fresh': '1' }, true],
    [{ 'x-fresh': '0' }, false],
    [{ 'x-fresh': '', pragma: 'no-cache' }, true]
  ] as const) {
    assert.deepEqual(evaluateTests(tests, 7, fields), { bypass, noStore: true })
  }
  assert.deepEqual(evaluateTests({ key: () => 'k' as never, bypass: undefined, noStore: undefined }, 7, {}), {
    customKey: 'k',
    bypass: false,
    noStore: false
  })
})

for (const [name, fields, isPrivate, personal] of [
  ['nothing', {}, false, false],
  ['a cookie that counts', { cookie: 'session=1' }, false, true],
  ['a cookie that does not count', { cookie: 'theme=dark' }, false, false],
  ['credentials', { authorization: 'Basic eDp5' }, false, true],
  ['fields of an auth server', {}, true, true]
] as [string, Fields, boolean, boolean][]) {
  test(`a request with ${name} is ${personal ? '' : 'not '}personal`, () => {
    const request = {
      method: 'HEAD',
      scheme: 'http',
      authority: 'example.com',
      target: '/',
      fields,
      upstream: 'app',
      hasBody: false,
      private: isPrivate
    }
    const upstream = { method: 'HEAD', path: '/', fields, body: null }
    const call = {
      fetch: () => Promise.reject(),
      abort: new Abort(),
      now: () => 0,
      background: () => new Abort()
    }
    const turn = openTurn({ request, upstream, call, primary: 'k' }, { cookies: ['session'] })
    assert.equal(turn.personal, personal)
    assert.deepEqual([turn.facts.method, turn.directives], ['GET', parseCacheControl(undefined)])
  })
}
