// nginx: proxy_redirect. The upstream's redirects, brought back to the public side.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startEdge } from '../support/edge'
import { get } from '../support/http-client'
import { startOrigin } from '../support/origin'

const ROUTES = (upstream: string) => [
  { prefix: '/raw', upstream },
  { prefix: '/api', upstream, rewritePrefix: '/v1' },
  { prefix: '/strip', upstream, rewritePrefix: '/' },
  { prefix: '/off', upstream, rewritePrefix: '/v1', rewriteLocation: false }
]

// Location as sent, with O for the origin's authority; where it is asked; Location as it arrives.
const CASES: readonly [string, string, string][] = [
  ['http://O/raw/x', '/raw', '/raw/x'],
  ['http://O', '/raw', '/'],
  ['http://O?x=1', '/raw', '/?x=1'],
  ['http://other.example/raw', '/raw', 'http://other.example/raw'],
  ['http://O.evil.example/', '/raw', 'http://O.evil.example/'],
  ['http://O@evil.example/', '/raw', 'http://O@evil.example/'],
  ['http://O//evil.example', '/raw', '/.//evil.example'],
  ['//other.example/x', '/raw', '//other.example/x'],
  ['relative', '/raw', 'relative'],
  ['?q', '/raw', '?q'],
  ['http://O/v1/login', '/api/x', '/api/login'],
  ['/v1/login?a=/v1/', '/api/x', '/api/login?a=/v1/'],
  ['/v1', '/api', '/api'],
  ['/v1?x', '/api', '/api?x'],
  ['/v10/x', '/api', '/v10/x'],
  ['/elsewhere', '/api', '/elsewhere'],
  ['/login', '/strip/x', '/strip/login'],
  ['http://O/', '/strip', '/strip/'],
  ['/v1/x', '/off', '/v1/x']
]

test('Location names what the client can follow', async (t) => {
  const origin = await startOrigin(({ headers }, response) => {
    response.statusCode = 302
    response.setHeader('location', String(headers['x-location']).replace('O', String(headers['x-origin'])))
    response.end()
  })
  t.after(origin.close)
  const authority = origin.url.slice('http://'.length)
  const { url } = await startEdge(t, { routes: ROUTES(origin.url) })
  for (const [sent, path, expected] of CASES) {
    const headers = { 'X-Location': sent, 'X-Origin': authority }
    const { status, headers: answer } = await get(url + path, { headers })
    assert.equal(status, 302)
    assert.equal(answer.location, expected.replace('O', authority), `${sent} at ${path}`)
  }
})

test('a prefix written with escapes is kept as the client wrote it', async (t) => {
  const origin = await startOrigin((_, response) => {
    response.statusCode = 302
    response.setHeader('location', '/v1/next')
    response.end()
  })
  t.after(origin.close)
  const { url } = await startEdge(t, { routes: ROUTES(origin.url) })
  assert.equal((await get(`${url}/%61pi/x`)).headers.location, '/%61pi/next')
})
