// The path that reaches the upstream: byte for byte, or with its prefix replaced (nginx: proxy_pass with and without a URI).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'
import { rawExchange } from '../support/raw-client'
import { bothProtocols } from './protocols'

const RAW_PATHS: readonly [string, string][] = [
  ['dots inside segments', '/api/a..b/c.d/.e/...'],
  ['an encoded slash', '/api/a%2Fb%2fc'],
  ['doubled slashes', '/api//a///b/'],
  ['matrix parameters', '/api/a;v=1/b;c'],
  ['escapes in either case', '/api/%C3%A9%c3%a9/%7Ex'],
  ['escapes of unreserved characters', '/api/%41%2D%2e%2E%2ex'],
  ['a prefix written with escapes', '/%61p%69/a'],
  ['characters that a URL parser would encode', '/api/{a}|b^c`d"e<f>\''],
  ['an escaped percent sign', '/api/100%25%20off'],
  ['a query as it is', '/api/a?x=%2F&y=a+b&&z=[]&x={}|"'],
  ['an empty query', '/api/a?'],
  ['question marks in the query', '/api/a?b?c=/../d'],
  ['the prefix alone', '/api'],
  ['the prefix with a slash', '/api/'],
  ['a query behind the prefix', '/api?q'],
  ['a long query', `/api/a?q=${'0123456789abcdef'.repeat(480)}`]
]

bothProtocols('the raw path goes through byte for byte', async (t, start) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { ask } = await start({ prefix: '/api', upstream: origin.url })
  for (const [name, path] of RAW_PATHS) {
    const answer = await ask(path)
    assert.equal(answer.status, 200, name)
    assert.equal(answer.json<{ url: string }>().url, path, name)
  }
})

test("bare bytes above ASCII are 400: Node's parser takes escapes only", async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/api', upstream: origin.url })
  assert.equal((await rawExchange(url, 'GET /api/caf\xe9 HTTP/1.1\r\nHost: a\r\n\r\n')).status, 400)
  assert.equal(origin.requests.length, 0)
})

const REFUSED: readonly string[] = [
  '/api/../a',
  '/api/..',
  '/api/./a',
  '/api/%2e%2e/a',
  '/api/.%2E/a',
  '/api/..;/a',
  '/api/a\\b',
  '/api/a%5Cb',
  '/api/a%00',
  '/api/a%0d%0ab',
  '/api/%E9',
  '/api/%zz',
  '/api/%'
]

bothProtocols('a path that two readers would read differently is 400 and goes nowhere', async (t, start) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { ask } = await start({ prefix: '/api', upstream: origin.url })
  for (const path of REFUSED) assert.equal((await ask(path)).status, 400, path)
  assert.equal(origin.requests.length, 0)
})

test('a fragment in the target is 400', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/api', upstream: origin.url })
  assert.equal((await rawExchange(url, 'GET /api/a#b HTTP/1.1\r\nHost: a\r\n\r\n')).status, 400)
  assert.equal(origin.requests.length, 0)
})

test('absolute-form passes for its own authority, as origin-form', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/api', upstream: origin.url })
  const own = await rawExchange(url, 'GET http://a.test/api/x?y HTTP/1.1\r\nHost: a.test\r\n\r\n')
  assert.equal(own.status, 200)
  assert.equal(origin.requests[0]?.url, '/api/x?y')
  const other = await rawExchange(url, 'GET http://evil.test/api/x HTTP/1.1\r\nHost: a.test\r\n\r\n')
  assert.equal(other.status, 400)
  assert.equal(origin.requests.length, 1)
})

const REWRITES: readonly [prefix: string, to: string, path: string, expected: string][] = [
  ['/api', '/v1', '/api/a/b?q=1', '/v1/a/b?q=1'],
  ['/api', '/v1', '/api', '/v1'],
  ['/api', '/v1', '/api/', '/v1/'],
  ['/api', '/v1/', '/api/a', '/v1/a'],
  ['/api', '/', '/api/a', '/a'],
  ['/api', '/', '/api', '/'],
  ['/api', '/', '/api?q', '/?q'],
  ['/api', '/v1', '/api/a%2Fb//c;d', '/v1/a%2Fb//c;d'],
  ['/api', '/v1', '/%61pi/a', '/v1/a'],
  ['/a/b', '/x', '/a/%62/c', '/x/c'],
  ['/', '/v1', '/a/b', '/v1/a/b'],
  ['/', '/v1', '/', '/v1/'],
  ['/api', '/', '/api//evil.test/x', '/evil.test/x']
]

bothProtocols('rewritePrefix replaces the matched segments and nothing else', async (t, start) => {
  const origin = await startOrigin()
  t.after(origin.close)
  for (const [prefix, rewritePrefix, path, expected] of REWRITES) {
    const { ask, edge } = await start({ prefix, rewritePrefix, upstream: origin.url })
    assert.equal(
      (await ask(path)).json<{ url: string }>().url,
      expected,
      `${prefix} → ${rewritePrefix}: ${path}`
    )
    await edge.close()
  }
})

test('the path of the upstream URL stands for rewritePrefix', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/api', upstream: `${origin.url}/v1` })
  assert.equal((await get(`${url}/api/a?b`)).json<{ url: string }>().url, '/v1/a?b')
  assert.equal((await get(`${url}/api`)).json<{ url: string }>().url, '/v1')
})

test('a URL that ends in a slash strips the prefix', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { prefix: '/api', upstream: `${origin.url}/` })
  assert.equal((await get(`${url}/api/a`)).json<{ url: string }>().url, '/a')
})

test('an exact path is rewritten as a whole', async (t) => {
  const origin = await startOrigin()
  t.after(origin.close)
  const { url } = await startEdge(t, { path: '/login', rewritePrefix: '/auth/start', upstream: origin.url })
  assert.equal((await get(`${url}/login?next=/a`)).json<{ url: string }>().url, '/auth/start?next=/a')
  assert.equal((await get(`${url}/login/x`)).status, 404)
})
