// Unkeyed inputs: what one client says in a field that is in no cache key never reaches the page of the next (RFC 9111 §7.1).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OVERRIDES } from '../../src/http/overrides'
import { get } from '../support/http-client'
import { rawExchange } from '../support/raw-client'
import { startScene } from './scene'

const FORWARDED = [
  'x-forwarded',
  'x-forwarded-by',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-method',
  'x-forwarded-path',
  'x-forwarded-port',
  'x-forwarded-prefix',
  'x-forwarded-proto',
  'x-forwarded-protocol',
  'x-forwarded-scheme',
  'x-forwarded-server',
  'x-forwarded-ssl',
  'x-forwarded-uri',
  'x-forwarded-url',
  'x-real-ip',
  'forwarded',
  'forwarded-for'
]
const CONNECTION = ['keep-alive', 'proxy-connection', 'upgrade-x', 'te', 'http2-settings']
const CONDITIONS = [
  'if-match',
  'if-none-match',
  'if-modified-since',
  'if-unmodified-since',
  'if-range',
  'range'
]
const ALIASED = [...OVERRIDES, ...FORWARDED]
/** A name in the spellings that CGI, WSGI and PHP take for the same. */
const NAMES = [
  ...ALIASED,
  ...ALIASED.filter((name) => name.includes('-')).map((name) => name.replaceAll('-', '_')),
  ...CONNECTION,
  ...CONDITIONS
]

test('a hundred field names, reflected by the origin, never reach a clean client', async (t) => {
  assert.ok(NAMES.length >= 100)
  const scene = await startScene(t, {
    handler: (request, response) => response.end(JSON.stringify([request.url, request.rawHeaders])),
    routes: () => [{ prefix: '/', upstream: 'app', cache: { zone: 'pages', valid: '60s' } }]
  })
  for (const [index, name] of NAMES.entries()) {
    // Fields of the connection itself go only where Connection does not name them: both spellings of the attack.
    const named = name === 'upgrade-x' ? 'Connection: upgrade-x\r\n' : ''
    const attack = `GET /${index} HTTP/1.1\r\nHost: a\r\n${named}${name}: canary.test\r\n\r\n`
    await rawExchange(scene.url, attack)
    const clean = await rawExchange(scene.url, `GET /${index} HTTP/1.1\r\nHost: a\r\n\r\n`)
    assert.equal(clean.status, 200, name)
    assert.ok(!clean.body.includes('canary'), name)
  }
})

test('on requests that are not stored the same fields pass', async (t) => {
  const scene = await startScene(t, {
    handler: (request, response) => response.end(String(request.headers['x-http-method-override'])),
    routes: () => [
      { prefix: '/cached', upstream: 'app', cache: 'pages' },
      { prefix: '/plain', upstream: 'app' }
    ]
  })
  const headers = { 'x-http-method-override': 'PUT' }
  assert.equal((await get(`${scene.url}/plain`, { headers })).text, 'PUT')
  assert.equal((await get(`${scene.url}/cached`, { headers, method: 'POST', body: 'a' })).text, 'PUT')
  assert.equal((await get(`${scene.url}/cached`, { headers })).text, 'undefined')
})

test('what the route itself sets passes', async (t) => {
  const scene = await startScene(t, {
    handler: (request, response) => response.end(String(request.headers['x-original-url'])),
    routes: () => [
      {
        prefix: '/',
        upstream: 'app',
        cache: 'pages',
        headers: { request: { 'x-original-url': ({ url }: { url: string }) => url } }
      }
    ]
  })
  assert.equal((await get(`${scene.url}/own`, { headers: { 'x-original-url': '/evil' } })).text, '/own')
})
