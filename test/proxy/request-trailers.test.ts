import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestTrailers } from '../../src/proxy/request-trailers'
import type { Route } from '../../src/proxy/route'

const RULES = {
  authNames: new Set(['x-user']),
  headers: { request: [['x-role', 'guest']] }
} as unknown as Pick<Route, 'authNames' | 'headers'>

const read = (...raw: string[]) => requestTrailers(undefined, () => raw, RULES).read()

test('trailers cross in lower case, several lines of one name together', () => {
  assert.deepEqual(
    { ...read('X-Sum', '1', 'Server-Timing', 'a', 'x-sum', '2') },
    {
      'x-sum': ['1', '2'],
      'server-timing': 'a'
    }
  )
})

const STAY: [string, readonly string[]][] = [
  [
    'framing',
    ['content-length', 'transfer-encoding', 'trailer', 'connection', 'keep-alive', 'te', 'upgrade']
  ],
  ['routing', ['host', 'expect', 'max-forwards', 'x-http-method-override', 'X-Original-URL']],
  ['credentials', ['authorization', 'cookie', 'proxy-authorization']],
  ['conditions and ranges', ['if-match', 'If-None-Match', 'if-range', 'range', 'cache-control', 'pragma']],
  ['what describes the content', ['content-type', 'content-encoding', 'content-range', 'content_type']],
  [
    'what only the edge may say',
    ['x-forwarded-for', 'X_Real_IP', 'forwarded', 'via', 'x-request-id', 'x_request_id']
  ],
  ['what the auth server says', ['x-user', 'X_User']],
  ['what the route sets or removes', ['x-role', 'X.Role']],
  ['pseudo-fields', [':path', ':authority']]
]

for (const [what, names] of STAY) {
  test(`${what} stays`, () => {
    for (const name of names) assert.deepEqual({ ...read(name, 'x', 'X-Sum', '1') }, { 'x-sum': '1' }, name)
  })
}

test('what is announced goes by the same rules', () => {
  const announced = (text: string | string[]) => requestTrailers(text, () => [], RULES).announced
  assert.deepEqual(announced('X-Sum, Host, x-user, a b,, X-Other'), ['x-sum', 'x-other'])
  assert.deepEqual(announced(['x-a', 'x-b']), ['x-a', 'x-b'])
  assert.deepEqual(requestTrailers(undefined, () => [], RULES).announced, [])
})
